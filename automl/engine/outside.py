"""What a home brings from outside: names and links that must not lead out of it, data that may have any shape."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from automl.errors import StudyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
"""What a study may be called: a name that is a folder of the home and nothing else."""

OWN = ("study.db", "study.db-journal", "study.db-wal", "study.db-shm", "mlflow.db", "calibration.json", "artifacts")
"""What a home holds beside its studies."""

MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What data of another shape than was expected raises."""


def is_name(text: str) -> bool:
    """Whether a study may be called so."""
    return re.fullmatch(NAME.strip("^$"), text) is not None


def check_home(home: Path) -> None:
    """Refuses a home whose own files are links out of it: what is written to them would be written elsewhere.

    Raises:
        StudyError: There is such a link.
    """
    root = home.resolve()
    for name in OWN:
        _check_link(home / name, root)


def check_folder(home: Path, name: str) -> None:
    """Refuses a study whose name or folder leads out of the home, before anything in it is read or written.

    The home itself may be a link; a study that somebody passed on may hold none that leads out of its own folder.

    Raises:
        StudyError: The name is a path, or the folder holds such a link or something that is neither file nor folder.
    """
    if not is_name(name):
        raise StudyError(
            f"The home {home} holds a study called {name[:100]!r}, which is no name of a study: its folder would lie "
            "elsewhere. It was not made by this program and is not opened."
        )
    folder, root = home / name, home.resolve() / name
    _check_link(folder, root)
    for entry in _walk(folder):
        if entry.is_symlink():
            _check_link(folder.__class__(entry.path), root)
        elif not (entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)):
            raise StudyError(f"{entry.path} is neither a file nor a folder; a study holds nothing else. Remove it.")


def _walk(folder: str | os.PathLike[str]) -> Iterator[os.DirEntry[str]]:
    """All entries below a folder; links are not followed."""
    # A folder that is not there, or that may not be read, is told by whoever needs it.
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)


def _check_link(path: Path, root: Path) -> None:
    if not path.is_symlink():
        return
    try:
        inside = path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a link to itself
        inside = False
    if not inside:
        raise StudyError(
            f"{path} is a link that leads out of {root}, so that what is written there would land elsewhere. Put the "
            "files themselves in its place; to keep them on another disk, make the whole home a link."
        )


@contextlib.contextmanager
def reading(what: str, remedy: str = "") -> Iterator[None]:
    """Within the block data is read that somebody else may have written; of whatever shape, it ends in a sentence.

    Args:
        what: The data, to begin the sentence with.
        remedy: Another sentence: what to do.

    Raises:
        StudyError: The data is not of the shape that the block reads.
    """
    try:
        yield
    except (UsageError, *MISSHAPEN) as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        text = f"{what} is damaged or was not written by this program ({cause}). {remedy}"
        raise StudyError(text.rstrip()) from error
