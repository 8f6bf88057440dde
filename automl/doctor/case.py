"""One study under examination: how its damages are told, and mended where that is wanted."""

from __future__ import annotations

import dataclasses
import shlex
import sqlite3
from typing import TYPE_CHECKING, Literal

from automl.doctor.check import Check
from automl.engine.copies import home_option
from automl.engine.database import without_password
from automl.errors import AutoMLError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ASIDE = ".damaged"
"""What is added to the name of a file that was moved aside."""


@dataclasses.dataclass(frozen=True)
class Case:
    """Which study, and what may be done to it.

    Attributes:
        home: The home it lives in.
        name: Its name.
        repair: Whether to mend what can be mended.
        storage: URL of its database, where that is not the home's.
    """

    home: Path
    name: str
    repair: bool
    storage: str | None = None

    @property
    def folder(self) -> Path:
        """The study's."""
        return self.home / self.name

    @property
    def options(self) -> str:
        """What a command has to be given to find it."""
        storage = f" --storage {shlex.quote(without_password(self.storage))}" if self.storage else ""
        return home_option(self.home) + storage

    def command(self, words: str) -> str:
        """A command on the study: ``train STUDY 7@3`` gives ``automl train NAME 7@3 --home HOME``."""
        return f"automl {words.replace('STUDY', self.name)}{self.options}"

    def damage(
        self,
        name: str,
        found: str,
        mend: Callable[[], str],
        *,
        status: Literal["warn", "fail"] = "fail",
    ) -> Check:
        """Tells a damage that can be mended, and mends it where that is wanted.

        Args:
            name: What was checked.
            found: The damage and what it means.
            mend: Mends it and returns what it did.
            status: How bad it is.
        """
        if not self.repair:
            return Check(name, status, found, self.command("doctor STUDY --repair"))
        try:
            return Check(name, "mended", f"{found}: {mend()}")
        except (AutoMLError, OSError, ValueError, sqlite3.Error) as error:
            return Check(name, "fail", f"{found}; it could not be mended: {error}", "mend the cause, then try again")


def put_aside(path: Path) -> Path:
    """Gives a damaged file or folder another name beside its old one, so that nothing of it is lost."""
    target = free_aside(path)
    path.rename(target)
    return target


def free_aside(path: Path) -> Path:
    """The name that `put_aside` gives."""
    target, number = path.with_name(path.name + ASIDE), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}{ASIDE}-{number}")
    return target
