"""Whether what a training left is whole: told from the files alone, without torch."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_HEADER_BYTES = 100_000_000
"""What the format of safetensors allows."""


def weights_damage(path: Path) -> str:
    """What is wrong with a file of weights, in a few words; empty when its header and its length agree.

    The format has no checksum, so that a bit that flipped within the numbers is not seen.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 + length or not 0 < length <= MOST_HEADER_BYTES:
                return f"torn: {size} bytes"
            header = json.loads(file.read(length))
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        wanted = 8 + length + max((entry["data_offsets"][1] for entry in tensors), default=0)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable: {error.strerror}"
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return "no file of weights any more"
    return "" if size == wanted else f"torn: {size} bytes of {wanted}"


def checkpoint_damage(path: Path) -> str:
    """What is wrong with a checkpoint, in a few words; empty when every checksum in it is right.

    `torch.load` does not look at them, and would go on with a bit that flipped.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable: {error.strerror}"
    except Exception as error:  # noqa: BLE001 - a damaged archive raises whatever it likes
        return f"torn: {error}"
    return f"damaged in {wrong}" if wrong else ""
