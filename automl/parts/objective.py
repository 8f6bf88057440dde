"""What good means: an ordered list of goals over score and price tag."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

from automl.parts.base import Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.parts.task import Task


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
    """What good means. With one goal a study has one best trial, with several it has a front.

    An objective chooses among figures that the engine knows by name:

    - what the task logs on the validation split: ``accuracy``, ``loss``, ...
    - ``training_Q``, ``prediction_Q`` and ``lifetime_Q`` for every quantity Q of a price tag
      (`automl.price.tag.UNITS`), a lifetime being one training and the predictions of a life
    - ``latency_ms``, ``parameters``, ``model_bytes``, ``activation_bytes`` of the model when it predicts one example
    - ``latency_ms@DEVICE``, ``prediction_Q@DEVICE`` and ``lifetime_Q@DEVICE``: predicting on a device of the catalogue
    """

    kind: ClassVar[str] = "objective"

    @abc.abstractmethod
    def goals(self, task: Task) -> tuple[Goal, ...]:
        """The goals, in the order of `values`; the first is the score where there is one."""

    def reads(self, task: Task) -> tuple[str, ...]:
        """The figures that `values` looks up, checked before anything is spent; by default the goals' own."""
        return tuple(goal.metric for goal in self.goals(task))

    def values(self, task: Task, figures: Mapping[str, float]) -> tuple[float, ...]:
        """One finite number a goal; by default the figure of the goal's name.

        Args:
            task: What was learned.
            figures: All that is known of the candidate, by name, validation metrics included.

        Raises:
            KeyError: A figure is not known of this candidate.
        """
        return tuple(figures[goal.metric] for goal in self.goals(task))
