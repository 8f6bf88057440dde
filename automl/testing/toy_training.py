"""The heavy half of the toy plugin: what needs torch and Lightning."""

from __future__ import annotations

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

Batch = tuple[torch.Tensor, torch.Tensor]


def perceptron(features: int, width: int, classes: int, activation: str) -> torch.nn.Module:
    """One hidden layer."""
    middle = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[activation]
    return torch.nn.Sequential(torch.nn.Linear(features, width), middle(), torch.nn.Linear(width, classes))


class ToyDataModule(LightningDataModule):
    """Points drawn anew, and always the same, for each split."""

    def __init__(self, features: int, train: int, held: int, batch_size: int, seed: int) -> None:
        super().__init__()
        self._features, self._train, self._held = features, train, held
        self._batch_size, self._seed = batch_size, seed

    def train_dataloader(self) -> DataLoader[tuple[torch.Tensor, ...]]:
        """Shuffled by the seed."""
        order = torch.Generator().manual_seed(self._seed)
        return DataLoader(self._points(self._train, 0), self._batch_size, shuffle=True, generator=order)

    def val_dataloader(self) -> DataLoader[tuple[torch.Tensor, ...]]:
        """In order."""
        return DataLoader(self._points(self._held, 1), self._held)

    def test_dataloader(self) -> DataLoader[tuple[torch.Tensor, ...]]:
        """In order."""
        return DataLoader(self._points(self._held, 2), self._held)

    def _points(self, size: int, split: int) -> TensorDataset:
        generator = torch.Generator().manual_seed(split)
        labels = torch.arange(size) % 2
        points = torch.randn(size, self._features, generator=generator) + (2.0 * labels - 1).unsqueeze(1)
        return TensorDataset(points, labels)


class ToyModule(LightningModule):
    """Cross-entropy and plain gradient descent."""

    def __init__(self, model: torch.nn.Module, learning_rate: float) -> None:
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Logits."""
        logits: torch.Tensor = self.model(points)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The loss of one batch."""
        loss = functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and accuracy."""
        self._evaluate("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and accuracy."""
        self._evaluate("test", batch)

    def _evaluate(self, split: str, batch: Batch) -> None:
        logits = self(batch[0])
        self.log(f"{split}_loss", functional.cross_entropy(logits, batch[1]))
        self.log(f"{split}_accuracy", (logits.argmax(dim=1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=self.learning_rate)
