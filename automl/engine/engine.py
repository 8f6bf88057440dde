"""The search engine alone: ask it for a step, tell it what the step gave. It trains nothing and knows no data."""

from __future__ import annotations

import collections
import itertools
import json
import math
from typing import TYPE_CHECKING, Any

from automl.engine.front import cheapest_first, hypervolume
from automl.errors import UsageError
from automl.parts.strategy import Outcome, Point, Problem, Step, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from automl.parts import Dimension, Goal
    from automl.parts.strategy import Searcher

REPEATED = "tried before"
"""Why a point is refused whose candidate was begun already, perhaps from another point."""

DROPPED = "beaten by the front at every plausible score"


class Engine:
    """Finds the front of a black box for the least price.

    Example::

        from automl import Engine, Float, Goal, Integer

        dimensions = [Integer("width", 8, 256, 64, log=True), Float("rate", 1e-4, 1.0, 0.1, log=True)]
        goals = [Goal("accuracy", "maximize"), Goal("seconds", "minimize", log=True)]
        engine = Engine(dimensions, goals, rungs=(1, 3, 9, 27))
        spent_s = 0.0
        while spent_s < 600 and (step := engine.ask()) is not None:
            accuracy, seconds = train(step.point, epochs=engine.rungs[step.rung], resume=step.from_rung is not None)
            engine.tell(step, (accuracy, seconds), price=seconds)
            spent_s += seconds
        for step, values in engine.front:
            print(values, step.point)

    `ask` may be called again before a step is told, as often as there are workers; it never waits.

    Args:
        dimensions: What may be varied.
        goals: What is to be made large or small; the first is the score where there is one. A goal that spans orders
            of magnitude is ``log``.
        rungs: Amounts of training, in any unit, at which candidates are compared; rising, the last a full training.
        strategy: Name of a strategy that some plugin brings, or a strategy; the preferred one when None.
        seed: The same seed and the same outcomes give the same steps.
        landmarks: Points worth trying first, such as the cheap end. What they leave out takes its default.
        every_rung: Whether a trial that stopped at a rung counts as a result; else only full trainings do.
        quote: What is known of a point before it is trained: for each rung a value a goal, NaN where unknown.
        quotes: How many quotes a proposal is worth.
        refuse: Why a point must not be tried, in a few words; empty when it may be.
        key: What makes two points one candidate; the point itself when None.

    Raises:
        UsageError: No dimension or no goal, two dimensions of one name, rungs that do not rise, no such strategy.
    """

    def __init__(  # noqa: PLR0913 - all but two have a default and go by name
        self,
        dimensions: Sequence[Dimension],
        goals: Sequence[Goal],
        *,
        rungs: Sequence[int] = (1,),
        strategy: str | Strategy | None = None,
        seed: int = 0,
        landmarks: Iterable[Point] = ({},),
        every_rung: bool = True,
        quote: Callable[[Point], Sequence[Sequence[float]]] | None = None,
        quotes: int = 16,
        refuse: Callable[[Point], str] | None = None,
        key: Callable[[Point], str] | None = None,
    ) -> None:
        _check(dimensions, goals, rungs)
        self.dimensions, self.goals, self.rungs = tuple(dimensions), tuple(goals), tuple(rungs)
        self.every_rung = every_rung
        self.refused: collections.Counter[str] = collections.Counter()
        """How many points were not begun, by reason."""
        self._refuse = refuse
        self._key = key or _key
        self._begun: set[str] = set()
        self._in_flight: dict[int, Step] = {}
        self._results: list[tuple[Step, tuple[float, ...]]] = []
        problem = Problem(
            dimensions=self.dimensions,
            goals=self.goals,
            rungs=self.rungs,
            seed=seed,
            admits=self._admits,
            landmarks=tuple(self._whole(point) for point in landmarks),
            every_rung=every_rung,
            quote=quote,
            quotes=quotes,
        )
        self._searcher: Searcher = _strategy(strategy).start(problem)

    def ask(self, *, new: bool = True) -> Step | None:
        """The next step; None when nothing new is worth doing, or nothing until steps in flight are told.

        Args:
            new: Whether a new candidate may be begun; else only trials that stopped at a rung go on.
        """
        step = self._searcher.ask(new=new)
        if step is not None:
            if step.from_rung is None:
                self._begun.add(self._key(step.point))
            self._in_flight[step.trial] = step
        return step

    def tell(self, step: Step, values: Sequence[float] | None, *, price: float) -> None:
        """What a step gave.

        A study that goes on tells a new engine its old steps, in the order they finished; the engine need not have
        been asked for them.

        Args:
            step: As it was asked for.
            values: One number a goal, as the trial stands now; None when the step failed, which ends the trial.
            price: What this step alone has cost, in any unit, the same for all.

        Raises:
            UsageError: A number is not finite, or there is not one a goal.
        """
        if values is not None and (len(values) != len(self.goals) or not all(map(math.isfinite, values))):
            raise UsageError(f"A step gives one finite number a goal ({len(self.goals)}), not {tuple(values)}.")
        if not (math.isfinite(price) and price >= 0):
            raise UsageError(f"The price of a step is a number from 0 up, not {price}.")
        self._begun.add(self._key(step.point))
        self._in_flight.pop(step.trial, None)
        told = None if values is None else tuple(float(value) for value in values)
        if told is not None:
            self._results.append((step, told))
        self._searcher.tell(step, Outcome(told, price))

    def resume(self, step: Step) -> None:
        """Takes a step for asked: one that a killed process left in flight, and that is done again."""
        self._begun.add(self._key(step.point))
        self._in_flight[step.trial] = step

    @property
    def in_flight(self) -> tuple[Step, ...]:
        """Steps that were asked for and not told yet."""
        return tuple(self._in_flight.values())

    @property
    def results(self) -> list[tuple[Step, tuple[float, ...]]]:
        """Every step that counts, with its values, as told."""
        last = len(self.rungs) - 1
        return [(step, values) for step, values in self._results if self.every_rung or step.rung == last]

    @property
    def front(self) -> list[tuple[Step, tuple[float, ...]]]:
        """The results that no other dominates, the cheapest first (the last goal decides)."""
        results = self.results
        return [results[index] for index in cheapest_first([values for _, values in results], self.goals)]

    def hypervolume(self, reference: Sequence[float]) -> float:
        """Volume between the results and a point worse than all of them; logarithmic goals by their logarithm."""

        def scaled(values: Sequence[float]) -> tuple[float, ...]:
            return tuple(
                math.log(max(value, 1e-300)) if goal.log else value
                for goal, value in zip(self.goals, values, strict=True)
            )

        return hypervolume([scaled(values) for _, values in self.results], scaled(reference), self.goals)

    @property
    def unpaid(self) -> dict[str, int]:
        """How many candidates were not begun, by reason, repetitions left out."""
        dropped = int(getattr(self._searcher, "dropped", 0))
        found = {reason: count for reason, count in self.refused.items() if reason != REPEATED}
        return {**found, **({DROPPED: dropped} if dropped else {})}

    def _admits(self, point: Point) -> bool:
        reason = REPEATED if self._key(point) in self._begun else self._refuse(point) if self._refuse else ""
        if reason:
            self.refused[reason] += 1
        return not reason

    def _whole(self, point: Point) -> Point:
        return {dimension.name: point.get(dimension.name, dimension.default) for dimension in self.dimensions}


def _key(point: Point) -> str:
    return json.dumps(point, sort_keys=True, default=repr)


def _strategy(chosen: str | Strategy | None) -> Strategy:
    if isinstance(chosen, Strategy):
        return chosen
    from automl.host import get_host

    host = get_host()
    found: Any = host.preferred(Strategy) if chosen is None else host.part(Strategy, chosen)
    assert isinstance(found, Strategy)
    return found


def _check(dimensions: Sequence[Dimension], goals: Sequence[Goal], rungs: Sequence[int]) -> None:
    names = [dimension.name for dimension in dimensions]
    if not goals:
        raise UsageError("A search needs a goal.")
    if len(set(names)) < len(names):
        raise UsageError(f"Two dimensions have one name: {', '.join(names)}.")
    if not rungs or rungs[0] <= 0 or any(a >= b for a, b in itertools.pairwise(rungs)):
        raise UsageError(f"Rungs rise from above 0, such as 1, 3, 9; not {', '.join(map(str, rungs)) or 'none'}.")
