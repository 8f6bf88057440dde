"""Checks of the home: whether it takes files, and whether its databases are whole."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from typing import TYPE_CHECKING

from automl.doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL_DISK_GB = 2


def writable_home(home: Path) -> Iterator[Check]:
    """Whether the home can be written to, and the room on its disk; a home that is not there is not left behind."""
    from automl.engine.store import prepare_home
    from automl.errors import StorageError

    made = [folder for folder in (home, *home.parents) if not folder.exists()]
    try:
        prepare_home(home)
        free_gb = shutil.disk_usage(home).free / 1e9
    except StorageError as error:
        yield Check(
            "home", "fail", str(error).split(". Choose", maxsplit=1)[0], "choose another: --home or AUTOML_HOME"
        )
        return
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
    text = f"{home} is writable, {free_gb:.1f} GB free"
    if free_gb < SMALL_DISK_GB:
        yield Check("home", "warn", text, "make room, or choose another: --home or AUTOML_HOME")
    else:
        yield Check("home", "ok", text)


def databases(home: Path, patience_s: float = 5) -> Iterator[Check]:
    """Whether the home's databases are whole; read only.

    Args:
        home: Where they are, if there are any.
        patience_s: How long to wait for a process that writes to one.
    """
    from automl.engine.store import DATABASE

    for name in (DATABASE, "mlflow.db"):
        path = home / name
        if not path.is_file():
            continue
        try:
            address = f"{path.resolve().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(address, patience_s, uri=True)) as connection:
                (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            answer = str(error)
        if answer == "ok":
            yield Check(name, "ok", f"whole, {path.stat().st_size / 1e6:.1f} MB")
        elif "locked" in answer:
            yield Check(name, "warn", f"{path} is in use: {answer}", "check again when the search is done")
        elif "readonly" in answer and path.with_name(f"{name}-journal").exists():
            # Reading alone cannot do that, and would call whole what is half written.
            text = f"{path} has a write that was cut off, which is undone when the database is next opened"
            yield Check(name, "warn", text)
        else:
            mend = "automl doctor STUDY --repair, or " if name == DATABASE else ""
            remedy = f"{mend}restore a copy, or: mv {path} {path}.damaged   (the models are kept apart from it)"
            yield Check(name, "fail", f"{path} is damaged: {' '.join(answer.split())}", remedy)
