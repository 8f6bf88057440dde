"""The strategy that exploits what a search of fronts knows: rungs, prices, and what stopped trials teach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.parts import Strategy

if TYPE_CHECKING:
    from automl.parts import Problem, Searcher


class Pareto(Strategy):
    """Every choice is a bargain: what a step may add to the front, over what it costs; see `searcher`."""

    name = "pareto"
    summary = "the most front for the price: cheap rungs first, a model of what longer training gives"
    preferred = True
    stops = True

    def start(self, problem: Problem) -> Searcher:
        """A fresh searcher."""
        if not problem.dimensions:
            # The user has fixed them all: there is one candidate, and nothing to learn.
            from automl_strategies.simple import Random

            return Random().start(problem)
        from automl_strategies.pareto.searcher import ParetoSearcher

        return ParetoSearcher(problem)
