"""Finds the files of a benchmark and reads tables; a fault is told with the file and the row."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import os
import zlib
from pathlib import Path

from automl.errors import UsageError

DATA_DIR = "AUTOML_DATA_DIR"


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
            lines = [line for line in csv.reader(file) if line]
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
