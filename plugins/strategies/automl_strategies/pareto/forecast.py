"""What is expected of a candidate at a rung: its losses, and what it will have cost until there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from automl_strategies.pareto.surrogate import Array, Surface

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.parts import Goal
    from automl.parts.strategy import Problem
    from automl_strategies.pareto.coder import Coder
    from automl_strategies.pareto.searcher import Trial

MAX_ROWS = 160
"""Observations that the model keeps: time a proposal grows with their square."""

MAX_GAP = 32
"""Observations after which the model is fitted anew at the latest; until then it keeps all that come."""

MAX_QUOTED = 80
"""Candidates with known prices that the model keeps."""

TINY = 1e-12


def losses(goals: Sequence[Goal], values: Sequence[float]) -> Array:
    """Values as numbers to be made small, logarithms where the goal asks for them."""
    scaled = [math.log(max(v, TINY)) if goal.log else v for goal, v in zip(goals, values, strict=True)]
    return np.array([-v if goal.direction == "maximize" else v for goal, v in zip(goals, scaled, strict=True)])


class Forecast:
    """A surrogate for each goal and one for the price of training, and prices known beforehand.

    Args:
        problem: Goals and rungs.
        coder: Turns genes into coordinates.
    """

    def __init__(self, problem: Problem, coder: Coder) -> None:
        self._problem, self._coder = problem, coder
        rungs = np.array(problem.rungs, float)
        spread = math.log(rungs[-1] / rungs[0]) if len(rungs) > 1 else 1.0
        self._times = 1.0 + np.log(rungs / rungs[-1]) / spread
        timed = len(rungs) > 1
        self._goals = [Surface(coder.widths, timed) for _ in problem.goals]
        self._cost = Surface(coder.widths, timed)
        self._cost_goal: int | None = None
        self._free = False
        self._rows: list[tuple[int, int]] = []
        self._costs: dict[tuple[int, int], float] = {}
        self._failed: list[int] = []
        self._kept: list[tuple[int, int]] = []
        self._kept_upto = 0
        self._due = 0
        self._quotes: dict[bytes, Array] = {}
        self._quoted_genes: list[Array] = []
        self.quoted = problem.quote is not None

    @property
    def rows(self) -> int:
        """Observations until now."""
        return len(self._rows)

    def observe(self, number: int, rung: int, trial: Trial) -> None:
        """Takes in that a trial reached a rung."""
        self._rows.append((number, rung))
        self._costs[number, rung] = trial.paid

    def failed(self, number: int) -> None:
        """Takes in that a trial failed: its like are to be avoided."""
        self._failed.append(number)

    def losses(self, genes: Array, rung: int, *, exact: bool = False) -> tuple[Array, Array]:
        """Mean and standard deviation of the losses at a rung, each ``(candidates, goals)``.

        Args:
            genes: The candidates.
            rung: Where.
            exact: Whether to ask for prices that are known beforehand.
        """
        mean, deviation, _ = self.at(genes, [rung], exact=exact)
        return mean[0], deviation[0]

    def at(self, genes: Array, rungs: Sequence[int], *, exact: bool = False) -> tuple[Array, Array, Array]:
        """What is expected at several rungs.

        Args:
            genes: The candidates.
            rungs: Where.
            exact: Whether to ask for prices that are known beforehand.

        Returns:
            Mean and standard deviation of the losses, each ``(rungs, candidates, goals)``, and what training until
            there costs from the beginning, ``(rungs, candidates)``.
        """
        coded, times = self._coder.encode(genes), self._times[list(rungs)]
        both = [model.predict(coded, times) for model in self._goals]
        mean, deviation = (np.stack(part, axis=2) for part in zip(*both, strict=True))
        if self._free:
            cost = np.repeat(np.array([float(self._problem.rungs[rung]) for rung in rungs])[:, None], len(genes), 1)
        elif self._cost_goal is not None:
            cost = np.exp(np.clip(mean[:, :, self._cost_goal], -600, 600))
        else:
            cost = np.exp(np.clip(self._cost.predict(coded, times)[0], -600, 600))
        if exact and self.quoted:
            quotes = np.stack([self._quote(row)[list(rungs)] for row in genes], axis=1)
            known = np.isfinite(quotes)
            mean[known], deviation[known] = quotes[known], 0.0
        return mean, deviation, cost

    def _quote(self, genes: Array) -> Array:
        """Known losses by rung and goal, NaN where training alone will tell."""
        key = genes.tobytes()
        if key not in self._quotes:
            assert self._problem.quote is not None
            values = self._problem.quote(self._coder.point(genes))
            self._quotes[key] = np.array([losses(self._problem.goals, row) for row in values])
            self._quoted_genes.append(genes)
        return self._quotes[key]

    def learn(self, trials: Mapping[int, Trial], rng: np.random.Generator) -> bool:
        """Takes the new observations into the surrogates; from time to time fits them anew, which is returned."""
        refit = len(self._rows) >= self._due
        if refit:
            self._due = len(self._rows) + min(max(2, len(self._rows) // 6), MAX_GAP)
            self._kept, self._kept_upto = self._choose(trials, rng), len(self._rows)
        rows = [*self._kept, *self._rows[self._kept_upto :]]
        values = np.array([trials[number].losses[rung] for number, rung in rows])
        costs = np.array([self._costs[row] for row in rows])
        points = self._coder.encode(np.array([trials[number].genes for number, _ in rows]))
        times = self._times[[rung for _, rung in rows]]
        bad = self._failed[-MAX_ROWS // 8 :]
        self._free = bool((costs <= 0).any())
        log_costs = np.log(np.maximum(costs, TINY))
        for goal, model in enumerate(self._goals):
            x, t, y = points, times, values[:, goal]
            if known := self._known_rows(goal):
                x, t, y = known
            elif goal == 0 and bad:
                x = np.concatenate([x, self._coder.encode(np.array([trials[number].genes for number in bad]))])
                t, y = np.append(t, np.ones(len(bad))), np.append(y, np.full(len(bad), y.max()))
            model.learn(x, t, y, refit)
        same = [goal for goal in range(len(self._goals)) if np.allclose(values[:, goal], log_costs)]
        self._cost_goal = same[0] if same else None
        if not same and not self._free:
            self._cost.learn(points, times, log_costs, refit)
        return refit

    def _known_rows(self, goal: int) -> tuple[Array, Array, Array] | None:
        """Coordinates, times and losses of a goal that is known beforehand; None where it is not."""
        some = self._quoted_genes[: MAX_QUOTED // 2] + self._quoted_genes[MAX_QUOTED // 2 :][-MAX_QUOTED // 2 :]
        if len(some) < 2:  # noqa: PLR2004 - one has no spread
            return None
        known = np.array([self._quotes[genes.tobytes()][:, goal] for genes in some])
        if not np.isfinite(known).all():
            return None
        rungs = [0, len(self._times) - 1] if len(self._times) > 1 else [0]
        x = np.concatenate([self._coder.encode(np.array(some))] * len(rungs))
        return x, np.repeat(self._times[rungs], len(some)), known[:, rungs].T.ravel()

    def _choose(self, trials: Mapping[int, Trial], rng: np.random.Generator) -> list[tuple[int, int]]:
        """All observations or, of too many, the latest, the best of each goal, and a random sample of the others."""
        if len(self._rows) <= MAX_ROWS:
            return list(self._rows)
        values = np.array([trials[number].losses[rung] for number, rung in self._rows])
        ranks = values.argsort(axis=0).argsort(axis=0).min(axis=1)
        best = set(np.argsort(ranks, kind="stable")[: MAX_ROWS // 2].tolist())
        others = [index for index in range(len(self._rows)) if index not in best]
        best |= set(rng.choice(others, MAX_ROWS - len(best), replace=False).tolist())
        return [self._rows[index] for index in sorted(best)]
