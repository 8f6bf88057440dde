"""What good means: an ordered list of goals over score and price tag."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

from automl.parts.base import Part

if TYPE_CHECKING:
    from automl.parts.task import Task
    from automl.price.tag import PriceTag


@dataclasses.dataclass(frozen=True)
class Goal:
    """One thing to make large or small.

    Attributes:
        metric: Name with its unit, such as ``"accuracy"`` or ``"lifetime_flops"``.
        direction: Which way is better.
        log: Whether the figure spans orders of magnitude and belongs on a logarithmic axis.
    """

    metric: str
    direction: Literal["maximize", "minimize"]
    log: bool = False


class Objective(Part, abc.ABC):
    """What good means. With one goal a study has one best trial, with several it has a front."""

    kind: ClassVar[str] = "objective"

    @abc.abstractmethod
    def goals(self, task: Task) -> tuple[Goal, ...]:
        """The goals, in the order of `values`; the first is the score where there is one."""

    @abc.abstractmethod
    def values(self, score: float, training: PriceTag, prediction: PriceTag, predictions: int) -> tuple[float, ...]:
        """One finite number a goal.

        Args:
            score: The task's score on the validation split.
            training: What one training of the model costs.
            prediction: What one prediction costs.
            predictions: How many predictions the model will make in its life.

        Raises:
            KeyError: A price figure the goal needs is not known.
        """
