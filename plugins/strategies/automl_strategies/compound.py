"""``compound``: EfficientNet's two steps, first the coefficients of compound scaling, then the family of models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from automl.errors import UsageError
from automl.parts import Categorical
from automl.parts.strategy import Outcome, Point, Problem, Step, Strategy
from automl_strategies.points import Key, fits, key, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from automl.parts import Dimension, Goal
    from automl.parts.strategy import Searcher

COEFFICIENTS = ("alpha", "beta", "gamma")
"""Depth, width and resolution of one step of the compound coefficient."""

PHI = "phi"

POWERS = (1, 2, 2)
"""FLOPs grow with the depth, with the square of the width and with the square of the resolution."""

PARTS = 4
"""A doubling of FLOPs is dealt out to depth, width and resolution in quarters: 15 ways, the single ones among them."""

HALVINGS = 8
"""Times that a range is halved in search of equal FLOPs: to a part in 256 of its length."""

REACH = 2.0
"""How far from the rule's place equal FLOPs are looked for, as a factor: further up lie models too large to count."""

WAYS = 4
"""Models at each phi above 1: the member of the family, and by depth, width and resolution alone."""

FACTOR = 2.0
"""FLOPs of a model at phi = 1 by those of the baseline."""


class Compound(Strategy):
    """Compound scaling as EfficientNet's authors did it (Tan & Le 2019, arXiv:1905.11946, section 3.3).

    With phi fixed to 1, a small grid of coefficients alpha, beta, gamma >= 1 with alpha * beta^2 * gamma^2 ~ 2 is
    tried on the baseline, the model at phi = 0. The most accurate ones are then frozen, and phi is raised: 2, 3, and
    so on. Beside each member of the family, models of the same price are trained that are deeper only, wider only, or
    of higher resolution only; at phi = 1 these are corners of the grid.

    Channels and repeats are rounded, which on small baselines moves the FLOPs a lot. Where prices are known
    beforehand, the doubling is therefore one of counted price, and so is "the same price": each way of scaling goes
    just as far as its price says. Else it is the rule's.

    All else is left at its default, and every candidate is trained in full.
    """

    name = "compound"
    summary = "EfficientNet's two steps: coefficients at phi = 1, then the family beside single-dimension scaling"
    opens = (*COEFFICIENTS, PHI)
    analyses = ("compound-scaling",)

    def start(self, problem: Problem) -> Searcher:
        """A searcher.

        Raises:
            UsageError: One of alpha, beta, gamma and phi is not left to search; see `check`.
        """
        self.check(problem.dimensions)
        return _Family(problem)

    def check(self, dimensions: Sequence[Dimension]) -> None:
        """Wants a range of each of alpha, beta, gamma and phi."""
        found = {dimension.name: dimension for dimension in dimensions}
        if missing := [name for name in self.opens if name not in found]:
            raise UsageError(
                f"Strategy {self.name} scales by {', '.join(self.opens)}, and {' and '.join(missing)} cannot be varied "
                "here: take a space that has them, such as efficientnet, and do not fix them with --set."
            )
        if listed := [name for name in self.opens if isinstance(found[name], Categorical)]:
            raise UsageError(
                f"Strategy {self.name} wants a range of {' and '.join(listed)}, not single values: "
                f"--set {listed[0]}=LO..HI, or leave it out."
            )

    def foresee(self, dimensions: Sequence[Dimension], trials: int) -> Sequence[Point] | None:
        """The two steps by the rule alone, every doubling dealt out evenly: points by chance may be huge."""
        ranges = {dimension.name: dimension for dimension in dimensions}
        if not set(self.opens) <= ranges.keys() or not trials:
            return None
        rest = {dimension.name: dimension.default for dimension in dimensions}
        evenly = {
            name: min(FACTOR ** (1 / (len(POWERS) * power)), ranges[name].high)
            for name, power in zip(COEFFICIENTS, POWERS, strict=True)
        }
        grid = len(list(_shares()))
        phis = [0.0, *[1.0] * grid, *(2.0 + place // WAYS for place in range(trials - grid - 1))][:trials]
        return [{**rest, **evenly, PHI: min(phi, ranges[PHI].high)} for phi in phis]


class _Family:
    """Goes through the points of both steps in order, each once.

    Args:
        problem: What is to be solved.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._ranges = {d.name: d for d in problem.dimensions}
        self._rest = typed({d.name: d.default for d in problem.dimensions}, problem.dimensions)
        self._number = 0
        self._seen: set[Key] = set()
        self._begun: set[Key] = set()
        self._outcomes: dict[Key, Outcome] = {}
        self._points = self._both_steps()

    def ask(self, *, new: bool = True) -> Step | None:
        """The next point; None at the end, and while the family waits for what the coefficients gave."""
        if not new:
            return None
        for point in self._points:
            if point is None:
                return None
            name = key(point, self._problem.dimensions)
            if name in self._seen or not fits(point, self._problem.dimensions):
                continue
            self._seen.add(name)
            if self._problem.admits(point):
                self._begun.add(name)
                self._number += 1
                return Step(self._number - 1, point, len(self._problem.rungs) - 1)
        return None

    def tell(self, step: Step, outcome: Outcome) -> None:
        """Notes the outcome, of the full training only."""
        name = key(step.point, self._problem.dimensions)
        self._seen.add(name)
        self._number = max(self._number, step.trial + 1)
        if step.rung == len(self._problem.rungs) - 1:
            self._outcomes[name] = outcome

    def _both_steps(self) -> Iterator[Point | None]:
        """Points in order; None, again and again, while it takes outcomes to know the next."""
        baseline = self._point((1.0, 1.0, 1.0), 0.0)
        yield baseline
        grid = [self._doubled(shares, baseline) for shares in _shares()]
        yield from grid
        while any(self._awaited(point) for point in grid):
            yield None
        best = self._best(grid)
        if best is None:
            return
        frozen = tuple(best[name] for name in COEFFICIENTS)
        for phi in range(2, math.floor(self._highest(PHI)) + 1):
            member = self._point(frozen, float(phi))
            yield member
            for lone in range(len(COEFFICIENTS)):
                # What was frozen may be a single dimension itself.
                if frozen[lone] == 1 or any(value > 1 for place, value in enumerate(frozen) if place != lone):
                    yield self._alone(lone, member, float(phi))

    def _awaited(self, point: Point) -> bool:
        """Whether a point was begun and its outcome is not there; what was refused is not waited for."""
        return key(point, self._problem.dimensions) in self._begun - self._outcomes.keys()

    def _best(self, grid: list[Point]) -> Point | None:
        """The most accurate of the points, of equals the first and cheapest in the goals that follow."""
        found = []
        for point in grid:
            outcome = self._outcomes.get(key(point, self._problem.dimensions))
            if outcome is not None and outcome.values is not None:
                found.append((rank(outcome.values, self._problem.goals), point))
        return min(found, key=lambda each: each[0])[1] if found else None

    def _doubled(self, shares: tuple[float, ...], baseline: Point) -> Point:
        """At phi = 1, twice the price of the baseline, dealt out to depth, width and resolution by their shares."""

        def at(reach: float) -> Point:
            return self._point(tuple(FACTOR ** (reach * s / p) for s, p in zip(shares, POWERS, strict=True)), 1.0)

        far = min(
            math.log(self._highest(name), FACTOR) * power / share
            for name, share, power in zip(COEFFICIENTS, shares, POWERS, strict=True)
            if share
        )
        price = self._price(baseline)
        return self._level(at, (1 / REACH, min(far, REACH)), 1.0, None if price is None else FACTOR * price)

    def _alone(self, which: int, member: Point, phi: float) -> Point:
        """As dear as a member of the family, by one of depth, width and resolution alone."""
        coefficients = [1.0, 1.0, 1.0]
        coefficients[which] = min(FACTOR ** (1 / POWERS[which]), self._highest(COEFFICIENTS[which]))
        growth = math.prod(member[name] ** power for name, power in zip(COEFFICIENTS, POWERS, strict=True))
        rule = (
            phi * math.log(growth) / (POWERS[which] * math.log(coefficients[which])) if coefficients[which] > 1 else phi
        )
        within = (rule / REACH, min(rule * REACH, self._highest(PHI)))
        return self._level(lambda at: self._point(tuple(coefficients), at), within, rule, self._price(member))

    def _level(
        self, at: Callable[[float], Point], within: tuple[float, float], rule: float, price: float | None
    ) -> Point:
        """The point of a ray whose price comes nearest to `price`; where prices are unknown, the rule's.

        Args:
            at: The point at a place of the ray, along which the price grows.
            within: From where to where it may be.
            rule: The place where the price is right if nothing is rounded.
            price: What it is to cost.
        """
        low, high = within
        rule = min(max(rule, low), high)
        if price is None:
            return at(rule)
        tried = {}
        place = rule
        for _ in range(HALVINGS):
            found = self._price(at(place))
            if found is None:
                return at(rule)
            # Of places with one price, as between two roundings, the one nearest to the rule.
            tried[place] = (abs(math.log(found / price)), abs(place - rule))
            low, high = (place, high) if found < price else (low, place)
            place = (low + high) / 2
        return at(min(tried, key=tried.__getitem__))

    def _price(self, point: Point) -> float | None:
        """What is known beforehand of the first price among the goals; None where nothing is."""
        if self._problem.quote is None:
            return None
        quoted = self._problem.quote(point)[-1]
        prices = [
            value for goal, value in zip(self._problem.goals, quoted, strict=True) if goal.direction == "minimize"
        ]
        known = [price for price in prices if math.isfinite(price) and price > 0]
        return known[0] if known else None

    def _point(self, coefficients: tuple[float, ...], phi: float) -> Point:
        return {**self._rest, **dict(zip(COEFFICIENTS, coefficients, strict=True)), PHI: phi}

    def _highest(self, name: str) -> float:
        return float(self._ranges[name].high)


def rank(values: Sequence[float], goals: Sequence[Goal]) -> list[float]:
    """Smaller for the model that step 1 prefers: the better first goal, of equals the better next."""
    return [-value if goal.direction == "maximize" else value for goal, value in zip(goals, values, strict=True)]


def _shares() -> Iterator[tuple[float, ...]]:
    """How a doubling may be dealt out to depth, width and resolution; each sums to 1."""
    for depth in range(PARTS, -1, -1):
        for width in range(PARTS - depth, -1, -1):
            yield depth / PARTS, width / PARTS, (PARTS - depth - width) / PARTS
