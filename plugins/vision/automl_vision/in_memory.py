"""What data sources of images that fit into memory have in common."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

from automl.parts import DataSource, DataSpec
from automl_vision.files import read_images

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from lightning.pytorch import LightningDataModule


class InMemoryImages(DataSource, abc.ABC):
    """Labelled images as tensors: inputs ``(examples, channels, height, width)`` in [0, 1], targets class indices.

    Attributes:
        input_shape: Channels, height and width of an image.
        classes: Their names, in the order of the indices.
    """

    input_shape: ClassVar[tuple[int, ...]]
    classes: ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def splits(self) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Inputs and targets of ``train``, ``val`` and ``test``; kept by whoever makes them."""

    def spec(self) -> DataSpec:
        """Sizes of the splits; mean and deviation of the training pixels."""
        splits = self.splits()
        pixels = splits["train"][0]
        return DataSpec(
            source=self.name,
            task="image-classification",
            input_shape=self.input_shape,
            classes=self.classes,
            train_size=len(splits["train"][0]),
            val_size=len(splits["val"][0]),
            test_size=len(splits["test"][0]),
            mean=(float(pixels.mean()),),
            std=(float(pixels.std()),),
        )

    def datamodule(self, spec: DataSpec, *, batch_size: int, seed: int) -> LightningDataModule:
        """The three splits, held in memory."""
        from automl_vision.datamodule import TensorDataModule

        return TensorDataModule(self.splits(), batch_size=batch_size, seed=seed)

    def read(self, path: Path, spec: DataSpec) -> torch.Tensor:
        """Dark-on-light or light-on-dark is not guessed: these are light on a dark ground."""
        return read_images(path, spec.input_shape)
