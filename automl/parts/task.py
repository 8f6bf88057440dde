"""What it means to learn from data."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automl.parts.base import Part

if TYPE_CHECKING:
    import torch
    from lightning.pytorch import LightningModule

    from automl.parts.data_source import DataSpec
    from automl.parts.space import Config


class Task(Part, abc.ABC):
    """The way a bare model learns: loss, optimizer, metrics, and the name of its score.

    Attributes:
        score: Name of the metric by which models are ranked, such as ``"accuracy"``.
        direction: Which way is better.
        metrics: Names of all metrics logged on the validation split, without the ``val_`` before them; any of them can
            be a goal of a search. The score is one of them whether it is listed or not.
    """

    kind: ClassVar[str] = "task"
    score: str = ""
    direction: Literal["maximize", "minimize"] = "maximize"
    metrics: tuple[str, ...] = ()

    @abc.abstractmethod
    def module(self, model: torch.nn.Module, config: Config, spec: DataSpec) -> LightningModule:
        """The LightningModule that trains `model`.

        It logs ``train_loss``, ``val_loss``, ``val_<score>`` and ``test_<score>`` once an epoch, keeps the
        bare model as its attribute ``model``, and takes its recipe (``learning_rate``, ``weight_decay``, ...)
        from `config`, each with a default for spaces that do not search it.
        """

    @abc.abstractmethod
    def decode(self, outputs: torch.Tensor, spec: DataSpec) -> list[dict[str, Any]]:
        """The model's outputs in words a person can use, one JSON-able dict an example."""
