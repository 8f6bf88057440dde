"""What holds for every objective; a plugin author subclasses the suite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import pytest

from automl.errors import UsageError
from automl.price.named import PRICES, NamedFigures, split
from automl.price.tag import UNITS, Figure, PriceTag
from automl.testing.parts import PartSuite
from automl.testing.toy import ToyTask

if TYPE_CHECKING:
    from automl.parts import Objective, Task


def price(amount: float) -> PriceTag:
    """A tag in which every figure is `amount`."""
    return PriceTag({name: Figure(amount, "counted") for name in UNITS})


def figures(score: float, training: float, prediction: float, predictions: int, task: Task) -> NamedFigures:
    """A candidate of that score, every figure of whose training and of one prediction is the amount given."""
    metrics = dict.fromkeys((task.score, *task.metrics), score)
    tag = price(prediction)
    return NamedFigures(metrics, price(training), tag, predictions, lambda _device: tag)


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

    def test_what_it_reads_is_a_metric_or_a_price(self) -> None:
        """So that the engine can say before a search what will never be known."""
        for name in self.part.reads(self.task):
            known = name in {self.task.score, *self.task.metrics} or split(name)[0] in PRICES
            assert known, f"{name} is neither a metric of {self.task.name} nor a price"

    @pytest.mark.parametrize("predictions", [0, 1, 10**6])
    def test_there_is_one_finite_value_a_goal(self, predictions: int) -> None:
        """For any number of predictions, none too."""
        values = self.part.values(self.task, figures(0.9, 1e9, 1e3, predictions, self.task))
        goals = self.part.goals(self.task)
        assert len(values) == len(goals), f"{len(goals)} goals get {len(values)} values"
        assert all(map(math.isfinite, values)), f"{values} are not all finite"

    def test_better_is_better(self) -> None:
        """A better score makes no goal worse, and neither does a lower price."""
        worse = self._losses(0.8, 1e9, 1e3)
        for better in (self._losses(0.9, 1e9, 1e3), self._losses(0.8, 1e8, 1e3), self._losses(0.8, 1e9, 1e2)):
            pairs = zip(better, worse, strict=True)
            assert all(ours <= theirs for ours, theirs in pairs), f"{better} is worse than {worse} in a goal"

    def test_what_is_not_known_is_an_error(self) -> None:
        """An objective that takes an unknown figure for 0 would call the candidate free."""
        with pytest.raises(KeyError):
            self.part.values(self.task, NamedFigures({}, PriceTag(), PriceTag(), 1))

    def test_an_unknown_variant_is_told(self) -> None:
        """As the user's error."""
        with pytest.raises(UsageError):
            self.part.variant("no such variant")

    def _losses(self, score: float, training: float, prediction: float) -> list[float]:
        values = self.part.values(self.task, figures(score, training, prediction, 1000, self.task))
        goals = self.part.goals(self.task)
        return [-value if goal.direction == "maximize" else value for value, goal in zip(values, goals, strict=True)]
