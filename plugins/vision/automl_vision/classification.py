"""The task ``image-classification``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.errors import UsageError
from automl.host import get_host
from automl.parts import Config, DataSpec, Loss, Task
from automl_vision.recipe import MOMENTUM, OPTIMIZERS

if TYPE_CHECKING:
    import torch
    from lightning.pytorch import LightningModule


class ImageClassification(Task):
    """One label an image: a loss, an optimizer, a one-cycle learning rate; scored by accuracy.

    Recipe keys of the config: ``learning_rate`` (peak of the cycle, default 0.02), ``weight_decay`` (decoupled, default
    0.05), ``loss`` (a part of that kind, default cross-entropy), ``optimizer`` (``adamw``, the default, ``sgd`` or
    ``rmsprop``) and ``momentum`` (of the last two, default 0.9).
    """

    name = "image-classification"
    summary = "one label an image; scored by accuracy"
    score = "accuracy"
    direction = "maximize"
    metrics = ("accuracy", "loss")

    def module(self, model: torch.nn.Module, config: Config, spec: DataSpec) -> LightningModule:
        """The model with its loss, optimizer and metrics.

        Raises:
            UsageError: No plugin brings the loss, it is for other tasks, or there is no such optimizer.
        """
        from automl_vision.classifier import Classifier

        return Classifier(
            model,
            classes=len(spec.classes),
            learning_rate=config.get("learning_rate", 0.02),
            weight_decay=config.get("weight_decay", 0.05),
            loss=self._loss(config["loss"]).module() if "loss" in config else None,
            optimizer=config.get("optimizer", OPTIMIZERS[0]),
            momentum=config.get("momentum", MOMENTUM),
        )

    def _loss(self, name: str) -> Loss:
        loss = get_host().part(Loss, name)
        if self.name not in loss.tasks:
            raise UsageError(f"Loss {loss.name!r} is for {' or '.join(loss.tasks)}, not for {self.name}.")
        return loss

    def decode(self, outputs: torch.Tensor, spec: DataSpec) -> list[dict[str, Any]]:
        """The likeliest label of each image, its probability, and the probabilities of all labels."""
        return [
            {
                "label": spec.classes[int(row.argmax())],
                "probability": float(row.max()),
                "probabilities": dict(zip(spec.classes, (float(p) for p in row), strict=True)),
            }
            for row in outputs.detach().float().softmax(dim=1)
        ]
