"""A disk that is full or takes no writing while a search runs: said in a sentence, with what to do about it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from automl.engine.copies import home_option
from automl.errors import StorageError
from automl.files import NO_STORAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def no_room(name: str, home: Path) -> Iterator[None]:
    """Within the block an operating system's refusal to write becomes an error that says how the search goes on.

    Args:
        name: The study.
        home: Its home.

    Raises:
        StorageError: Something could not be written or read; all finished steps are kept.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_STORAGE:
            raise
        raise StorageError(
            f"{error.filename or home} cannot be used: {error.strerror}. All finished steps are kept; once there is "
            f"room, and leave to write, `automl resume {name}{home_option(home)}` goes on."
        ) from error
