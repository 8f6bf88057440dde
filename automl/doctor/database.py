"""Examines a study's entry in the database: whether the file is whole, and all that is kept in it can be read."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING

from automl.doctor.check import Check
from automl.doctor.papers import SETTINGS
from automl.doctor.rebuild import bill_of, rebuild
from automl.doctor.salvage import KEY
from automl.engine.copies import STUDY, Copy, optuna_trial, record_files
from automl.engine.database import Database
from automl.engine.record import Record
from automl.engine.store import DATABASE, missing_study
from automl.engine.study import FORMAT, Study
from automl.errors import StorageError, StudyError
from automl.price.tag import PriceTag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from automl.doctor.case import Case

PATIENCE_S = 5.0
"""How long a process that writes to the database is waited for."""

TABLES = {"studies", "study_user_attributes", "trials", "trial_user_attributes", "version_info"}
"""Those of Optuna's tables without which there is no study."""


class Examined:
    """The study's entry in the database.

    Args:
        case: The study.
        patience_s: How long to wait for a process that writes to the database.

    Attributes:
        checks: What was found.
        study: The study, where it can be opened, mended perhaps.
    """

    def __init__(self, case: Case, patience_s: float = PATIENCE_S) -> None:
        self._case = case
        self.study: Study | None = None
        self.checks = list(self._examine(patience_s))

    def _examine(self, patience_s: float) -> Iterator[Check]:
        if self._case.storage:
            yield self._elsewhere()
            return
        path = self._case.home / DATABASE
        fault = file_fault(path, patience_s)
        if "locked" in fault:
            yield Check(DATABASE, "warn", f"{path} is in use: {fault}", "check again when it is not")
            return
        try:
            fault = fault or self._open()
        except StorageError as error:
            yield Check(DATABASE, "fail", str(error), "mend the cause, then check again")
            return
        except StudyError as error:
            # No damage that could be mended: of another version, or nowhere but in the settings of its folder.
            yield Check(DATABASE, "fail", str(error), f"restore a copy of {path}, or use the version that made it")
            return
        if not fault:
            yield Check(DATABASE, "ok", f"whole, {path.stat().st_size / 1e6:.1f} MB")
            return
        yield self._case.damage(DATABASE, f"{path}: {fault}", self._rebuild)

    def _elsewhere(self) -> Check:
        """Of a database that is not the home's: whether it answers, and the study can be read."""
        where = str(Database(self._case.home, self._case.storage))
        try:
            fault = self._open()
        except (StorageError, StudyError) as error:
            return Check(DATABASE, "fail", str(error), "mend the cause, then check again")
        if fault:
            return Check(DATABASE, "fail", f"{where}: {fault}", "restore the database from its own backup")
        return Check(DATABASE, "ok", f"{where}; it is its server's to keep whole")

    def _rebuild(self) -> str:
        made = rebuild(self._case.home, self._case.name)
        if fault := self._open():
            raise StudyError(f"what was made of it is no better: {fault}")
        return str(made)

    def _open(self) -> str:
        """Opens the study; returns what is wrong with its entry, in a few words.

        Raises:
            StorageError: The database cannot be used.
            StudyError: The study is of another version.
        """
        try:
            study = Study.open(self._case.name, self._case.home, self._case.storage)
            fault = "; ".join(_entry_faults(study))
        except StorageError:
            raise
        except StudyError as error:
            return self._unopened(error)
        except Exception as error:  # noqa: BLE001 - Optuna raises whatever it stumbles over
            return f"what it keeps of the study cannot be read: {type(error).__name__}: {error}"
        self.study = None if fault else study
        return fault

    def _unopened(self, error: StudyError) -> str:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            copy = json.loads((self._case.folder / STUDY).read_bytes())
            if copy.get(KEY, {}).get("format") != FORMAT:
                raise error
            return "the study is in its folder, but not in the database"
        raise error


def file_fault(path: Path, patience_s: float = PATIENCE_S) -> str:
    """What is wrong with a database as a file, in a few words; empty when it is whole and of Optuna's kind."""
    if not path.is_file():
        return "there is none"
    try:
        # Not read only: what a killed process left half written is rolled back first, as at any opening.
        address = f"{path.resolve().as_uri()}?mode=rw"
        with contextlib.closing(sqlite3.connect(address, patience_s, uri=True)) as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        answer = str(error)
    if answer != "ok":
        return " ".join(("locked" if "locked" in answer else f"damaged: {answer}").split())
    return "" if tables >= TABLES else "it holds no studies: their tables are missing"


def _entry_faults(study: Study) -> Iterator[str]:
    """What cannot be read of a study that opens."""
    names: set[str] = set()
    for trial in study.optuna.get_trials(deepcopy=False):
        try:
            record = Record.from_json(trial.user_attrs[KEY])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield f"its entry {trial.number} cannot be read ({type(error).__name__}: {error})"
            continue
        if record.name in names:
            yield f"trial {record.name} is recorded twice"
        names.add(record.name)
    try:
        PriceTag.from_json(study.optuna.user_attrs.get("bill", {}))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield f"its bill cannot be read ({type(error).__name__}: {error})"


def forgotten_steps(case: Case, study: Study) -> Iterator[Check]:
    """Steps that have finished by what their folders say, and of which the database knows nothing.

    A kill in the moment between the two leaves one; a database that was restored from an older copy any number.
    """
    known = {record.name for record in study.records}
    found: list[Copy] = []
    for path in record_files(study.folder):
        # Damaged ones are no finished steps; if they are recorded, they are told with their step.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            copy = Copy.read(path)
            if copy.record.name not in known:
                found.append(copy)
    if not found:
        return
    found.sort(key=lambda copy: copy.sequence)
    names = ", ".join(copy.record.name for copy in found)

    def mend() -> str:
        from optuna.distributions import json_to_distribution

        for copy in found:
            searched = {name: json_to_distribution(text) for name, text in copy.distributions.items()}
            study.optuna.add_trial(optuna_trial(copy.record, study.goals, searched))
        study.keep("bill", bill_of([study.bill.to_json()], _copies(study)).to_json())
        return "taken into the database"

    text = f"trial {names} finished, but the database knows nothing of it; the search would do it again"
    yield case.damage("finished steps", text, mend, status="warn")


def _copies(study: Study) -> Iterator[Copy]:
    return (Copy(number, record, {}) for number, record in enumerate(study.records))


def none_such(case: Case) -> StudyError | None:
    """The error where neither the database nor the home has such a study; None where one may have it."""
    if (case.folder / STUDY).is_file() or (case.folder / SETTINGS).is_file():
        return None
    path = case.home / DATABASE
    if case.storage is None and not path.is_file():
        return missing_study(case.name, [], case.home)
    if case.storage is None and file_fault(path):
        return None
    try:
        Study.open(case.name, case.home, case.storage)
    except StorageError:
        return None
    except StudyError as error:
        return error
    return None
