"""Two strategies simple enough to be read at a glance; `automl_strategies` brings those to search with."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from automl.parts import Categorical, Integer, Strategy
from automl.parts.strategy import Outcome, Point, Problem, Searcher, Step

if TYPE_CHECKING:
    from automl.parts import Dimension

DRAWS = 200
"""Points drawn for a new candidate, after which the space counts as exhausted."""


class ToyRandom(Strategy):
    """Random candidates, each trained in full."""

    name = "toy-random"
    summary = "random candidates, each trained in full"
    preferred = True

    def start(self, problem: Problem) -> Searcher:
        """A searcher that knows nothing."""
        return _Random(problem, first=len(problem.rungs) - 1)


class ToyHalving(Strategy):
    """Random candidates, trained to the first rung; of three that stand at a rung the best one goes on."""

    name = "toy-halving"
    summary = "random candidates, one of three goes on from each rung"
    stops = True

    def start(self, problem: Problem) -> Searcher:
        """A searcher that knows nothing."""
        return _Halving(problem, first=0)


class _Random:
    def __init__(self, problem: Problem, first: int) -> None:
        self._problem = problem
        self._first = first
        self._landmarks = list(problem.landmarks)
        self._next = 0

    def ask(self, *, new: bool = True) -> Step | None:
        return self._begin() if new else None

    def tell(self, step: Step, outcome: Outcome) -> None:
        self._next = max(self._next, step.trial + 1)

    def _begin(self) -> Step | None:
        draw = random.Random(f"{self._problem.seed} {self._next}")
        drawn = ({d.name: _draw(d, draw) for d in self._problem.dimensions} for _ in range(DRAWS))
        while self._landmarks:
            if self._problem.admits(point := self._landmarks.pop(0)):
                return self._step(point)
        for point in drawn:
            if self._problem.admits(point):
                return self._step(point)
        return None

    def _step(self, point: Point) -> Step:
        self._next += 1
        return Step(self._next - 1, point, self._first)


class _Halving(_Random):
    def __init__(self, problem: Problem, first: int) -> None:
        super().__init__(problem, first)
        self._stopped: dict[int, tuple[Step, tuple[float, ...]]] = {}

    def ask(self, *, new: bool = True) -> Step | None:
        last = len(self._problem.rungs) - 1
        sign = -1 if self._problem.goals[0].direction == "maximize" else 1
        for rung in range(last):
            standing = [told for told in self._stopped.values() if told[0].rung == rung]
            if len(standing) >= 3 or (standing and not new and not self._waits_before(rung)):  # noqa: PLR2004
                step, _ = min(standing, key=lambda told: sign * told[1][0])
                for other, _ in standing:
                    del self._stopped[other.trial]
                return Step(step.trial, step.point, rung + 1, rung)
        return super().ask(new=new)

    def _waits_before(self, rung: int) -> bool:
        return any(step.rung < rung for step, _ in self._stopped.values())

    def tell(self, step: Step, outcome: Outcome) -> None:
        super().tell(step, outcome)
        self._stopped.pop(step.trial, None)
        if outcome.values is not None and step.rung < len(self._problem.rungs) - 1:
            self._stopped[step.trial] = (step, outcome.values)


def _draw(dimension: Dimension, draw: random.Random) -> object:
    if isinstance(dimension, Categorical):
        return draw.choice(dimension.choices)
    low, high = dimension.low, dimension.high
    if dimension.log:
        value = min(max(math.exp(draw.uniform(math.log(low), math.log(high))), low), high)
        return round(value) if isinstance(dimension, Integer) else value
    return draw.randint(int(low), int(high)) if isinstance(dimension, Integer) else draw.uniform(low, high)
