"""Reads images a person has into the tensors a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch


def read_images(path: Path, shape: tuple[int, ...]) -> torch.Tensor:
    """Images from a picture file or from a ``.npy`` array.

    A picture is turned to grey or RGB, resized to the height and width asked for, and scaled to [0, 1]. An
    array is taken as it is: of one image ``(height, width)`` or ``(channels, height, width)``, or of many
    ``(images, ...)``, in [0, 1].

    Args:
        path: The file.
        shape: ``(channels, height, width)`` of one image.

    Returns:
        float32 of shape ``(images, channels, height, width)``.

    Raises:
        UsageError: The file is missing, unreadable, or of another shape or range.
    """
    import torch

    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    array = _array(path, shape) if path.suffix == ".npy" else _picture(path, shape)
    return torch.from_numpy(array)


def _array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    import numpy as np

    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UsageError(f"{path} is no array that NumPy can read: {error}") from error
    given = array.shape
    if array.ndim in {2, 3} and array.shape[-2:] == shape[1:] and shape[0] == 1:
        array = array.reshape(-1, *shape)
    elif array.shape == shape:
        array = array[None]
    if array.ndim != len(shape) + 1 or array.shape[1:] != shape:
        raise UsageError(f"{path} holds an array of shape {given}; the model takes images of shape {shape}.")
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array) or not np.isfinite(array).all():
        raise UsageError(f"{path} holds values that are not finite real numbers.")
    if array.min() < 0 or array.max() > 1:
        low, high = array.min(), array.max()
        raise UsageError(f"{path} holds values from {low:g} to {high:g}; pixels are expected in [0, 1].")
    return np.ascontiguousarray(array, dtype=np.float32)


def _picture(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    channels, height, width = shape
    try:
        with Image.open(path) as opened:
            image = opened.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BOX)
    except (UnidentifiedImageError, OSError) as error:
        raise UsageError(f"{path} is neither a picture nor a .npy array: {error}") from error
    pixels = np.asarray(image, dtype=np.float32) / 255
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)[None].copy()
