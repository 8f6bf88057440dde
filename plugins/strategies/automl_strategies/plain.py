"""What strategies have in common that train every candidate in full: numbers, landmarks, nothing twice, an end."""

from __future__ import annotations

import abc
import random
from typing import TYPE_CHECKING

from automl.parts.strategy import Outcome, Point, Problem, Step
from automl_strategies.points import Cells, Key, all_values, drawn, fits, key, typed

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAWS = 1000
"""Points drawn for one candidate, after which a space that is too large to go through counts as exhausted."""

SMALL = 10_000
"""A space of at most so many points is gone through to its last one."""


class PlainSearcher(abc.ABC):
    """Begins one new candidate at each `ask`, the landmarks first.

    Args:
        problem: What is to be solved.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.number = 0
        """Number of the next trial."""
        self._seen: set[Key] = set()
        self._landmarks = [typed(point, problem.dimensions) for point in problem.landmarks]
        self._rest = self._small_space()

    def ask(self, *, new: bool = True) -> Step | None:
        """A new candidate, trained in full; None when the space is exhausted or none is wanted."""
        if not new:
            return None
        # Where all is fixed the one point there is has no value, and is a point all the same.
        point = self._landmark()
        if point is None:
            point = self.propose() if self.problem.dimensions else self.by_chance()
        if point is None:
            return None
        self.number += 1
        return Step(self.number - 1, point, len(self.problem.rungs) - 1)

    def tell(self, step: Step, outcome: Outcome) -> None:
        """Notes that the candidate was tried, so that neither it nor its number comes again."""
        self._seen.add(key(step.point, self.problem.dimensions))
        self.number = max(self.number, step.trial + 1)

    @abc.abstractmethod
    def propose(self) -> Point | None:
        """A point that `may_begin`; None when there is none left."""

    def is_known(self, point: Point) -> bool:
        """Whether this very point was begun, or refused, before."""
        return key(point, self.problem.dimensions) in self._seen

    def may_begin(self, point: Point) -> bool:
        """Whether the point is new and admitted. No point is put to `Problem.admits` twice: it would say the same."""
        if self.is_known(point):
            return False
        self._seen.add(key(point, self.problem.dimensions))
        return self.problem.admits(point)

    def by_chance(self) -> Point | None:
        """A random point that may be begun; in a small space the last one is found too.

        The number of the trial decides the draws, so that a search that goes on draws as one that never stopped.
        """
        draw = random.Random(f"{self.problem.seed} {self.number}")
        for _ in range(DRAWS):
            if self.may_begin(point := drawn(self.problem.dimensions, draw)):
                return point
        return next(filter(self.may_begin, self._rest), None)

    def _landmark(self) -> Point | None:
        while self._landmarks:
            point = self._landmarks.pop(0)
            if fits(point, self.problem.dimensions) and self.may_begin(point):
                return point
        return None

    def _small_space(self) -> Iterator[Point]:
        values = [all_values(dimension) for dimension in self.problem.dimensions]
        finite = [each for each in values if each is not None]
        if len(finite) < len(values):
            return iter(())
        cells = Cells(self.problem.dimensions, finite, self.problem.seed)
        return iter(cells) if cells.count <= SMALL else iter(())
