"""Syne Tune's MOASHA (Schmucker et al. 2021), stopping variant, behind ask and tell."""

from datetime import datetime
from typing import Any

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer.scheduler import SchedulerDecision
from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA
from syne_tune.optimizer.schedulers.multiobjective.multiobjective_priority import MOPriority, NonDominatedPriority

EPOCH = "epoch"


class RankedPriority(NonDominatedPriority):
    """The shipped priority with each candidate's rank in place of the sort order.

    The scheduler reads entry i as how good candidate i is, but the shipped priority answers which candidate comes at
    place i: whether the newcomer, always the last entry, goes on depends on who happens to be last in the order.

    Within a front the shipped order is still not the epsilon net's, as `nondominated_sort` takes that one's ranks for
    an order too; it is left so, because fronts keep their places and only candidates of one front change theirs.
    """

    def priority_unsafe(self, objectives: np.ndarray) -> np.ndarray:
        """Give each candidate its place in the shipped order, the best 0."""
        order = super().priority_unsafe(objectives)
        ranks = np.empty(len(order), dtype=int)
        ranks[order] = np.arange(len(order))
        return ranks


class Moasha:
    """Takes each trial from rung to rung until the scheduler stops it, then proposes a new random point.

    The scheduler can only place its rungs at grace_period * reduction_factor ** k, which misses rungs that were rounded
    (2, 6, 17, 52 would be 2, 6, 18). So the milestones are put into its bracket afterwards; the decisions stay its own.
    As in Syne Tune the last rung is no milestone: a trial that gets there is done.

    Args:
        dimensions: What is searched.
        losses: How many losses are told.
        rungs: Epochs at which a trial is told; with one there is nothing to stop and the search is random.
        seed: Goes to the scheduler. What it draws comes from numpy's global generator, which the worker seeds.
        ranked: Whether its priority is mended (`RankedPriority`) or as shipped.
    """

    def __init__(
        self, dimensions: list[dict[str, Any]], losses: int, rungs: list[int], seed: int, *, ranked: bool
    ) -> None:
        self.rungs = rungs
        self.names = [f"loss_{number}" for number in range(losses)]
        priority: MOPriority = RankedPriority() if ranked else NonDominatedPriority()
        self.scheduler = MOASHA(
            {dimension["name"]: domain(dimension) for dimension in dimensions},
            metrics=self.names,
            time_attr=EPOCH,
            multiobjective_priority=priority,
            max_t=rungs[-1],
            grace_period=rungs[0],
            reduction_factor=reduction_factor(rungs),
            random_seed=seed,
        )
        # from the highest down, as the bracket itself orders them
        self.scheduler.brackets[0].rungs = [(epochs, {}) for epochs in reversed(rungs[:-1])]
        self.trial: Trial | None = None
        self.rung = 0
        self.started = 0

    def ask(self) -> dict[str, Any]:
        """Give the next step: the running trial's, or a new trial's first."""
        if self.trial is None:
            suggestion = self.scheduler.suggest()
            self.trial = Trial(self.started, suggestion.config, datetime.now().astimezone())
            self.scheduler.on_trial_add(self.trial)
            self.started += 1
            self.rung = 0
        return {
            "trial": self.trial.trial_id,
            "point": self.trial.config,
            "rung": self.rung,
            "from_rung": self.rung - 1 if self.rung else None,
        }

    def tell(self, trial: int, rung: int, losses: list[float], price: float) -> None:
        """Let the scheduler decide whether the trial goes on."""
        if self.trial is None or (trial, rung) != (self.trial.trial_id, self.rung):
            raise ValueError(f"trial {trial} at rung {rung} was not asked for")
        result = {EPOCH: self.rungs[rung], **dict(zip(self.names, losses, strict=True))}
        if self.scheduler.on_trial_result(self.trial, result) == SchedulerDecision.STOP:
            self.scheduler.on_trial_remove(self.trial)
            self.trial = None
        else:
            self.rung += 1


def domain(dimension: dict[str, Any]) -> Any:
    """Give Syne Tune's domain; both bounds are included there as here."""
    if dimension["kind"] == "choice":
        return choice(list(range(len(dimension["choices"]))))
    if dimension["kind"] == "int":
        return (lograndint if dimension["log"] else randint)(dimension["low"], dimension["high"])
    return (loguniform if dimension["log"] else uniform)(dimension["low"], dimension["high"])


def reduction_factor(rungs: list[int]) -> int:
    """Give the whole factor nearest to the rungs' mean ratio: one in that many goes on."""
    if len(rungs) == 1:
        return 3  # the default; there is nothing to reduce
    return max(2, round((rungs[-1] / rungs[0]) ** (1 / (len(rungs) - 1))))
