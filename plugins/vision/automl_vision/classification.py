"""The task ``image-classification``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.parts import Config, DataSpec, Task

if TYPE_CHECKING:
    import torch
    from lightning.pytorch import LightningModule


class ImageClassification(Task):
    """One label an image: cross-entropy, AdamW, a one-cycle learning rate; scored by accuracy.

    Recipe keys of the config: ``learning_rate`` (peak of the cycle, default 0.02) and ``weight_decay``
    (decoupled, default 0.05).
    """

    name = "image-classification"
    summary = "one label an image; scored by accuracy"
    score = "accuracy"
    direction = "maximize"
    metrics = ("accuracy", "loss")

    def module(self, model: torch.nn.Module, config: Config, spec: DataSpec) -> LightningModule:
        """The model with its loss, optimizer and metrics."""
        from automl_vision.classifier import Classifier

        return Classifier(
            model,
            classes=len(spec.classes),
            learning_rate=config.get("learning_rate", 0.02),
            weight_decay=config.get("weight_decay", 0.05),
        )

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
