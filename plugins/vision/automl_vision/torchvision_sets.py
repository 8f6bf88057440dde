"""What data sets of torchvision have in common: where their files lie, how they get there, a validation split."""

from __future__ import annotations

import abc
import contextlib
import copy
import functools
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from automl.errors import UsageError
from automl_vision.image_source import ImageSource, Loaded
from automl_vision.options import MOST_DIGITS, reached
from automl_vision.splits import stratified_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

DATA_DIR = "AUTOML_DATA_DIR"
SPLIT_SEED = 0

MOST_NAMED = 2
"""Missing files that a sentence names."""

PATIENCE_S = 20.0
"""How long a server may say nothing before a download is given up."""


class TorchvisionSet(ImageSource, abc.ABC):
    """A data set that torchvision downloads, checks and reads.

    One in `held` of its training images is for validation, each class in proportion. A variant takes fewer for both,
    and all of test. The images of a size are among those of every larger one and in the same split, so what one size
    holds out was trained on in none.

    Attributes:
        title: What people call it.
        kind: torchvision's name of the class.
        below: Where its files lie below the folder, as torchvision lays them out.
        files: Their names.
        download_mb: Megabytes of a download.
        classes: Names of its classes.
        held: One training image in so many is for validation.
        shape: Channels, height and width of an image.
    """

    title: ClassVar[str]
    kind: ClassVar[str]
    below: ClassVar[Path]
    files: ClassVar[tuple[str, ...]]
    download_mb: ClassVar[int]
    classes: ClassVar[tuple[str, ...]]
    held: ClassVar[int]
    shape: ClassVar[tuple[int, int, int]]
    _size: int | None = None
    _at: str = ""

    def variant(self, text: str) -> Self:
        """``N``, ``N@FOLDER`` or ``@FOLDER``."""
        size, _, at = text.partition("@")
        if not (size.isdecimal() or (at and not size)):
            return super().variant(text)  # type: ignore[no-any-return]
        if len(size) > MOST_DIGITS:
            raise UsageError(f"Of {self.name} take a number of images of {MOST_DIGITS} digits at most.")
        if size and int(size) < self.least:
            raise UsageError(
                f"Of {self.name} take {self.least} images or more, not {size}, so that each split has all classes."
            )
        other = copy.copy(self)
        other.name = f"{self.name.partition(':')[0]}:{text}"
        other._size, other._at = int(size) if size else None, at  # noqa: SLF001 - a copy of its own kind
        return other

    @property
    def least(self) -> int:
        """The smallest subset that has an image of each class to validate with."""
        return self.held * len(self.classes)

    def loaded(self) -> Loaded:
        """Read once a process and size.

        Raises:
            UsageError: The files are missing and cannot be downloaded, or are damaged.
        """
        if not (folder := self._at or os.environ.get(DATA_DIR, "")):
            raise UsageError(
                f"Where are the files of {self.title}? Set {DATA_DIR} to the folder that holds {self.below}/, or name "
                f"the folder after @, as in {self.name}:@FOLDER. {self._how_to_get('FOLDER')}"
            )
        return _loaded(type(self), reached(folder)[0].resolve(), self._size)

    @abc.abstractmethod
    def part(self, folder: Path, *, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Bytes of shape ``(images, channels, height, width)`` and class indices, checked.

        Raises:
            UsageError: A file is damaged.
        """

    def stats(self, images: torch.Tensor) -> Any:
        """Mean and deviation of each channel of the training split; None to have them reckoned."""
        return None

    def fetch(self, folder: Path) -> None:
        """Has torchvision download what is missing, where there is a folder to hold it.

        Raises:
            UsageError: There is no folder, or no network.
        """
        missing = [name for name in self.files if not _is_file(folder / self.below / name)]
        if not missing:
            return
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        where = f"There is no {' and no '.join(missing[:MOST_NAMED])}{more} in {folder / self.below}"
        if not folder.is_dir():
            raise UsageError(f"{where}. {self._how_to_get(folder)}")
        sys.stderr.write(f"Downloading {self.title} ({self.download_mb} MB) into {folder}.\n")
        try:
            with _patient():
                self.torchvision()(folder, download=True)
        except Exception as error:  # of the network, of the disk, or a checksum that is wrong
            cause = " ".join(str(error).split()) or type(error).__name__
            raise UsageError(f"{where}, and to download it failed: {cause}. {self._how_to_get(folder)}") from error

    def torchvision(self) -> Any:
        """The class of torchvision's."""
        from torchvision import datasets

        return getattr(datasets, self.kind)

    def _how_to_get(self, folder: Path | str) -> str:
        code = f"import torchvision; torchvision.datasets.{self.kind}({str(folder)!r}, download=True)"
        return f'Where there is a network, this gets them: python -c "{code}"'


def _is_file(path: Path) -> bool:
    return reached(path)[1] and path.is_file()


# A search needs one size, or two that are compared.
@functools.lru_cache(maxsize=2)
def _loaded(kind: type[TorchvisionSet], folder: Path, size: int | None) -> Loaded:
    from automl_vision.tensors import in_memory

    source = kind()
    source.fetch(folder)
    images, labels = source.part(folder, train=True)
    size = len(labels) if size is None else size
    if not source.least <= size <= len(labels):
        raise UsageError(
            f"Of the {len(labels)} training images in {folder / source.below} take {source.least} or more, not {size}."
        )
    order = stratified_order(labels.tolist(), SPLIT_SEED)
    held, val_size = round(len(order) / source.held), round(size / source.held)
    chosen = {"train": order[held : held + size - val_size], "val": order[:val_size]}
    splits = {name: (images[index], labels[index]) for name, index in chosen.items()}
    splits["test"] = source.part(folder, train=False)
    return in_memory(splits, source.classes, stats=source.stats(splits["train"][0]))


@contextlib.contextmanager
def _patient() -> Iterator[None]:
    """Within it a server that says nothing is given up at last; what torchvision prints is no result of ours."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_S)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)


def size_variants(name: str, below: Path) -> dict[str, str]:
    """What may follow the name of such a data set."""
    return {
        "N": f"N images for training and validation, such as {name}:6000; the test images stay",
        "@FOLDER": f"where {below} lies; {name}:6000@FOLDER for both",
    }
