"""The home of the studies: that it can be written to, and what an error of its database means for a person."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from automl.errors import StorageError, StudyError, near_names

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "study.db"


def quiet_optuna() -> None:
    """Optuna reports through this program, not past it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)


def prepare_home(home: Path) -> None:
    """Makes the home and proves that it can be written to.

    Raises:
        StorageError: It cannot.
    """
    probe = home / f".write-test-{os.getpid()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        # A page, not an empty file: a full disk still takes names.
        probe.write_bytes(b"\0" * 4096)
    except OSError as error:
        raise StorageError(
            f"The home {home} cannot be written to: {error.strerror or error}. "
            "Choose another with --home or AUTOML_HOME."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def own_error(error: Exception) -> BaseException:
    """The database's own error, which alone says what is wrong; Optuna wraps it."""
    return error.__cause__ if type(error).__name__ == "StorageInternalError" and error.__cause__ else error


def cause_of(error: Exception) -> str:
    """What the database said, on one line."""
    own = own_error(error)
    return " ".join(str(getattr(own, "orig", None) or own).split())


def database_error(path: str, error: Exception) -> StorageError | StudyError:
    """What a database error means for a person: locked, full, unwritable, or damaged."""
    cause = cause_of(error)
    if any(word in cause for word in ("locked", "full", "readonly", "unable to open", "disk I/O")):
        return StorageError(f"The study database {path} cannot be used: {cause}.")
    return StudyError(
        f"The study database {path} is damaged or not one: {cause}. `automl doctor STUDY --repair` makes it again from "
        "the study folders beside it, whose trained models are still whole."
    )


def missing_study(name: str, known: list[str], home: Path, where: object = None) -> StudyError:
    """The error for a study that is not there, with the near names."""
    from automl.engine.copies import remade_by

    near = near_names(name, known)
    if where is None and (home / name / "study.json").is_file():
        hint = f"Its folder is there, though: `{remade_by(name, home)}` makes the database again."
    elif near:
        hint = f"Did you mean {' or '.join(map(repr, near))}?"
    else:
        hint = f"It holds: {', '.join(sorted(known))}." if known else "It holds none yet."
    return StudyError(f"There is no study {name!r} in {where or home}. {hint}")
