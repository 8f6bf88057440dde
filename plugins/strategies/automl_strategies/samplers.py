"""``tpe``, ``nsga2`` and ``gp``: Optuna's samplers, each candidate trained in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from automl.parts.strategy import Strategy

if TYPE_CHECKING:
    import optuna

    from automl.parts.strategy import Problem, Searcher

GP_ATTEMPTS = 3
"""A Gaussian process that proposes a known point is sure of it: asked again it computes long and says the same."""


class Tpe(Strategy):
    """Tree-structured Parzen estimator (Bergstra et al. 2011; for several goals Ozaki et al. 2022).

    As Optuna ships it: with one goal dimensions are modelled together, with several each by itself.

    Args:
        variant: Empty, or a key of `variants`.
    """

    summary = "tree-structured Parzen estimator of Optuna, each candidate trained in full"
    variants: ClassVar[dict[str, str]] = {"multivariate": "dimensions modelled together, with several goals too"}

    def __init__(self, variant: str = "") -> None:
        self.name = f"tpe:{variant}" if variant else "tpe"
        # Unless asked for, the choice is left to Optuna.
        self._options: dict[str, Any] = {"multivariate": True} if variant else {}

    def variant(self, text: str) -> Strategy:
        """``multivariate``."""
        if text not in self.variants:
            unknown: Strategy = super().variant(text)
            return unknown
        return Tpe(text)

    def start(self, problem: Problem) -> Searcher:
        """A searcher that knows nothing."""
        from optuna.samplers import TPESampler

        from automl_strategies.optuna_searcher import OptunaSearcher

        def sampler(seed: int) -> optuna.samplers.BaseSampler:
            return TPESampler(seed=seed, constant_liar=True, **self._options)

        return OptunaSearcher(problem, sampler, learns_refusals=True)


class Nsga2(Strategy):
    """Non-dominated sorting genetic algorithm II (Deb et al. 2002), with Optuna's population of 50."""

    name = "nsga2"
    summary = "genetic algorithm NSGA-II of Optuna, each candidate trained in full"

    def start(self, problem: Problem) -> Searcher:
        """A searcher that knows nothing."""
        from optuna.samplers import NSGAIISampler

        from automl_strategies.optuna_searcher import OptunaSearcher

        population = 50
        # Without it a trial that was not bred here belongs to no generation and is nobody's parent.
        attribute = NSGAIISampler._get_generation_key()  # noqa: SLF001

        def sampler(seed: int) -> optuna.samplers.BaseSampler:
            return NSGAIISampler(seed=seed, population_size=population)

        return OptunaSearcher(problem, sampler, attributes=lambda completed: {attribute: completed // population})


class Gp(Strategy):
    """Gaussian processes, one a goal, and the expected improvement of the best or of the front.

    With dozens of trials known a proposal takes the better part of a second, and later more: for trainings that take
    minutes.
    """

    name = "gp"
    summary = "Gaussian processes of Optuna, each candidate trained in full"

    def start(self, problem: Problem) -> Searcher:
        """A searcher that knows nothing."""
        from optuna.samplers import GPSampler

        from automl_strategies.optuna_searcher import OptunaSearcher

        def sampler(seed: int) -> optuna.samplers.BaseSampler:
            return GPSampler(seed=seed, deterministic_objective=True)

        return OptunaSearcher(problem, sampler, attempts=GP_ATTEMPTS)
