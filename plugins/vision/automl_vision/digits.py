"""scikit-learn's digits: 1,797 real images of handwritten digits, 8x8, that come with the package."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from automl_vision.image_source import ImageSource

if TYPE_CHECKING:
    from automl_vision.image_source import Loaded

SPLIT_SEED = 0
VAL_SHARE = TEST_SHARE = 0.15


class Digits(ImageSource):
    """8x8 grey images of the digits 0 to 9 (UCI optical recognition of handwritten digits), pixels in [0, 1].

    Split 70 / 15 / 15 into 1,257 train, 270 val and 270 test, each class in proportion; the split never changes.
    """

    name = "digits"
    summary = "scikit-learn's digits: 1,797 grey 8x8 images in 10 classes, nothing to download"

    def loaded(self) -> Loaded:
        """Read once a process."""
        return _loaded()


@functools.cache
def _loaded() -> Loaded:
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    from automl_vision.tensors import in_memory, overall_stats

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float().div(16).unsqueeze(1)
    labels = torch.from_numpy(bunch.target).long()
    held = round(len(labels) * VAL_SHARE) + round(len(labels) * TEST_SHARE)
    train, rest = train_test_split(range(len(labels)), test_size=held, stratify=labels, random_state=SPLIT_SEED)
    val, test = train_test_split(rest, test_size=0.5, stratify=labels[rest], random_state=SPLIT_SEED)
    splits = {name: (images[index], labels[index]) for name, index in (("train", train), ("val", val), ("test", test))}
    return in_memory(splits, tuple(str(digit) for digit in range(10)), stats=overall_stats(splits["train"][0]))
