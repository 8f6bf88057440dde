"""What a study has cost so far, kept in the study so that neither a crash nor a new sitting loses any of it."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from automl.price.tag import SUMS, Figure, PriceTag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from automl.engine.budget import Budget
    from automl.engine.record import Record
    from automl.engine.study import Study
    from automl.price.meter import Meter
    from automl.price.tariff import Tariff

KEEP_EVERY_S = 10.0
"""Storing the bill takes the database some 20 ms; within a trial it is stored no more often than this."""

COUNTED = ("flops", "moved_bytes")

WORKED = ("cpu_s", "energy_wh")
"""What workers spend wherever they are; seconds by the clock pass for all of them at once."""


class Bill:
    """Adds up one sitting of a study, on top of what earlier ones have cost.

    Seconds, energy and memory are the meter's, which sees all that happens in the sitting: trials, the engine's own
    work, the test. Operations are the sum of those counted of each piece of work, of a running trial too.

    Where trainings are looked up nothing is metered: the bill says what they did cost when they were recorded.

    What workers spend on other machines no meter here sees: it is added as they tell it. Who cannot tell the energy
    leaves it unknown.

    Args:
        study: Where the bill is kept.
        meter: Open since the sitting began; None where trainings are looked up.
        tariff: Turns energy into carbon and money.
        clock: Returns seconds.

    Attributes:
        elsewhere: Returns what workers have spent on other machines in this sitting.
    """

    elsewhere: Callable[[], PriceTag] = PriceTag

    def __init__(
        self, study: Study, meter: Meter | None, tariff: Tariff, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._study = study
        self._meter = meter
        self._tariff = tariff
        self._clock = clock
        self._before = study.bill
        counted = PriceTag({"flops": Figure(0.0, "counted"), "moved_bytes": Figure(0.0, "counted")})
        self._done: PriceTag | None = None if meter is None else counted
        self._running: dict[int, PriceTag] = {}
        self._kept = clock()

    @property
    def total(self) -> PriceTag:
        """What the study has cost until now, all its sittings together."""
        parts = [*([] if self._done is None else [self._done]), *self._running.values()]
        sitting = PriceTag.total(parts) if parts else PriceTag()
        sitting = self._tariff.price(sitting | self._metered())
        return (self._before + sitting) if self._before and sitting else self._before or sitting

    def _metered(self) -> PriceTag:
        if self._meter is None:
            return PriceTag()
        here, there = self._meter.tag(), self.elsewhere()
        if not there:
            return here
        return here.only(name for name in here if name not in WORKED) | (here.only(WORKED) + there.only(WORKED))

    def over(self, budget: Budget) -> str:
        """Which limit of the budget is reached, in words; empty while there is room in all of them."""
        return budget.spent(self.total)

    def add(self, spent: PriceTag, trial: int | None = None) -> None:
        """Takes in a finished piece of work, a step of a trial perhaps, and stores the bill."""
        if trial is not None:
            self._running.pop(trial, None)
        if self._meter is None and not spent:
            # A look-up that found nothing has cost nothing; added, its unknown price would make the whole unknown.
            return
        spent = spent.only(SUMS if self._meter is None else COUNTED)
        self._done = spent if self._done is None else self._done + spent
        if self._meter is not None:
            self.keep()
        else:
            self._keep_now_and_then()

    def running(self, trial: int, spent: PriceTag) -> None:
        """Notes what a running trial has cost until now; stored from time to time, lest a kill lose it."""
        self._running[trial] = spent.only(COUNTED)
        self._keep_now_and_then()

    def keep(self) -> None:
        """Stores the bill."""
        self._study.keep_bill(self.total)
        self._kept = self._clock()

    def _keep_now_and_then(self) -> None:
        if self._clock() - self._kept >= KEEP_EVERY_S:
            self.keep()


@dataclasses.dataclass(frozen=True)
class Factors:
    """Green AI's equation Cost(R) = E * D * H (Schwartz et al. 2019, equation 1), for the training of a study.

    Attributes:
        example_flops: E, FLOPs of training on one example, the mean over all examples of all trials.
        examples: D, examples that one trial is trained on, an example seen twice counting twice; the mean.
        trials: H, experiments made: every trial, failed ones too.
        flops: Their product, the training of all trials.
    """

    example_flops: float
    examples: float
    trials: int
    flops: float


def factors(records: Sequence[Record]) -> Factors | None:
    """E, D and H of the finished trials; None where nothing was trained or not all of it was counted."""
    # A trial that went on from rung to rung has a record a rung, each with all that was trained until there.
    furthest: dict[int, Record] = {}
    for record in records:
        known = furthest.setdefault(record.number, record)
        if record.result.trained_examples > known.result.trained_examples:
            furthest[record.number] = record
    ends = list(furthest.values())
    trained = [record for record in ends if record.result.trained_examples]
    examples = sum(record.result.trained_examples for record in trained)
    if not examples or any(record.result.work is None for record in trained):
        return None
    flops = 0.0
    for record in trained:
        result = record.result
        assert result.work is not None
        tag = result.work.training_tag(result.trained_examples, result.steps, record.spec.batch_size)
        flops += tag["flops"].value
    return Factors(flops / examples, examples / len(ends), len(ends), flops)
