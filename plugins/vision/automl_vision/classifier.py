"""The LightningModule of image classification."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy


class Classifier(LightningModule):
    """Cross-entropy, AdamW (Loshchilov & Hutter 2019) and a one-cycle learning rate (Smith & Topin 2018).

    Args:
        model: From images ``(batch, channels, height, width)`` to logits ``(batch, classes)``.
        classes: Number of labels.
        learning_rate: Peak of the cycle.
        weight_decay: Decoupled weight decay; normalizers and biases (parameters of fewer than two dimensions)
            are left without.
    """

    def __init__(self, model: torch.nn.Module, *, classes: int, learning_rate: float, weight_decay: float) -> None:
        super().__init__()
        # Depthwise convolutions run two to three times as fast on a CPU in this layout; the figures are the same.
        self.model = model.to(memory_format=torch.channels_last)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.accuracy = torch.nn.ModuleDict(
            {split: MulticlassAccuracy(classes, average="micro") for split in ("val", "test")}
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of shape ``(batch, classes)``."""
        return self.model(images)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """Cross-entropy of one batch."""
        images, labels = batch
        loss = functional.cross_entropy(self(images), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        """Loss and accuracy on the validation split."""
        self._evaluate("val", batch)

    def test_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        """Loss and accuracy on the test split."""
        self._evaluate("test", batch)

    def _evaluate(self, split: str, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        images, labels = batch
        logits = self(images)
        loss = functional.cross_entropy(logits, labels)
        accuracy = self.accuracy[split]
        accuracy(logits, labels)
        self.log(f"{split}_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        self.log(f"{split}_accuracy", accuracy, on_step=False, on_epoch=True)

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW under a one-cycle schedule over all steps of the training."""
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=int(self.trainer.estimated_stepping_batches)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
