"""Reads images a person has into the tensors a model takes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from automl.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Pillow reads more, EPS among them, for which it starts Ghostscript: a program within a picture."""


def read_images(path: Path, shape: tuple[int, ...]) -> torch.Tensor:
    """Images from a picture file or from a ``.npy`` array.

    A picture of 8 or 16 bits a channel is turned to grey or RGB, resized to the height and width asked for, and scaled
    to [0, 1]. An array is taken as it is: of one image ``(height, width)`` or ``(channels, height, width)``, or of many
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
    except Exception as error:  # a damaged header makes NumPy raise what its tokenizer likes
        raise UsageError(f"{path} is no array that NumPy can read: {error}") from error
    if not isinstance(array, np.ndarray):
        raise UsageError(f"{path} is an archive of arrays (.npz); one array (.npy) is expected.")
    if not array.size:
        raise UsageError(f"{path} holds no values: an array of shape {array.shape}.")
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
    from PIL import Image

    channels, height, width = shape
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels on, and from twice as many it refuses.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(path, formats=FORMATS)
        with opened:
            opened.load()
            mode, image = opened.mode, _eight_bits(opened).convert("L" if channels == 1 else "RGB")
    except Exception as error:  # what a damaged picture raises depends on its format and the damage
        raise UsageError(f"{path} is neither a picture nor a .npy array: {error}") from error
    if mode in {"I", "F"}:
        raise UsageError(f"{path} has pixels of 32 bits, whose range is not known; save it with 8 or 16 bits.")
    image = image.resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(image, dtype=np.float32) / 255
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)[None].copy()


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits brought down to 8; Pillow's own conversion would cut all above 255 to white."""
    import numpy as np
    from PIL import Image

    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image, dtype=np.float32) / 257).round().astype(np.uint8))
