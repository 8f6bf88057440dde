"""A study database made again, from what is readable of the old one and from the copies in the study folders."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import uuid
from typing import TYPE_CHECKING, Any

from automl.doctor.case import free_aside
from automl.doctor.salvage import COMPANIONS, KEY, Remains, salvage
from automl.engine.copies import ELSEWHERE, STUDY, Copy, new_optuna_study, optuna_trial, record_files
from automl.engine.database import Database
from automl.engine.hold import held_folder
from automl.engine.store import DATABASE
from automl.engine.study import FORMAT
from automl.errors import StudyError
from automl.parts import Goal
from automl.price.tag import PEAKS, Figure, PriceTag

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import optuna

HOW = "at least: part of it is from the copies of the finished steps"


@dataclasses.dataclass(frozen=True)
class Rebuilt:
    """What came of it.

    Attributes:
        steps: Steps by study.
        lost: Studies of which too little is left.
        aside: Where the old file is; None where there was none.
    """

    steps: dict[str, int]
    lost: list[str]
    aside: Path | None

    def __str__(self) -> str:
        made = ", ".join(f"{name} with {count} finished steps" for name, count in sorted(self.steps.items()))
        lost = f"; too little is left of {', '.join(self.lost)}" if self.lost else ""
        aside = f"; the old file is {self.aside.name}" if self.aside else ""
        return f"made again: {made}{lost}{aside}. Bills may be too low by what failed or was not finished"


def rebuild(home: Path, name: str) -> Rebuilt:
    """Makes the home's database again: all its studies, since it is theirs together.

    The copies in the folders go before what the old file says, which is damaged. The old file is kept beside the new.

    Args:
        home: The home.
        name: The study that is asked for. Where nothing is left of it, all stays as it is.

    Raises:
        StudyError: Too little is left of the study, or one of the home is being searched.
        OSError: The home cannot be written to.
    """
    path = home / DATABASE
    known = salvage(path)
    for folder in sorted({file.parent for file in home.glob(f"*/{STUDY}") if not _is_elsewhere(file)}):
        known[folder.name] = _merged(known.get(folder.name, Remains()), folder)
    lost = sorted(each for each, remains in known.items() if not _enough(remains))
    if name in lost or name not in known:
        raise StudyError(
            f"neither the database nor {home / name} says any more what study {name!r} was; restore a copy of {path}"
        )
    made = home / f".rebuilt.{uuid.uuid4().hex}.tmp"
    with contextlib.ExitStack() as stack:
        for each in known:
            # The one that is asked for is held already.
            if each != name and (home / each).is_dir():
                stack.enter_context(held_folder(home / each))
        stack.callback(shutil.rmtree, made, ignore_errors=True)
        made.mkdir()
        storage = Database(made).open()
        steps = {each: _put(storage, each, known[each]) for each in known if each not in lost}
        storage.remove_session()
        storage.engine.dispose()
        aside = _swap(path, made / DATABASE)
    return Rebuilt(steps, lost, aside)


def bill_of(known: Iterable[Any], copies: Iterable[Copy]) -> PriceTag:
    """What a study has cost at least: of each figure the largest of the bills that are known and the sum of its steps.

    Args:
        known: Bills as they were kept, whole or not.
        copies: The finished steps.
    """
    spent: dict[str, Figure] = {}
    for copy in copies:
        for quantity, figure in copy.record.result.spent.items():
            spent[quantity] = spent[quantity].plus(figure, peak=quantity in PEAKS) if quantity in spent else figure
    most = {quantity: dataclasses.replace(figure, how=HOW) for quantity, figure in spent.items()}
    for bill in known:
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            for quantity, figure in PriceTag.from_json(bill).items():
                if quantity not in most or figure.value >= most[quantity].value:
                    most[quantity] = figure
    return PriceTag(most)


def _is_elsewhere(file: Path) -> bool:
    """Whether a study's copy says that its database is another one, whose business it is."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return ELSEWHERE in json.loads(file.read_bytes())
    return False


def _merged(remains: Remains, folder: Path) -> Remains:
    """What the old database says of a study and what its folder does."""
    attributes: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        attributes = dict(json.loads((folder / STUDY).read_bytes()))
    bills = [kept["bill"] for kept in (attributes, remains.attributes) if "bill" in kept]
    steps = {copy.record.name: copy for copy in remains.copies}
    for file in record_files(folder):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            copy = Copy.read(file)
            steps[copy.record.name] = copy
    copies = sorted(steps.values(), key=lambda copy: copy.sequence)
    # Of the study as a whole the database knows more: the folder's copy is as old as the last sitting's end.
    merged = {**attributes, **remains.attributes, "bill": bill_of(bills, copies).to_json()}
    if KEY in attributes:
        merged[KEY] = attributes[KEY]
    return Remains(merged, copies)


def _enough(remains: Remains) -> bool:
    kept = remains.attributes.get(KEY)
    return isinstance(kept, dict) and kept.get("format") == FORMAT


def _put(storage: optuna.storages.BaseStorage, name: str, remains: Remains) -> int:
    """Puts a study into a database; returns how many steps it has."""
    from optuna.distributions import json_to_distribution

    goals = [Goal(**goal) for goal in remains.attributes[KEY]["goals"]]
    made = new_optuna_study(storage, name, goals)
    for key, value in remains.attributes.items():
        made.set_user_attr(key, value)
    copies = sorted(remains.copies, key=lambda copy: copy.sequence)
    for copy in copies:
        searched = {each: json_to_distribution(text) for each, text in copy.distributions.items()}
        made.add_trial(optuna_trial(copy.record, goals, searched))
    return len(copies)


def _swap(path: Path, made: Path) -> Path | None:
    """Puts a whole database in the place of a damaged one, which is kept beside it with what belongs to it."""
    aside = None
    if path.exists():
        aside = free_aside(path)
        try:
            # Two names for a moment: a kill in between leaves one under the old name, damaged as it was.
            os.link(path, aside)
        except OSError:
            path.rename(aside)
    # Before the new one is there: SQLite would take an old journal for its own and roll it back.
    for suffix in COMPANIONS:
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(f"{aside or free_aside(path)}{suffix}")
    made.replace(path)
    return aside
