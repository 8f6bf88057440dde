"""The LightningModule of image classification."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch.nn import functional

from automl_vision.means import Means
from automl_vision.optimizers import make_optimizer
from automl_vision.recipe import MOMENTUM, OPTIMIZERS


class Classifier(LightningModule):
    """A loss, an optimizer and a one-cycle learning rate (Smith & Topin 2018, arXiv:1708.07120).

    The learning rate starts at a 25th of its peak, rises along a cosine for the first three tenths of all steps, and
    falls along another to a 250,000th of the peak. So it warms up nearly from zero, as filter response normalization
    wants it (Singh & Krishnan 2019). AdamW's first beta goes the other way, from 0.95 to 0.85 and back; the momentum of
    the other optimizers stays.

    What is reported as loss on the validation and test splits is plain cross-entropy whatever the model is trained
    with, so that models can be compared; ``train_loss`` is what was made small.

    Args:
        model: From images ``(batch, channels, height, width)`` to logits ``(batch, classes)``.
        classes: Number of labels.
        learning_rate: Peak of the cycle.
        weight_decay: Decoupled weight decay; normalizers and biases (parameters of fewer than two dimensions)
            are left without.
        loss: From logits and class indices to a scalar; cross-entropy when None.
        optimizer: A name that `automl_vision.optimizers.make_optimizer` knows.
        momentum: Of SGD and RMSProp.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        classes: int,
        learning_rate: float,
        weight_decay: float,
        loss: torch.nn.Module | None = None,
        optimizer: str = OPTIMIZERS[0],
        momentum: float = MOMENTUM,
    ) -> None:
        super().__init__()
        # Depthwise convolutions run two to three times as fast on a CPU in this layout; the figures are the same.
        self.model = model.to(memory_format=torch.channels_last)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss or torch.nn.CrossEntropyLoss()
        self.optimizer = optimizer
        self.momentum = momentum
        self._means = {split: Means() for split in ("train", "val", "test")}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of shape ``(batch, classes)``."""
        return self.model(images)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The loss of one batch."""
        images, labels = batch
        loss: torch.Tensor = self.loss(self(images), labels)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        """Logs the loss once an epoch, with its last batch: callbacks want it before the module's end of the epoch."""
        examples = len(batch[1])
        self._means["train"].add({"train_loss": outputs["loss"] * examples}, examples)
        if self.trainer.is_last_batch:
            self.log_dict(self._means["train"].take(), on_step=False, on_epoch=True, batch_size=1)

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        """Cross-entropy and accuracy on the validation split."""
        self._evaluate("val", batch)

    def test_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        """Cross-entropy and accuracy on the test split."""
        self._evaluate("test", batch)

    def on_validation_epoch_end(self) -> None:
        """Logs both."""
        self.log_dict(self._means["val"].take())

    def on_test_epoch_end(self) -> None:
        """Logs both."""
        self.log_dict(self._means["test"].take())

    def _evaluate(self, split: str, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        images, labels = batch
        logits = self(images)
        right = (logits.argmax(dim=1) == labels).sum()
        loss = functional.cross_entropy(logits, labels, reduction="sum")
        self._means[split].add({f"{split}_loss": loss, f"{split}_accuracy": right}, len(labels))

    def configure_optimizers(self) -> dict[str, Any]:
        """The optimizer under a one-cycle schedule over all steps of the training."""
        optimizer = make_optimizer(
            self.optimizer,
            self.parameters(),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            self.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            cycle_momentum=self.optimizer == "adamw",  # elsewhere it would undo the momentum that was asked for
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
