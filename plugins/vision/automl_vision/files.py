"""Reads images a person has into the tensors a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from automl.errors import UsageError
from automl_vision.examples import LARGEST, scaled
from automl_vision.pictures import MODES, UnreadableError, bombs_refused, pixels

if TYPE_CHECKING:
    from pathlib import Path


def read_images(path: Path, shape: tuple[int, ...]) -> torch.Tensor:
    """Images from a picture file or from a ``.npy`` array.

    A picture of 8 or 16 bits a channel is turned upright, brought to the channels, height and width asked for, and
    scaled to [0, 1]. An array is of one image ``(height, width)`` or ``(channels, height, width)``, or of many
    ``(images, ...)``, and is taken as it is, in [0, 1].

    Args:
        path: The file.
        shape: ``(channels, height, width)`` of one image.

    Returns:
        float32 of shape ``(images, channels, height, width)``.

    Raises:
        UsageError: The file is missing, unreadable, or of another shape or range.
    """
    _must_be_there(path)
    if path.suffix == ".npy":
        return _in_range(path, _array(path, shape, last=False))
    channels, height, width = shape
    if channels not in MODES:
        raise UsageError(f"{path}: no picture has {channels} channels; save the image as an array, with numpy.save.")
    try:
        with bombs_refused():
            picture = pixels(path, channels, (height, width))
    except UnreadableError as error:
        raise UsageError(f"{path} is neither a picture nor a .npy array: {error}.") from error
    return scaled(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()))


def read_array(path: Path, shape: tuple[int, ...], *, unit: bool) -> torch.Tensor:
    """Images from a ``.npy`` array that has its channels first or last.

    Args:
        path: The file.
        shape: ``(channels, height, width)`` of one image.
        unit: Whether the model takes [0, 1]: 8 and 16 bits are scaled to it, others must lie in it. Where not, all are
            taken as they are.

    Returns:
        float32 of shape ``(images, channels, height, width)``.

    Raises:
        UsageError: As of `read_images`.
    """
    _must_be_there(path)
    images = _array(path, shape, last=True)
    if not unit:
        return images.float()
    return scaled(images) if images.dtype in LARGEST else _in_range(path, images)


def _must_be_there(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")


def _array(path: Path, shape: tuple[int, ...], *, last: bool) -> torch.Tensor:
    """An array of `shape` for each image, in a type of its own."""
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged header makes NumPy raise what its tokenizer likes
        raise UsageError(f"{path} is no array that NumPy can read: {error}") from error
    if not isinstance(array, np.ndarray):
        raise UsageError(f"{path} is an archive of arrays (.npz); one array (.npy) is expected.")
    if not array.size:
        raise UsageError(f"{path} holds no values: an array of shape {array.shape}.")
    given = array.shape
    if array.ndim in {2, 3} and array.shape[-2:] == shape[1:] and shape[0] == 1:
        array = array.reshape(-1, *shape)
    elif array.ndim == len(shape):
        array = array[None]
    if last and array.shape[1:] != shape and array.shape[1:] == (*shape[1:], shape[0]):
        array = np.moveaxis(array, -1, 1)
    if array.ndim != len(shape) + 1 or array.shape[1:] != shape:
        raise UsageError(f"{path} holds an array of shape {given}; the model takes images of shape {shape}.")
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array) or not np.isfinite(array).all():
        raise UsageError(f"{path} holds values that are not finite real numbers.")
    if array.dtype not in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        array = array.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(array))


def _in_range(path: Path, images: torch.Tensor) -> torch.Tensor:
    images = images.float()
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise UsageError(f"{path} holds values from {low:g} to {high:g}; pixels are expected in [0, 1].")
    return images
