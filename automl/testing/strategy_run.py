"""A strategy at work on a made-up problem, each of its steps held against the contract."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from automl.parts import Categorical, Float, Goal, Integer
from automl.parts.strategy import Outcome, Problem, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from automl.parts import Dimension, Point, Strategy

WIDE = (
    Float("rate", 1e-4, 1.0, 0.1, log=True),
    Float("share", 0.0, 1.0, 0.5),
    Integer("width", 1, 256, 16, log=True),
    Integer("depth", 0, 6, 2),
    Categorical("kind", ("a", "b", "c"), "a"),
    Categorical("bias", (True, False), True),
)
"""A dimension of every kind."""

GOALS = (Goal("accuracy", "maximize"), Goal("flops", "minimize", log=True), Goal("bytes", "minimize", log=True))


class Run:
    """Asks for steps and tells what they gave, as the engine does.

    Args:
        strategy: What is under test.
        dimensions: What it may vary.
        goals: What it searches for, from `GOALS`.
        rungs: Amounts of training.
        seed: Of the problem.
        landmarks: Points to begin with.
        refuse: Which points may not be begun.
        fail: Which steps give nothing.
        quotes: Whether prices are known beforehand.
    """

    def __init__(  # noqa: PLR0913 - all but one have a default and go by name
        self,
        strategy: Strategy,
        *,
        dimensions: Sequence[Dimension] = WIDE,
        goals: Sequence[Goal] = GOALS[:2],
        rungs: Sequence[int] = (1,),
        seed: int = 0,
        landmarks: Sequence[Point] = (),
        refuse: Callable[[Point], bool] | None = None,
        fail: Callable[[Step], bool] | None = None,
        quotes: bool = False,
    ) -> None:
        self.told: list[Step] = []
        self.most_in_flight = 0
        self._strategy = strategy
        self._refuse = refuse
        self._fail = fail
        self._outcomes: list[tuple[Step, Outcome]] = []
        self._in_flight: list[Step] = []
        self._stand: dict[int, Step] = {}
        self._ended: set[int] = set()
        self._begun: set[str] = set()
        self._admitted: set[str] = set()
        self.problem = Problem(
            dimensions=tuple(dimensions),
            goals=tuple(goals),
            rungs=tuple(rungs),
            seed=seed,
            admits=self._admits,
            landmarks=tuple(landmarks),
            quote=self._quote if quotes else None,
            quotes=8 if quotes else 1,
        )
        self._searcher = strategy.start(self.problem)

    def go(self, steps: int, workers: int = 1) -> Run:
        """Goes on until so many steps are told in all, or nothing is left worth doing."""
        while len(self.told) < steps:
            while len(self._in_flight) < workers and self.ask() is not None:
                pass
            if not self._in_flight:
                break
            # The last that began is the first to finish: the order is the workers' affair.
            self.tell(self._in_flight[-1])
        return self

    def ask(self, *, new: bool = True) -> Step | None:
        """The next step, which keeps to the contract."""
        step = self._searcher.ask(new=new)
        if step is not None:
            self._check(step)
            self._in_flight.append(step)
            self._stand.setdefault(step.trial, step)
            self.most_in_flight = max(self.most_in_flight, len(self._in_flight))
        return step

    def tell(self, step: Step) -> None:
        """Tells what a step gave."""
        if step in self._in_flight:
            self._in_flight.remove(step)
        outcome = Outcome(self._values(step), price=float(self.problem.rungs[step.rung]))
        self._note(step, outcome)
        self._searcher.tell(step, outcome)

    def restart(self) -> Run:
        """Puts a fresh searcher to work, which is told all that was told; steps in flight are left in flight."""
        self._searcher = self._strategy.start(self.problem)
        for step, outcome in self._outcomes:
            self._searcher.tell(step, outcome)
        return self

    def made_elsewhere(self, steps: Iterable[tuple[int, int]]) -> None:
        """Tells steps, each a trial and a rung, that no searcher was asked for."""
        for trial, rung in steps:
            before = self._stand.get(trial)
            shares = (((trial + 1) * 0.31 + place * 0.17) % 1 for place in range(len(self.problem.dimensions)))
            point = before.point if before else dict(map(_at, self.problem.dimensions, shares))
            self._begun.add(_key(point))
            self.tell(Step(trial, point, rung, before.rung if before else None))

    def _admits(self, point: Point) -> bool:
        _check_point(point, self.problem.dimensions)
        if _key(point) in self._begun or (self._refuse is not None and self._refuse(point)):
            return False
        self._admitted.add(_key(point))
        return True

    def _check(self, step: Step) -> None:
        last = len(self.problem.rungs) - 1
        _check_point(step.point, self.problem.dimensions)
        assert 0 <= step.rung <= last, f"{step} goes beyond the rungs {self.problem.rungs}"
        assert step.trial not in {each.trial for each in self._in_flight}, f"{step}: its trial is in flight already"
        if step.from_rung is None:
            assert step.trial >= 0, f"{step} has a number below 0"
            assert step.trial not in self._stand, f"{step} begins under a number that was given before"
            assert _key(step.point) not in self._begun, f"{step} begins a point that was begun before"
            assert _key(step.point) in self._admitted, f"{step} begins a point that was not admitted"
            self._begun.add(_key(step.point))
            return
        before = self._stand.get(step.trial)
        assert before is not None, f"{step} goes on with a trial that never began"
        assert step.trial not in self._ended, f"{step} goes on with a trial that failed"
        assert step.point == before.point, f"{step} goes on with another point, {before.point}"
        assert step.from_rung == before.rung, f"{step} goes on from rung {step.from_rung}, not from {before.rung}"
        assert step.rung > step.from_rung, f"{step} does not rise"

    def _note(self, step: Step, outcome: Outcome) -> None:
        self.told.append(step)
        self._outcomes.append((step, outcome))
        self._stand[step.trial] = step
        if outcome.values is None:
            self._ended.add(step.trial)

    def _values(self, step: Step) -> tuple[float, ...] | None:
        if self._fail is not None and self._fail(step):
            return None
        return tuple(self._value(goal, step.point, step.rung) for goal in self.problem.goals)

    def _quote(self, point: Point) -> list[list[float]]:
        known = range(len(self.problem.rungs))
        return [
            [math.nan if goal == GOALS[0] else self._value(goal, point, rung) for goal in self.problem.goals]
            for rung in known
        ]

    def _value(self, goal: Goal, point: Point, rung: int) -> float:
        shares = [_share(dimension, point[dimension.name]) for dimension in self.problem.dimensions]
        effort = sum(share * (place + 1) for place, share in enumerate(shares)) / (len(shares) or 1)
        if goal == GOALS[0]:
            trained = 1 - 0.5 ** (rung + 1)
            return 0.9 * trained - sum((share - 0.6) ** 2 for share in shares) / (len(shares) or 1) + 0.1 * effort
        epochs = self.problem.rungs[rung] if goal == GOALS[1] else 1
        return float(10 ** (3 + 2 * effort)) * epochs


def _check_point(point: Point, dimensions: Sequence[Dimension]) -> None:
    names = [dimension.name for dimension in dimensions]
    assert sorted(point) == sorted(names), f"{point} has no value for each of {names}"
    for dimension in dimensions:
        value = point[dimension.name]
        where = f"{dimension.name} of {point}"
        if isinstance(dimension, Categorical):
            choices = [(type(choice), choice) for choice in dimension.choices]
            assert (type(value), value) in choices, f"{where} is none of the choices {dimension.choices}"
            continue
        wanted = int if isinstance(dimension, Integer) else float
        assert type(value) is wanted, f"{where} is of type {type(value).__name__}, not {wanted.__name__}"
        assert dimension.low <= value <= dimension.high, f"{where} is not in [{dimension.low}, {dimension.high}]"


def _key(point: Point) -> str:
    return repr(sorted(point.items()))


def _share(dimension: Dimension, value: object) -> float:
    """Where in its dimension a value stands, from 0 to 1."""
    if isinstance(dimension, Categorical):
        return dimension.choices.index(value) / max(1, len(dimension.choices) - 1)
    assert isinstance(value, int | float)
    low, high = float(dimension.low), float(dimension.high)
    if low == high:
        return 0.0
    return math.log(value / low) / math.log(high / low) if dimension.log else (value - low) / (high - low)


def _at(dimension: Dimension, share: float) -> tuple[str, object]:
    """A value at about that share of the dimension."""
    if isinstance(dimension, Categorical):
        return dimension.name, dimension.choices[int(share * len(dimension.choices))]
    value = dimension.low + share * (dimension.high - dimension.low)
    return dimension.name, round(value) if isinstance(dimension, Integer) else value
