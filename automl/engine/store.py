"""The study's database: Optuna's storage, opened with errors a person can act on."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from automl.errors import StorageError, StudyError, near_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import optuna

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


def open_storage(home: Path) -> optuna.storages.RDBStorage:
    """Optuna's storage in `home`, with its schema made if it is new.

    Raises:
        StudyError: The file is there but damaged, or no study database.
        StorageError: It cannot be opened for other reasons.
    """
    import optuna
    import sqlalchemy.exc

    quiet_optuna()
    path = home / DATABASE
    try:
        return optuna.storages.RDBStorage(f"sqlite:///{path}")
    except (sqlalchemy.exc.DatabaseError, RuntimeError, AssertionError) as error:
        raise database_error(path, error) from error


def database_error(path: Path, error: Exception) -> StorageError | StudyError:
    """What a database error means for a person: locked, full, unwritable, or damaged."""
    # Optuna wraps the database's own error, which alone says what is wrong.
    inner = error.__cause__ if type(error).__name__ == "StorageInternalError" and error.__cause__ else error
    cause = " ".join(str(getattr(inner, "orig", None) or inner).split())
    if any(word in cause for word in ("locked", "full", "readonly", "unable to open", "disk I/O")):
        return StorageError(f"The study database {path} cannot be used: {cause}.")
    return StudyError(
        f"The study database {path} is damaged or not one: {cause}. `automl doctor STUDY --repair` makes it again from "
        "the study folders beside it, whose trained models are still whole."
    )


def missing_study(name: str, known: list[str], home: Path) -> StudyError:
    """The error for a study that is not there, with the near names."""
    from automl.engine.copies import remade_by

    near = near_names(name, known)
    if (home / name / "study.json").is_file():
        hint = f"Its folder is there, though: `{remade_by(name, home)}` makes the database again."
    elif near:
        hint = f"Did you mean {' or '.join(map(repr, near))}?"
    else:
        hint = f"It holds: {', '.join(sorted(known))}." if known else "It holds none yet."
    return StudyError(f"There is no study {name!r} in {home}. {hint}")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds a study for this process; the lock goes with the process, however it ends.

    Raises:
        StudyError: Another process holds it; the message says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise StudyError(f"Study {folder.name!r} is being searched by {holder}; wait for it or stop it.") from error
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
        file.truncate(0)
