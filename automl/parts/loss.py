"""What a training makes small, by name."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

from automl.parts.base import Part

if TYPE_CHECKING:
    import torch


class Loss(Part, abc.ABC):
    """A loss factory (cross-entropy, label smoothing, hinge, ...).

    A space offers losses as the dimension ``loss``, the name goes into the config, and the task looks it up. What a
    task reports as its metric ``loss`` on the validation and test splits is its own, whatever a model was trained
    with, so that models can be compared.

    Attributes:
        tasks: Names of the tasks whose outputs and targets it takes.
        variants: Each of them is a choice that a user may ask for as ``--set loss=NAME:VARIANT``; `variant` may take
            more than are listed.
    """

    kind: ClassVar[str] = "loss"
    tasks: tuple[str, ...] = ()

    @abc.abstractmethod
    def module(self) -> torch.nn.Module:
        """A new module from ``(outputs, targets)`` to the mean loss of the batch, a scalar.

        For classification `outputs` are logits, floating point of shape ``(batch, classes)``, and `targets` int64 class
        indices of shape ``(batch,)``. It runs on the meta device, where its FLOPs are counted; parameters, if it has
        any, are trained along with the model.
        """
