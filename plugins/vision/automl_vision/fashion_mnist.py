"""Fashion-MNIST: 70,000 real images of clothes, 28x28, from files in torchvision's layout."""

from __future__ import annotations

import collections
import copy
import functools
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from automl.errors import UsageError
from automl_vision.in_memory import InMemoryImages

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

DATA_DIR = "AUTOML_DATA_DIR"

RAW = Path("FashionMNIST", "raw")
"""Where the files lie below the folder, as torchvision lays them out."""

FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

SIDE_PX = 28
SPLIT_SEED = 0

HELD = 6
"""One training image in so many is for validation: 10,000 of 60,000, as is usual."""

LEAST = HELD * len(CLASSES)
"""The smallest subset that has an image of each class to validate with."""


class FashionMNIST(InMemoryImages):
    """28x28 grey images of ten kinds of clothes (Xiao et al. 2017, arXiv:1708.07747), pixels in [0, 1].

    The 60,000 training images are split into 50,000 train and 10,000 val, each class in proportion; the 10,000 test
    images are the test split. A variant takes fewer of train and val, 5 to 1, and all of test. The images of a size are
    among those of every larger one and in the same split, so what one size holds out was trained on in none.
    """

    name = "fashion-mnist"
    summary = "Fashion-MNIST: 70,000 grey 28x28 images in 10 classes; files from AUTOML_DATA_DIR"
    variants: ClassVar[dict[str, str]] = {
        "N": "N images for training and validation, 5 to 1, such as fashion-mnist:6000; the test images stay",
        "@FOLDER": "where FashionMNIST/raw lies; fashion-mnist:6000@FOLDER for both",
    }
    input_shape = (1, SIDE_PX, SIDE_PX)
    classes = CLASSES
    _size: int | None = None
    _at: str = ""

    def variant(self, text: str) -> Self:
        """``N``, ``N@FOLDER`` or ``@FOLDER``."""
        size, _, at = text.partition("@")
        if not (size.isdecimal() or (at and not size)):
            return super().variant(text)
        if size and int(size) < LEAST:
            raise UsageError(
                f"Of {self.name} take {LEAST} images or more, not {size}, so that each split has all classes."
            )
        other = copy.copy(self)
        other.name = f"{self.name.partition(':')[0]}:{text}"
        other._size, other._at = int(size) if size else None, at  # noqa: SLF001 - a copy of its own kind
        return other

    def splits(self) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Read once a process and size."""
        return _read_splits(_folder(self._at).resolve(), self._size)


def _folder(at: str) -> Path:
    """The folder that holds FashionMNIST/raw: what the user typed after ``@``, or else ``$AUTOML_DATA_DIR``."""
    if not (folder := at or os.environ.get(DATA_DIR, "")):
        raise UsageError(
            f"Where are the files of Fashion-MNIST? Set {DATA_DIR} to the folder that holds {RAW}/, or name the folder "
            f"after @, as in fashion-mnist:@FOLDER. {_how_to_get('FOLDER')}"
        )
    return Path(folder).expanduser()


def _how_to_get(folder: Path | str) -> str:
    code = f"import torchvision; torchvision.datasets.FashionMNIST({str(folder)!r}, download=True)"
    return f'Where there is a network, this gets them: python -c "{code}"'


# A search needs one size, or two that are compared.
@functools.lru_cache(maxsize=2)
def _read_splits(folder: Path, size: int | None) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    if missing := [name for name in FILES if not (folder / RAW / name).is_file()]:
        raise UsageError(f"There is no {' and no '.join(missing)} in {folder / RAW}. {_how_to_get(folder)}")
    images, labels = _read_part(folder, train=True)
    size = len(labels) if size is None else size
    if not LEAST <= size <= len(labels):
        raise UsageError(f"Of the {len(labels)} training images in {folder / RAW} take {LEAST} or more, not {size}.")
    order = stratified_order(labels.tolist(), SPLIT_SEED)
    held, val_size = round(len(order) / HELD), round(size / HELD)
    chosen = {"train": order[held : held + size - val_size], "val": order[:val_size]}
    splits = {name: (images[index], labels[index]) for name, index in chosen.items()}
    splits["test"] = _read_part(folder, train=False)
    return {name: (images.float().div(255).unsqueeze(1), labels) for name, (images, labels) in splits.items()}


def _read_part(folder: Path, *, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Bytes of shape ``(images, 28, 28)`` and class indices."""
    import torch
    from torchvision import datasets

    images_path, labels_path = (folder / RAW / name for name in (FILES[:2] if train else FILES[2:]))
    try:
        part = datasets.FashionMNIST(folder, train=train, download=False)
    except Exception as error:  # what a damaged file makes torchvision raise depends on the damage
        raise UsageError(f"{images_path} or {labels_path.name} beside it is damaged: {error!r}.") from error
    images, labels = part.data, part.targets
    fits = images.shape == (len(labels), SIDE_PX, SIDE_PX) and images.dtype == torch.uint8
    if not fits or len(torch.unique(labels)) != len(CLASSES) or labels.max() >= len(CLASSES):
        raise UsageError(
            f"{images_path} and {labels_path.name} hold images of shape {tuple(images.shape)} and {len(labels)} labels "
            f"of {len(torch.unique(labels))} classes; {SIDE_PX}x{SIDE_PX} and {len(CLASSES)} classes are expected."
        )
    return images, labels


def stratified_order(labels: Sequence[int], seed: int) -> list[int]:
    """Indices in an order by chance of which every beginning, and so every stretch, holds the classes in proportion.

    Args:
        labels: The class of each example.
        seed: Decides the order.
    """
    # `Random.random` is the one generator that Python promises to keep.
    draw = random.Random(seed)
    luck = [draw.random() for _ in labels]
    members = collections.defaultdict(list)
    for index in sorted(range(len(labels)), key=luck.__getitem__):
        members[labels[index]].append(index)
    # The k-th of a class's n stands at the share (k + 1/2) / n of the whole.
    places = {
        index: ((rank + 0.5) / len(indices), luck[index])
        for indices in members.values()
        for rank, index in enumerate(indices)
    }
    return sorted(places, key=places.__getitem__)
