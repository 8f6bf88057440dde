"""Decodes picture files of many kinds into arrays of one kind; what cannot be read is told, never guessed."""

from __future__ import annotations

import contextlib
import io
import stat
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from automl_vision.splits import content_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Pillow reads more, EPS among them, for which it starts Ghostscript: a program within a picture."""

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
)
"""Endings of the names of such files, in lower case."""

MOST_BYTES = 1_000_000_000
"""A file that is larger is no picture that this machine should unpack."""

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's name for so many channels."""

GREY = ("1", "L")
ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
DEEP = "I;16"
"""How the names of Pillow's modes of 16 bits begin; colours of 16 bits a channel it reads with 8."""

ALL = 4
"""Channels of a picture with colours and alpha."""

DEEPEST = 65535
STEP_TO_16 = 257
"""65535 / 255."""


class UnreadableError(Exception):
    """Why a file gives no pixels, in a few words."""


class Facts(NamedTuple):
    """What is to be known of a picture before pictures are brought to one shape.

    Attributes:
        key: A name for the contents of the file: 128 bits of BLAKE2b in hexadecimal.
        height: Upright, in pixels.
        width: Upright, in pixels.
        channels: 1 grey, 3 colours, 4 colours and an alpha channel that is not opaque everywhere.
        deep: Whether it has 16 bits a channel.
    """

    key: str
    height: int
    width: int
    channels: int
    deep: bool


@contextlib.contextmanager
def bombs_refused() -> Iterator[None]:
    """Within it a picture of more than 89 million pixels is an error; Pillow would warn, and refuse twice as many.

    The filters of warnings are the process's, not a thread's: this goes around the threads, not into them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        # What else Pillow has to say of a file, such as of its EXIF data, changes no pixel.
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
        yield


def examine(path: Path) -> Facts:
    """Decodes a file to see whether it can be, and how large it is.

    Raises:
        UnreadableError: It is no picture, damaged, or of a kind whose range is not known.
    """
    data = _bytes(path)
    image = _decoded(io.BytesIO(data))
    return Facts(content_key(data), image.height, image.width, _channels(image), image.mode.startswith(DEEP))


def pixels(path: Path, channels: int, size: tuple[int, int]) -> np.ndarray:
    """A file's pixels, turned upright as its EXIF data says, in so many channels, resized to one size.

    Colours become grey by their luma (ITU-R 601-2), grey becomes three equal colours; an alpha channel that is not
    wanted is laid over white, one that is not there is opaque. Resizing averages over areas and does not keep the
    aspect ratio.

    Args:
        path: The file.
        channels: 1, 3 or 4.
        size: Height and width.

    Returns:
        ``(height, width, channels)`` of uint8, or of uint16 where the file has 16 bits.

    Raises:
        UnreadableError: As `examine`.
    """
    image = _decoded(io.BytesIO(_bytes(path)))
    if image.mode.startswith(DEEP):
        grey = _resized_deep(image, size)
        return grey if channels == 1 else np.dstack([grey] * 3 + [np.full_like(grey, DEEPEST)] * (channels == ALL))
    height, width = size
    resized = _in_channels(image, channels).resize((width, height), Image.Resampling.BOX)
    return np.asarray(resized).reshape(height, width, channels)


def depth(array: np.ndarray, *, deep: bool) -> np.ndarray:
    """Pixels with 16 bits, or with 8, as is wanted; white stays white."""
    if deep == (array.dtype == np.uint16):
        return array
    if deep:
        return array.astype(np.uint16) * np.uint16(STEP_TO_16)
    return (array / STEP_TO_16).round().astype(np.uint8)


def _bytes(path: Path) -> bytes:
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise UnreadableError("no regular file")
        if facts.st_size > MOST_BYTES:
            raise UnreadableError(f"larger than {MOST_BYTES / 1e9:g} GB")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(error.strerror or "cannot be opened") from error


def _decoded(file: BinaryIO) -> Image.Image:
    try:
        with Image.open(file, formats=FORMATS) as image:
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            upright = _plain(image)
    except Image.UnidentifiedImageError as error:
        raise UnreadableError("no picture of a known format") from error
    except Exception as error:  # what a damaged picture raises depends on its format and the damage
        raise UnreadableError(" ".join(str(error).split()) or type(error).__name__) from error
    if upright.mode in {"I", "F"}:
        raise UnreadableError("pixels of 32 bits, whose range is not known; save it with 8 or 16 bits")
    return upright


def _plain(image: Image.Image) -> Image.Image:
    """The same in a mode that says how deep it is and becomes any other."""
    if image.format == "PPM" and image.mode == "I":  # 16 bits at most, which Pillow brings to 0 to 65535
        return image.convert(DEEP)
    return image.convert("RGB") if image.mode == "LAB" else image


def _channels(image: Image.Image) -> int:
    if image.mode.startswith(DEEP):
        return 1
    # Of PNG one colour, or one shade, may be transparent without any channel of alpha (its chunk tRNS).
    has_alpha = image.mode in ALPHA or "transparency" in image.info
    if has_alpha and _converted(image, "RGBA").getextrema()[3] != (255, 255):
        return ALL
    return 1 if image.mode in GREY else 3


def _resized_deep(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """Grey of 16 bits, ``(height, width, 1)``; Pillow resizes it only as floating point."""
    grey = Image.fromarray(np.asarray(image).astype(np.float32))
    resized = np.asarray(grey.resize(size[::-1], Image.Resampling.BOX))
    return resized.round().astype(np.uint16)[..., None]


def _in_channels(image: Image.Image, channels: int) -> Image.Image:
    if channels != ALL and _channels(image) == ALL:
        colored = _converted(image, "RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colored.size, "white"), colored)
    return _converted(image, MODES[channels])


def _converted(image: Image.Image, mode: str) -> Image.Image:
    try:
        return image.convert(mode)
    except ValueError as error:
        raise UnreadableError(f"of Pillow's mode {image.mode}, which it does not make {mode}") from error
