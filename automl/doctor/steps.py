"""Examines the folders of a study's steps: what each left, what a trial goes on from, and what belongs to none."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from automl.doctor.case import ASIDE, Case, put_aside
from automl.doctor.check import Check
from automl.engine.copies import RECORD, Copy
from automl.errors import StudyError
from automl.files import write_json
from automl.training.trial import WEIGHTS, checkpoint_path
from automl.training.whole import checkpoint_damage, weights_damage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from automl.engine.record import Record
    from automl.engine.study import Study

SAME_RESULT = ("number", "status", "score", "history", "steps")
"""What ``result.json`` shares with the record, which has prices by the study's rates besides."""


def steps(case: Case, study: Study) -> Iterator[Check]:
    """Whether each finished step has left what it must, whole and as the database has it."""
    trials = study.optuna.get_trials(deepcopy=False)
    for number, record in enumerate(study.records):
        from optuna.distributions import distribution_to_json

        searched = {name: distribution_to_json(each) for name, each in trials[number].distributions.items()}
        folder = study.step_folder(record.spec)
        yield from _papers(case, record, folder, Copy(number, record, searched))
        yield from _weights(case, record, folder / WEIGHTS)


def _papers(case: Case, record: Record, folder: Path, copy: Copy) -> Iterator[Check]:
    wanted = {
        "spec.json": record.spec.to_json(),
        "result.json": record.result.to_json(),
        RECORD: copy.to_json(),
    }
    faults = {name: fault for name, right in wanted.items() if (fault := _fault(folder / name, right))}
    if record.values is None and faults.get("result.json") == "missing":
        # A worker that was killed leaves none; its driver knows why.
        del faults["result.json"]
    if not faults:
        return

    def mend() -> str:
        for name, fault in faults.items():
            if fault != "missing":
                put_aside(folder / name)
            write_json(folder / name, wanted[name])
        return "written again from the database"

    text = "; ".join(f"{folder / name} is {fault}" for name, fault in faults.items())
    # Without its copy a step lives in the database alone, as all did before there were copies.
    mild = set(faults) == {RECORD} and faults[RECORD] == "missing"
    yield case.damage(f"trial {record.name}", text, mend, status="warn" if mild else "fail")


def _fault(path: Path, right: dict[str, Any]) -> str:
    """What is wrong with a JSON file, in a few words."""
    try:
        found = json.loads(path.read_bytes())
        if path.name == RECORD:
            same = found["record"] == right["record"]
        elif path.name == "result.json":
            same = all(found[name] == right[name] for name in SAME_RESULT)
        else:
            same = found == right
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable ({error.strerror})"
    except (ValueError, KeyError, TypeError):
        return "torn"
    return "" if same else "not what the database says"


def _weights(case: Case, record: Record, path: Path) -> Iterator[Check]:
    if record.values is None:
        return
    if fault := weights_damage(path):
        text = f"{path} is {fault}: this model cannot be used for predict and export; the search is not touched"
        yield Check(f"trial {record.name}", "fail", text, case.command(f"train STUDY {record.name}"))


def checkpoints(case: Case, study: Study) -> Iterator[Check]:
    """Whether what stopped trials go on from is whole."""
    last = {record.number: record for record in study.records}
    for record in last.values():
        if record.values is None or record.spec.rung is None:
            continue
        path = checkpoint_path(study.checkpoints(record.number), record.spec.last_epoch)
        fault, scratch = checkpoint_damage(path), "if this trial goes on it is trained from scratch, to the same model"
        if fault == "missing":
            yield Check(f"trial {record.name}", "warn", f"there is no checkpoint {path}: {scratch}")
        elif fault:
            yield case.damage(
                f"trial {record.name}",
                f"{path} is {fault}: {scratch}",
                lambda path=path: f"moved aside to {put_aside(path).name}",  # type: ignore[misc]
            )


def leftovers(case: Case, study: Study) -> Iterator[Check]:
    """What a killed search has left and nobody will ask for."""
    temporary = [*study.folder.rglob(".*.tmp"), *study.folder.glob("trial-*/checkpoints/*.tmp")]
    if temporary:

        def remove() -> str:
            for path in temporary:
                path.unlink(missing_ok=True)
            return "removed"

        text = f"{_some(temporary)}: left half written by a process that was killed"
        yield case.damage("temporary files", text, remove, status="warn")
    stray = list(_stray(study))
    if stray:

        def clear() -> str:
            done = []
            for folder in stray:
                if (folder / "result.json").exists():
                    done.append(f"{folder.name} of {folder.parent.name} moved aside to {put_aside(folder).name}")
                else:
                    shutil.rmtree(folder)
                    done.append(f"{folder.name} of {folder.parent.name} removed")
            return ", ".join(done)

        text = f"{_some(stray)}: of steps that the study does not know and that are not under way"
        yield case.damage("stray folders", text, clear, status="warn")


def _stray(study: Study) -> Iterator[Path]:
    try:
        # By trial: which folder a step under way has depends on rungs that its search knows.
        under_way = {study.trial_folder(step.trial).name for step in study.in_flight}
    except StudyError:
        return
    known = {study.step_folder(record.spec) for record in study.records}
    for folder in sorted(study.folder.glob("trial-*/rung-*")):
        finished = (folder / RECORD).exists()
        if folder not in known and folder.parent.name not in under_way and not finished and ASIDE not in folder.name:
            yield folder


def _some(paths: list[Path], most: int = 5) -> str:
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(map(str, paths[:most])) + more
