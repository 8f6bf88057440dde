"""scikit-learn's digits: 1,797 real images of handwritten digits, 8x8, that come with the package."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from automl_vision.in_memory import InMemoryImages

if TYPE_CHECKING:
    import torch

SPLIT_SEED = 0
VAL_SHARE = TEST_SHARE = 0.15


class Digits(InMemoryImages):
    """8x8 grey images of the digits 0 to 9 (UCI optical recognition of handwritten digits), pixels in [0, 1].

    Split 70 / 15 / 15 into 1,257 train, 270 val and 270 test, each class in proportion; the split never changes.
    """

    name = "digits"
    summary = "scikit-learn's digits: 1,797 grey 8x8 images in 10 classes, nothing to download"

    input_shape = (1, 8, 8)
    classes = tuple(str(digit) for digit in range(10))

    def splits(self) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Read once a process."""
        return _splits()


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
