"""Examines one study, and mends of it what can be mended.

The database is the truth, the folders hold the models and a copy of everything else. Nothing is trained here, and
nothing that cannot be made again is removed: a damaged file gets ``.damaged`` at the end of its name.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
from typing import TYPE_CHECKING

from automl.doctor import papers
from automl.doctor.case import Case
from automl.doctor.check import Check
from automl.doctor.database import Examined, forgotten_steps, none_such
from automl.doctor.steps import checkpoints, leftovers, steps
from automl.engine.hold import held_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from automl.engine.study import Study


def examine_study(home: Path, name: str, *, repair: bool = False, storage: str | None = None) -> Iterator[Check]:
    """All that is wrong with a study, in turn.

    Args:
        home: The home it lives in.
        name: Its name.
        repair: Whether to mend what can be mended.
        storage: URL of its database, where that is not the home's: it is read, and never made anew.

    Raises:
        StudyError: Neither the database nor the home has such a study.
    """
    case = Case(home, name, repair, storage)
    if error := none_such(case):
        raise error
    if holder := searched_by(case.folder):
        text = f"is being searched by {holder}, so that nothing was looked at"
        yield Check(f"study {name}", "warn", text, "check again when the search is done")
        return
    with held_folder(case.folder) if repair else contextlib.nullcontext():
        examined = Examined(case)
        yield from examined.checks
        if examined.study is not None:
            yield from _folder(case, examined.study)


def _folder(case: Case, study: Study) -> Iterator[Check]:
    checks: list[Callable[[Case, Study], Iterator[Check]]] = [papers.settings, papers.copy_of_study]
    if not study.looked_up:
        # In this order: what is under way and what has finished decide which folders belong to nobody.
        checks += [papers.in_flight, forgotten_steps, steps, checkpoints, leftovers]
    found = 0
    for check in itertools.chain.from_iterable(each(case, study) for each in checks):
        found += 1
        yield check
    count = f"{len(study.records)} finished steps of {study.trial_count} trials"
    if study.looked_up:
        text = f"{count}, looked up and not trained: they have no folders, and cost nothing to look up again"
    else:
        text = f"{count}, {len(study.front_records)} of them on the front" + ("" if found else "; every file is whole")
    yield Check(f"study {study.name}", "ok", text)


def searched_by(folder: Path) -> str:
    """Which process searches a study, in words; empty when none does."""
    with contextlib.suppress(FileNotFoundError), (folder / ".lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return file.read().strip() or "another process"
    return ""
