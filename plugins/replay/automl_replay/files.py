"""Finds the files of a benchmark and reads tables; a fault is told with the file and the row."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from automl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DATA_DIR = "AUTOML_DATA_DIR"

MOST_CHARACTERS = 1 << 30
"""Of a table, unpacked: a few megabytes of gzip may stand for more than any memory holds."""

MOST_ROWS, MOST_CELLS = 5_000_000, 20_000_000
"""A cell takes some hundred bytes of memory; the largest table known has half a million."""


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A table as text.

    Attributes:
        path: Where it was read.
        header: Names of the columns.
        rows: Cells by column; row i stood in line i + 2.
    """

    path: Path
    header: tuple[str, ...]
    rows: list[dict[str, str]]


def folder_of(name: str, at: str) -> Path:
    """The folder in which the files of a benchmark lie.

    Args:
        name: Its folder below ``$AUTOML_DATA_DIR/replay``.
        at: What the user typed after ``@``, which goes before.

    Raises:
        UsageError: Neither is given.
    """
    if at:
        return Path(at).expanduser()
    if not (root := os.environ.get(DATA_DIR)):
        raise UsageError(
            f"Where are the files? Set {DATA_DIR} to the folder that holds replay/{name}/, or name the folder after @, "
            "as in nas-bench-201:cifar10@FOLDER."
        )
    return Path(root).expanduser() / "replay" / name


def find(folder: Path, names: tuple[str, ...], form: str) -> Path:
    """The first file of these names in a folder; the folder may be the file itself.

    Raises:
        UsageError: None is there; the message says what the file should hold.
    """
    if folder.is_file():
        return folder
    for name in names:
        if (folder / name).is_file():
            return folder / name
    looked = "" if folder.is_dir() else " (there is no such folder)"
    raise UsageError(f"There is no {' or '.join(names)} in {folder}{looked}. It should be {form}.")


def read_sheet(path: Path) -> Sheet:
    """A CSV file with a header, gzipped when its name ends in ``.gz``.

    Raises:
        UsageError: It is missing, damaged, empty, or a row has more or fewer cells than the header.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            lines = list(_bounded(path, file))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a table: {error}.") from error
    if len(lines) <= 1:
        raise UsageError(f"{path} holds no rows; a line of column names and a line a training are expected.")
    header, *rows = lines
    if len(set(header)) < len(header):
        raise UsageError(f"{path} has two columns of one name.")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise UsageError(f"{path}, row {number}, has {len(row)} cells; its header has {len(header)}.")
    return Sheet(path, tuple(header), [dict(zip(header, row, strict=True)) for row in rows])


def _bounded(path: Path, file: Iterable[str]) -> Iterator[list[str]]:
    """The lines of a table that are not empty, as long as it keeps to the limits above."""
    characters = rows = cells = 0

    def counted() -> Iterator[str]:
        nonlocal characters
        for text in file:
            characters += len(text)
            yield text

    for line in csv.reader(counted()):
        rows, cells = rows + 1, cells + len(line)
        if characters > MOST_CHARACTERS or rows > MOST_ROWS or cells > MOST_CELLS:
            raise UsageError(
                f"{path} is too large a table: {MOST_ROWS:,} rows, {MOST_CELLS:,} cells and {MOST_CHARACTERS:,} "
                "characters are the most that is read."
            )
        if line:
            yield line
