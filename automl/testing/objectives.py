"""What holds for every objective; a plugin author subclasses the suite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import pytest

from automl.price.tag import UNITS, Figure, PriceTag
from automl.testing.parts import PartSuite
from automl.testing.toy import ToyTask

if TYPE_CHECKING:
    from automl.parts import Objective, Task


def price(amount: float) -> PriceTag:
    """A tag in which every figure is `amount`."""
    return PriceTag({name: Figure(amount, "counted") for name in UNITS})


class ObjectiveSuite(PartSuite):
    """Tests that every objective passes.

    Attributes:
        part: The objective under test.
        task: A task whose score is larger the better.
    """

    part: ClassVar[Objective]
    task: ClassVar[Task] = ToyTask()

    def test_goals_are_sound(self) -> None:
        """There is one at least; names are unique, directions are directions."""
        goals = self.part.goals(self.task)
        assert goals, "there is no goal"
        assert len({goal.metric for goal in goals}) == len(goals), "two goals have one name"
        for goal in goals:
            assert goal.direction in {"maximize", "minimize"}, f"{goal.metric} has direction {goal.direction!r}"

    @pytest.mark.parametrize("predictions", [0, 1, 10**6])
    def test_there_is_one_finite_value_a_goal(self, predictions: int) -> None:
        """For any number of predictions, none too."""
        values = self.part.values(0.9, price(1e9), price(1e3), predictions)
        goals = self.part.goals(self.task)
        assert len(values) == len(goals), f"{len(goals)} goals get {len(values)} values"
        assert all(map(math.isfinite, values)), f"{values} are not all finite"

    def test_better_is_better(self) -> None:
        """A better score makes no goal worse, and neither does a lower price."""
        worse = self._losses(0.8, 1e9, 1e3)
        for better in (self._losses(0.9, 1e9, 1e3), self._losses(0.8, 1e8, 1e3), self._losses(0.8, 1e9, 1e2)):
            pairs = zip(better, worse, strict=True)
            assert all(ours <= theirs for ours, theirs in pairs), f"{better} is worse than {worse} in a goal"

    def _losses(self, score: float, training: float, prediction: float) -> list[float]:
        values = self.part.values(score, price(training), price(prediction), 1000)
        goals = self.part.goals(self.task)
        return [-value if goal.direction == "maximize" else value for value, goal in zip(values, goals, strict=True)]
