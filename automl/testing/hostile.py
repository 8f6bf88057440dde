"""A payload that tells on whoever runs it: for tests of what reads files of others."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Payload:
    """Makes a file when it is unpickled.

    Args:
        marker: The file.
    """

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@contextlib.contextmanager
def unexecuted(folder: Path) -> Iterator[Path]:
    """A file that no payload may make; the block ends with a look at it."""
    marker = folder / "executed"
    yield marker
    assert not marker.exists(), "the payload was executed"
