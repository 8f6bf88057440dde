"""``green``: score against lifetime price. ``accuracy``: the score alone, for comparison."""

from __future__ import annotations

from automl.parts import Goal, Objective, Task
from automl.price.tag import PriceTag, lifetime


class Green(Objective):
    """The best score for the least work over a model's life.

    The price is training FLOPs plus predictions times FLOPs a prediction. Counted operations are what Green AI
    (Schwartz et al. 2019, arXiv:1907.10597) reports, because they depend neither on the machine nor on the
    place. They leave out memory traffic, so they order models of one family better than models of different kinds.
    """

    name = "green"
    summary = "the task's score against lifetime FLOPs (training + predictions x FLOPs per prediction)"
    preferred = True

    def goals(self, task: Task) -> tuple[Goal, ...]:
        """Score first, then the lifetime price."""
        return (Goal(task.score, task.direction), Goal("lifetime_flops", "minimize", log=True))

    def values(self, score: float, training: PriceTag, prediction: PriceTag, predictions: int) -> tuple[float, ...]:
        """The score and the lifetime FLOPs."""
        return (score, lifetime(training, prediction, predictions)["flops"].value)


class Accuracy(Objective):
    """The best score, whatever it costs."""

    name = "accuracy"
    summary = "the task's score alone"

    def goals(self, task: Task) -> tuple[Goal, ...]:
        """One goal: the score."""
        return (Goal(task.score, task.direction),)

    def values(self, score: float, training: PriceTag, prediction: PriceTag, predictions: int) -> tuple[float, ...]:
        """The score."""
        return (score,)
