"""From the arrays of an ``.npz`` file to three splits in memory."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import torch

from automl.errors import UsageError
from automl_vision.remarks import MOST_BAD, of_splits
from automl_vision.repeats import listed
from automl_vision.splits import SPLITS, split_by_content
from automl_vision.tensors import content_keys, in_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from automl_vision.image_source import Loaded

MOST_BYTES = 16_000_000_000
"""Unpacked. All of it is held in memory."""

NAMES = (
    ("", "images", "labels"),
    *((split, f"x_{split}", f"y_{split}") for split in SPLITS),
    *((split, f"{split}_images", f"{split}_labels") for split in SPLITS),
)
"""Split, its images and its labels: without splits, and as Keras and as MedMNIST name those of splits."""

CLEARLY = 2
"""How many times longer than the axis of the channels the other must be for nobody to have to say which is which."""

Arrays = dict[str, np.ndarray]
Part = tuple[np.ndarray, np.ndarray]


def load(path: Path, layout: str | None, *, skip_bad: bool) -> Loaded:
    """Reads and splits the images of a file.

    Args:
        path: The file.
        layout: Where the channels are; None to go by the shorter axis.
        skip_bad: Whether images that hold values that are not finite are left out.

    Raises:
        UsageError: The file is damaged, or its arrays do not go together.
    """
    parts = _parts(_read(path), path)
    images = {split: _images(each, f"{path} ({split})", layout) for split, (each, _) in parts.items()}
    if len(shapes := {each.shape[1:] for each in images.values()}) > 1 or len({i.dtype for i in images.values()}) > 1:
        raise UsageError(f"The splits of {path} hold images of different kinds: {sorted(shapes)}.")
    labels = {split: each for split, (_, each) in parts.items()}
    remarks = []
    for split, each in images.items():
        good, remark = _finite(each, f"{path} ({split})", skip=skip_bad)
        images[split], labels[split] = each[good], labels[split][good]
        remarks += remark
    classes, numbers = _numbered(labels, path)
    tensors = {split: (torch.from_numpy(images[split]), torch.from_numpy(numbers[split])) for split in images}
    splits = _completed(tensors, path)
    sizes = {split: np.bincount(each.numpy(), minlength=len(classes)).tolist() for split, (_, each) in splits.items()}
    carved = {
        split: f"There are no arrays x_{split}, y_{split}"
        for split in ("val", "test")
        if "train" in parts and split not in parts
    }
    return in_memory(splits, classes, remarks=[*remarks, *of_splits(sizes, classes, carved)])


def _read(path: Path) -> Arrays:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(each.file_size for each in archive.infolist())
        if size <= MOST_BYTES:
            with np.load(path, allow_pickle=False) as arrays:
                wanted = {name for _, *names in NAMES for name in names}
                return {name: _member(arrays, name) for name in arrays.files if name in wanted}
    except Exception as error:  # a damaged archive or header makes NumPy raise what it likes
        raise UsageError(f"{path} is no archive of arrays that NumPy can read (.npz): {error}") from error
    raise UsageError(f"{path} holds {size / 1e9:.0f} GB of arrays; up to {MOST_BYTES / 1e9:.0f} GB are read.")


def _member(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    array = arrays[name]
    if not isinstance(array, np.ndarray):  # NumPy gives the bytes of what does not begin as an array does
        raise TypeError(f"{name} is no array")
    return array


def _parts(arrays: Arrays, path: Path) -> dict[str, Part]:
    """Images and labels by split; all under ``""`` where the file has no splits."""
    parts = {split: (arrays[x], arrays[y]) for split, x, y in NAMES if {x, y} <= arrays.keys()}
    halved = any((x in arrays) != (y in arrays) for _, x, y in NAMES)
    if halved or ("" in parts) == ("train" in parts) or (("" in parts) and len(parts) > 1):
        raise UsageError(
            f"{path} must hold the arrays images and labels, or x_train, y_train, x_test, y_test and perhaps x_val, "
            f"y_val; it holds {', '.join(sorted(arrays)) or 'none of them'}."
        )
    for split, (images, labels) in parts.items():
        if labels.ndim == 2 and labels.shape[1] == 1:  # noqa: PLR2004 - a column, as MedMNIST has them
            parts[split] = (images, labels[:, 0])
        elif labels.ndim != 1:
            raise UsageError(
                f"{path} has labels of shape {labels.shape}; one label an image is expected, a number or text."
            )
        if not images.ndim:
            raise UsageError(f"{path} has one number for images{f' of {split}' * bool(split)}.")
        if not len(images) or len(images) != len(labels):
            raise UsageError(f"{path} has {len(images)} images but {len(labels)} labels{f' of {split}' * bool(split)}.")
    return parts


def _images(array: np.ndarray, where: str, layout: str | None) -> np.ndarray:
    """``(images, channels, height, width)`` of uint8, uint16 or float32."""
    if not array.size:
        raise UsageError(f"{where} has images of shape {array.shape}, which have no pixels.")
    # Files of other machines have the bytes of a number the other way round.
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.ndim == 3:  # noqa: PLR2004 - grey
        array = array[:, None]
    elif array.ndim != 4:  # noqa: PLR2004
        raise UsageError(
            f"{where} has images of shape {array.shape}; (images, height, width), or with channels before or after, is "
            "expected."
        )
    else:
        first, last = array.shape[1], array.shape[3]
        if layout is None and CLEARLY * min(first, last) > max(first, last):
            raise UsageError(
                f"{where}: which axis of {array.shape} holds the channels? Say ?layout=channels-first or "
                "?layout=channels-last."
            )
        if layout == "channels-last" or (layout is None and last < first):
            array = np.moveaxis(array, 3, 1)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    elif array.dtype not in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        raise UsageError(
            f"{where} has images of type {array.dtype}, of which the range is not known; save them as uint8 or uint16, "
            "which are scaled to [0, 1], or as float32, which is taken as it is."
        )
    return np.ascontiguousarray(array)


def _finite(images: np.ndarray, where: str, *, skip: bool) -> tuple[np.ndarray | slice, list[str]]:
    """Which images have finite values, and a remark on the others."""
    if images.dtype.kind != "f" or (good := np.isfinite(images).all((1, 2, 3))).all():
        return slice(None), []
    bad = [str(index) for index in np.flatnonzero(~good)]
    named = f"images with values that are not finite: {listed(bad[:MOST_BAD], len(bad))}"
    if not skip:
        raise UsageError(f"{where} has {named}. Mend them, or go on without them: --skip-bad.")
    return good, [f"Left out because of --skip-bad, of {where}: {named}."]


def _numbered(labels: dict[str, np.ndarray], path: Path) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Names of the classes, and labels as their numbers."""
    kinds = {each.dtype.kind for each in labels.values()}
    if kinds == set("US"):  # of one text, bytes and characters are not the same to NumPy
        labels = {split: np.array(_texts(each)) for split, each in labels.items()}
    if not (kinds <= set("iub") or kinds <= set("US")):
        raise UsageError(f"{path} has labels that are neither whole numbers nor texts.")
    values = np.unique(labels.get("train", labels.get("")))
    if len(values) < 2:  # noqa: PLR2004 - one class is nothing to tell apart
        raise UsageError(f"{path} has training images of {len(values)} classes; two or more are needed.")
    for split, each in labels.items():
        if len(unknown := np.setdiff1d(each, values)):
            raise UsageError(f"{path} has labels of {split} that train has not: {', '.join(_texts(unknown[:10]))}.")
    numbers = {split: np.searchsorted(values, each).astype(np.int64) for split, each in labels.items()}
    return tuple(_texts(values)), numbers


def _texts(values: Iterable[object]) -> list[str]:
    return [value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value) for value in values]


def _completed(
    tensors: dict[str, tuple[torch.Tensor, torch.Tensor]], path: Path
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """All three splits; what is missing is taken from the training images by chance."""
    images, labels = tensors.get("train") or tensors[""]
    held = [split for split in ("val", "test") if split not in tensors]
    if held:
        parts = split_by_content(labels.tolist(), content_keys(images), held)
        tensors = tensors | {split: (images[index], labels[index]) for split, index in parts.items()}
    if lacking := [split for split in SPLITS if not len(tensors[split][1])]:
        raise UsageError(f"{path} holds too few images for {' and '.join(lacking)}: {len(labels)} of all classes.")
    return {split: tensors[split] for split in SPLITS}
