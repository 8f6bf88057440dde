"""What data sources of labelled images have in common: what they load, and how the host is told of it."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING

from automl.errors import UsageError
from automl.parts import DataSource, DataSpec
from automl_vision.splits import SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch
    from lightning.pytorch import LightningDataModule

    from automl_vision.examples import Examples, Files


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded:
    """Three splits, ready to train on.

    Attributes:
        splits: The examples of ``train``, ``val`` and ``test``; inputs ``(examples, channels, height, width)``, targets
            class indices.
        classes: Names of the classes, in the order of the indices.
        input_shape: Channels, height and width of an image.
        mean: Of each channel over the training split.
        std: Standard deviation of the same.
        hashes: Of the contents of each split, as `splits.split_hash` makes them.
        remarks: What a person should know of the data before training on it.
    """

    splits: Mapping[str, Examples | Files]
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    hashes: tuple[str, ...]
    remarks: tuple[str, ...] = ()


class ImageSource(DataSource, abc.ABC):
    """Labelled images: inputs in [0, 1] unless the source says otherwise, targets class indices."""

    @abc.abstractmethod
    def loaded(self) -> Loaded:
        """The data; kept by whoever loads it.

        Raises:
            UsageError: It is not where it should be, or is damaged.
        """

    def spec(self) -> DataSpec:
        """Sizes of the splits and of the classes, mean and deviation of the training pixels, hashes of the contents."""
        loaded = self.loaded()
        train = loaded.splits["train"].labels
        return DataSpec(
            source=self.name,
            task="image-classification",
            input_shape=loaded.input_shape,
            classes=loaded.classes,
            train_size=len(train),
            val_size=len(loaded.splits["val"]),
            test_size=len(loaded.splits["test"]),
            mean=loaded.mean,
            std=loaded.std,
            class_sizes=tuple(train.bincount(minlength=len(loaded.classes)).tolist()),
            split_hashes=loaded.hashes,
        )

    def remarks(self, spec: DataSpec) -> tuple[str, ...]:
        """Uneven classes, repeated examples, and what the source has to say."""
        return (*super().remarks(spec), *self.loaded().remarks)

    def datamodule(self, spec: DataSpec, *, batch_size: int, seed: int) -> LightningDataModule:
        """The three splits, from memory or from files.

        Raises:
            UsageError: The data is no longer what the spec was made of.
        """
        from automl_vision.datamodule import ImageDataModule

        loaded = self.loaded()
        # Specs of studies that were made before there were hashes have none.
        if spec.split_hashes and (spec.split_hashes, spec.input_shape) != (loaded.hashes, loaded.input_shape):
            pairs = zip(SPLITS, spec.split_hashes, loaded.hashes, strict=True)
            changed = ", ".join(split for split, before, now in pairs if before != now) or "size of the images"
            raise UsageError(f"Data {self.name} is not what it was when the study was made ({changed}). Put it back.")
        return ImageDataModule(loaded.splits, batch_size=batch_size, seed=seed)

    def read(self, path: Path, spec: DataSpec) -> torch.Tensor:
        """A picture or an array; dark on light or light on dark is not guessed."""
        from automl_vision.files import read_images

        return read_images(path, spec.input_shape)
