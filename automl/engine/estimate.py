"""What a search will cost, said before it is spent."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import statistics
from typing import TYPE_CHECKING, Any

from automl.engine.beforehand import Beforehand, trial_spec
from automl.engine.narrow import NarrowedTrial
from automl.engine.resolve import BATCH_SIZE, Plan
from automl.engine.settings import MOST_TRIALS, TRIALS
from automl.engine.store import quiet_optuna
from automl.errors import TrialError
from automl.price.tag import Figure, PriceTag

if TYPE_CHECKING:
    from automl.parts import Config
    from automl.parts.executor import Workers
    from automl.price.work import Work
    from automl.training.trial import TrialSpec

SAMPLES = 6
TIMED = 3
STEPS = 8


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The likely cost of the trials still to come.

    Attributes:
        trials: How many.
        tag: FLOPs and seconds, each the expected value.
        low_s: A search that goes well takes no less than this many seconds, two times in three.
        high_s: A search that goes ill takes no more than this many seconds, two times in three.
        share: The likely part of full trainings' work, trials being stopped at rungs.
        spent: What finding this out has cost, in operations; its time is on the meter of who asked.
    """

    trials: int
    tag: PriceTag
    low_s: float
    high_s: float
    share: float = 1.0
    spent: PriceTag = dataclasses.field(default_factory=PriceTag)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types, without what the estimate itself has cost."""
        return {"trials": self.trials, "tag": self.tag.to_json(), "low_s": self.low_s, "high_s": self.high_s}


def trained_share(plan: Plan) -> tuple[float, float, float]:
    """Which part of the work of full trainings a search does that stops trials at rungs: at least, likely, at most.

    At least what successive halving does, where of each rung's trials the best go on in the proportion of the rungs
    (1 of 3 from 1 to 3 epochs); at most all of it. On digits it was six tenths, and the mean of both is taken for
    likely.
    """
    rungs = plan.rungs
    if not plan.strategy.stops or len(rungs) == 1:
        return 1.0, 1.0, 1.0
    halving = sum((rung - before) * rungs[0] / (before or rung) for before, rung in itertools.pairwise((0, *rungs)))
    least = halving / rungs[-1]
    return least, (least + 1.0) / 2, 1.0


def estimate(plan: Plan, trials: int, workers: Workers, bill: PriceTag | None = None) -> Estimate | None:
    """Prices a few candidates and times a few training steps of some: such as the strategy foresees, or random ones.

    Operations are counted for every sampled candidate; seconds a trial are interpolated between those timed, as a
    fixed part plus a part in proportion to the operations.

    Args:
        plan: The search.
        trials: Trials still to come, unless the budget ends the search before.
        workers: Where training steps are timed: what crashes there does not crash the search.
        bill: What the study has cost until now.

    Returns:
        The estimate; None when none of the sampled candidates could be built and trained, which the search will report,
        and where trainings are looked up, which costs nothing.
    """
    if plan.recorded:
        return None
    counted = sorted(_counted(plan, trials), key=lambda pair: pair[0].training.flops)
    if not counted:
        return None
    flops = [work.training_tag(*_run(plan))["flops"].value for work, _ in counted]
    timed = sorted({round(i * (len(counted) - 1) / (TIMED - 1)) for i in range(TIMED)})
    points = []
    for index in timed:
        with contextlib.suppress(TrialError):  # it fails in its own trial, with its cause
            points.append((flops[index], _trial_s(counted[index][1], workers)))
    if not points:
        return None
    least, likely, most = trained_share(plan)
    jobs = plan.resources.jobs
    seconds = [_interpolate(flop, points) / jobs for flop in flops]
    mean, spread = statistics.fmean(seconds), statistics.pstdev(seconds)
    full = PriceTag({"wall_s": Figure(mean, "estimated"), "flops": Figure(statistics.fmean(flops), "estimated")})
    affordable = plan.budget.affords(bill or PriceTag(), full * likely)
    if affordable is not None:
        trials = min(trials, affordable)
    elif trials >= MOST_TRIALS // 2:
        # A budget of energy or money cannot be held against seconds and operations: nobody knows how far it goes.
        trials = TRIALS
    # Two errors: of a mean over few random candidates, and of timing a few steps on a machine with other work.
    error = math.hypot(spread * math.sqrt(1 / len(counted) + 1 / max(1, trials)), 0.2 * mean)
    how = f"{len(counted)} candidates counted, {len(points)} of them timed for {STEPS} steps"
    if jobs > 1:
        how += f"; {jobs} trials at a time"
    if most > least:
        how += f"; from {least:.0%} to {most:.0%} of their full trainings, most being stopped early"
    tag = PriceTag({name: Figure(figure.value * likely * trials, "estimated", how) for name, figure in full.items()})
    low_s, high_s = max(0.0, mean - error) * least * trials, (mean + error) * most * trials
    batch = _run(plan)[2]
    spent = PriceTag.total(counted[index][0].training_tag(STEPS * batch, STEPS, batch) for index in timed)
    return Estimate(trials, tag, low_s, high_s, likely, spent)


def _run(plan: Plan) -> tuple[int, int, int]:
    """Examples, steps and batch size of one training."""
    batch = plan.settings.batch_size or BATCH_SIZE
    epochs = plan.rungs[-1]
    return epochs * plan.data.train_size, epochs * max(1, plan.data.train_size // batch), batch


def _counted(plan: Plan, trials: int) -> list[tuple[Work, TrialSpec]]:
    """Work and spec of each sampled candidate that can be built."""
    from automl.training.parts import count_work

    counted = []
    for config in _sample(plan, trials):
        spec = trial_spec(plan, config, "estimate")
        with contextlib.suppress(Exception):  # it fails in its own trial, with its cause
            counted.append((count_work(spec), spec))
    return counted


def _sample(plan: Plan, trials: int) -> list[Config]:
    beforehand = Beforehand(plan)
    foreseen = plan.strategy.foresee(beforehand.dimensions, trials)
    if foreseen:
        places = sorted({round(i * (len(foreseen) - 1) / (SAMPLES - 1)) for i in range(SAMPLES)})
        return [beforehand.config(foreseen[place]) for place in places]
    import optuna

    quiet_optuna()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=plan.settings.seed))
    return [plan.space.suggest(NarrowedTrial(study.ask(), plan.narrowing), plan.data) for _ in range(SAMPLES)]


def _trial_s(spec: TrialSpec, workers: Workers) -> float:
    """Seconds one trial would take, from a few steps of its training."""
    step_s = workers.time_step(spec, STEPS)
    steps = max(1, spec.data.train_size // spec.batch_size) * spec.epochs
    # Validation is a forward pass, about a third of a step an example.
    return step_s * steps * (1 + spec.data.val_size / (3 * spec.data.train_size))


def _interpolate(x: float, points: list[tuple[float, float]]) -> float:
    """Straight lines between the points, the last one going on."""
    if len(points) == 1:
        return points[0][1]
    pairs = list(itertools.pairwise(points))
    (x0, y0), (x1, y1) = next(((a, b) for a, b in pairs if x <= b[0]), pairs[-1])
    return max(0.0, y0 + (y1 - y0) * (x - x0) / (x1 - x0)) if x1 > x0 else max(y0, y1)
