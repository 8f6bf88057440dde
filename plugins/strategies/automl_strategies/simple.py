"""``random`` and ``grid``: the two strategies that learn nothing from outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.parts.strategy import Strategy
from automl_strategies.plain import SMALL, PlainSearcher
from automl_strategies.points import Cells, levels

if TYPE_CHECKING:
    from automl.parts.strategy import Point, Problem, Searcher


class Random(Strategy):
    """Candidates by chance, uniform along each dimension, or uniform in the logarithm where ratios matter.

    The yardstick: Bergstra & Bengio 2012 found it ahead of grids wherever few dimensions matter.
    """

    name = "random"
    summary = "candidates by chance, each trained in full"

    def start(self, problem: Problem) -> Searcher:
        """A searcher that knows nothing."""
        return _ByChance(problem)


class Grid(Strategy):
    """Every combination of choices, of short ranges of whole numbers and of five levels of other ranges.

    The combinations come in an order that the seed shuffles, so that a search that ends early has seen all of the
    space and not one corner of it.
    """

    name = "grid"
    summary = "every combination of choices and levels in shuffled order, each trained in full"

    def start(self, problem: Problem) -> Searcher:
        """A searcher that knows nothing."""
        return _OnGrid(problem)


class _ByChance(PlainSearcher):
    def propose(self) -> Point | None:
        return self.by_chance()


class _OnGrid(PlainSearcher):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        values = [levels(dimension) for dimension in problem.dimensions]
        self._cells = iter(Cells(problem.dimensions, values, problem.seed))

    def propose(self) -> Point | None:
        # Of a huge grid of which all is refused, not all is gone through.
        refused = 0
        for point in self._cells:
            if self.is_known(point):
                continue
            if self.may_begin(point):
                return point
            refused += 1
            if refused == SMALL:
                return None
        return None
