"""NePS's PriMO (MOASHA as initial design, then Bayesian optimization of one scalarization), behind ask and tell."""

from functools import partial
from typing import Any

import neps
from neps.optimizers.algorithms import primo

FIDELITY = "fidelity of the step"


class KeepsDesigning:
    """Lets PriMO's initial design go on until a trial was trained in full.

    PriMO leaves its initial design after as many full trainings' worth of epochs as there are dimensions and then fails
    if no trial has reached the last rung, which happens with few dimensions and many rungs.

    Args:
        reached: PriMO's own test, a bound method of it.
        full: Its fidelity of a full training.
    """

    def __init__(self, reached: Any, full: int) -> None:
        self.reached = reached
        self.full = full

    def __call__(self, trials: Any, threshold: float) -> bool:
        """Say whether Bayesian optimization may take over."""
        trained = any(trial.config[FIDELITY] == self.full for trial in trials.values() if trial.report is not None)
        return trained and self.reached(trials=trials, threshold=threshold)


class Primo:
    """Asks NePS's own ask-and-tell wrapper, which holds everything in memory.

    No expert priors are given: `prior_centers` is required but may be empty, so the initial design samples uniformly
    and the acquisition is never weighted. All else is as shipped: the initial design takes as many full trainings'
    worth of epochs as there are dimensions (a promoted trial's earlier epochs count again), its weights are drawn once
    a run, and Bayesian optimization trains every proposal in full at once and learns from full trainings alone.

    NePS places its rungs at the largest fidelity divided by powers of eta and cannot take a list (2, 6, 17, 52 would be
    5, 17, 52). So the list is put in afterwards. The fidelity must be a range, so with a single rung of 1 epoch the
    range is 1 to 2 and the one rung is 2.

    Its MOASHA counts only what was not promoted yet: with eta 3 none of a rung's first two goes on, and from then on
    one for each that arrives, not one in three. That is left as shipped too.

    Args:
        dimensions: What is searched.
        rungs: Epochs at which a trial is told.
    """

    def __init__(self, dimensions: list[dict[str, Any]], rungs: list[int]) -> None:
        full = max(rungs[-1], 2)
        fidelities = [*rungs[:-1], full]
        elements = {dimension["name"]: parameter(dimension) for dimension in dimensions}
        elements[FIDELITY] = neps.HPOInteger(fidelities[0] if len(rungs) > 1 else 1, full, is_fidelity=True)
        eta = max(2, round((rungs[-1] / rungs[0]) ** (1 / (len(rungs) - 1)))) if len(rungs) > 1 else 3
        optimizer = primo(neps.SearchSpace(elements), eta=eta, prior_centers={})
        brackets = optimizer.bracket_optimizer
        brackets.rung_to_fid = dict(enumerate(fidelities))
        brackets.create_brackets = partial(brackets.create_brackets, rungs=list(range(len(rungs))))
        optimizer.threshold_reached = KeepsDesigning(optimizer.threshold_reached, full)
        self.names = [dimension["name"] for dimension in dimensions]
        self.rung_of = {fidelity: rung for rung, fidelity in enumerate(fidelities)}
        self.asked = neps.AskAndTell(optimizer)
        self.numbers: dict[str, int] = {}
        self.stands: dict[int, int] = {}
        self.pending: tuple[int, int, str] | None = None

    def ask(self) -> dict[str, Any]:
        """Give the next step: a promotion or a new trial."""
        trial = self.asked.ask()
        # "3_rung_1" is the initial design's configuration 3 at rung 1; Bayesian optimization's own "3" is another one,
        # because PriMO numbers on from the fully trained trials only
        configuration = trial.id.rsplit("_", 1)[0]
        number = self.numbers.setdefault(configuration, len(self.numbers))
        rung = self.rung_of[trial.config[FIDELITY]]
        self.pending = (number, rung, trial.id)
        return {
            "trial": number,
            "point": {name: trial.config[name] for name in self.names},
            "rung": rung,
            "from_rung": self.stands.get(number),
        }

    def tell(self, trial: int, rung: int, losses: list[float], price: float) -> None:
        """Report the step's losses."""
        if self.pending is None or self.pending[:2] != (trial, rung):
            raise ValueError(f"trial {trial} at rung {rung} was not asked for")
        self.asked.tell(self.pending[2], {"objective_to_minimize": [float(loss) for loss in losses]})
        self.stands[trial] = rung
        self.pending = None


def parameter(dimension: dict[str, Any]) -> Any:
    """Give NePS's parameter; both bounds are included there as here."""
    if dimension["kind"] == "choice":
        return neps.HPOCategorical(list(range(len(dimension["choices"]))))
    kind = neps.HPOInteger if dimension["kind"] == "int" else neps.HPOFloat
    return kind(dimension["low"], dimension["high"], log=dimension["log"])
