"""What can still be read of a damaged study database, row by row, without Optuna, which gives up at the first fault."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.engine.copies import Copy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEY = "automl"
"""Where a study and its trials keep what is ours, among Optuna's user attributes."""

COMPANIONS = ("-journal", "-wal", "-shm")
"""Files beside an SQLite database that belong to it."""


@dataclasses.dataclass
class Remains:
    """What is known of one study.

    Attributes:
        attributes: What the database kept of the study as a whole, by name: what it is under ``automl``, its bill.
        copies: Its finished steps.
    """

    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    copies: list[Copy] = dataclasses.field(default_factory=list)


def salvage(path: Path) -> dict[str, Remains]:
    """The studies of a database by name, with all that is readable of each; empty where nothing is.

    Works on a copy, since SQLite rolls an unfinished write back when it opens a database.
    """
    if not path.is_file():
        return {}
    with tempfile.TemporaryDirectory(prefix="automl-doctor-") as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        for suffix in COMPANIONS[:2]:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        try:
            with contextlib.closing(sqlite3.connect(copy)) as connection:
                # Text that is no text any more is told from the JSON it should be.
                connection.text_factory = bytes
                return _read(connection)
        except sqlite3.Error:
            return {}


def _read(connection: sqlite3.Connection) -> dict[str, Remains]:
    names = {number: _text(name) for number, name in _rows(connection, "studies", "study_id, study_name")}
    attributes: dict[int, dict[str, Any]] = {}
    for number, key, value in _rows(connection, "study_user_attributes", 'study_id, "key", value_json'):
        with contextlib.suppress(ValueError):
            attributes.setdefault(number, {})[_text(key)] = json.loads(value)
    found: dict[str, Remains] = {}
    for number in {*names, *attributes}:
        kept = attributes.get(number, {})
        # The name stands in two places: one may be lost.
        with contextlib.suppress(KeyError, TypeError):
            name = names.get(number) or str(kept[KEY]["settings"]["study"])
            found[name] = Remains(kept, list(_copies(connection, number)))
    return found


def _copies(connection: sqlite3.Connection, study: int) -> Iterator[Copy]:
    columns = "trial_id, number, study_id"
    trials = {trial: number for trial, number, of in _rows(connection, "trials", columns) if of == study}
    distributions: dict[int, dict[str, str]] = {}
    for trial, name, value in _rows(connection, "trial_params", "trial_id, param_name, distribution_json"):
        with contextlib.suppress(ValueError):
            distributions.setdefault(trial, {})[_text(name)] = _text(value)
    for trial, key, value in _rows(connection, "trial_user_attributes", 'trial_id, "key", value_json'):
        if trial in trials and key == KEY.encode():
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                searched = distributions.get(trial, {})
                copy = Copy.from_json(
                    {"sequence": trials[trial], "distributions": searched, "record": json.loads(value)}
                )
                if copy.record.step is not None and set(copy.record.step.point) == set(searched):
                    yield copy


def _rows(connection: sqlite3.Connection, table: str, columns: str) -> list[tuple[Any, ...]]:
    """The rows of a table that can be read: from its beginning to the damage, and from its end back to it."""
    rows: dict[int, tuple[Any, ...]] = {}
    for order in ("ASC", "DESC"):
        rows |= {row[0]: row[1:] for row in _until_damage(connection, table, columns, order)}
    return [rows[number] for number in sorted(rows)]


def _until_damage(connection: sqlite3.Connection, table: str, columns: str, order: str) -> Iterable[tuple[Any, ...]]:
    with contextlib.suppress(sqlite3.Error):
        # NOT INDEXED: an index may be damaged where the table is not.
        query = f"SELECT rowid, {columns} FROM {table} NOT INDEXED ORDER BY rowid {order}"  # noqa: S608 - our own words
        yield from connection.execute(query)


def _text(value: Any) -> str:
    """A column's text.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, bytes):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004 - caught as what is no JSON is
    return value.decode()
