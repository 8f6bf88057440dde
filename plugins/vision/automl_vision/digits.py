"""scikit-learn's digits: 1,797 real images of handwritten digits, 8x8, that come with the package."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from automl.parts import DataSource, DataSpec
from automl_vision.files import read_images

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from lightning.pytorch import LightningDataModule

SPLIT_SEED = 0
VAL_SHARE = TEST_SHARE = 0.15


class Digits(DataSource):
    """8x8 grey images of the digits 0 to 9 (UCI optical recognition of handwritten digits), pixels in [0, 1].

    Split 70 / 15 / 15 into 1,257 train, 270 val and 270 test, each class in proportion; the split never changes.
    """

    name = "digits"
    summary = "scikit-learn's digits: 1,797 grey 8x8 images in 10 classes, nothing to download"

    def spec(self) -> DataSpec:
        """Sizes of the splits; mean and deviation of the training pixels."""
        splits = _splits()
        pixels = splits["train"][0]
        return DataSpec(
            source=self.name,
            task="image-classification",
            input_shape=(1, 8, 8),
            classes=tuple(str(digit) for digit in range(10)),
            train_size=len(splits["train"][0]),
            val_size=len(splits["val"][0]),
            test_size=len(splits["test"][0]),
            mean=(float(pixels.mean()),),
            std=(float(pixels.std()),),
        )

    def datamodule(self, spec: DataSpec, *, batch_size: int, seed: int) -> LightningDataModule:
        """The three splits, held in memory."""
        from automl_vision.datamodule import TensorDataModule

        return TensorDataModule(_splits(), batch_size=batch_size, seed=seed)

    def read(self, path: Path, spec: DataSpec) -> torch.Tensor:
        """Dark-on-light or light-on-dark is not guessed: digits are light strokes on a dark ground."""
        return read_images(path, spec.input_shape)


@functools.cache
def _splits() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float().div(16).unsqueeze(1)
    labels = torch.from_numpy(bunch.target).long()
    held = round(len(labels) * VAL_SHARE) + round(len(labels) * TEST_SHARE)
    train, rest = train_test_split(range(len(labels)), test_size=held, stratify=labels, random_state=SPLIT_SEED)
    val, test = train_test_split(rest, test_size=0.5, stratify=labels[rest], random_state=SPLIT_SEED)
    return {name: (images[index], labels[index]) for name, index in (("train", train), ("val", val), ("test", test))}
