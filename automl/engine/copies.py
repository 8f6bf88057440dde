"""A copy of the study in its folder, in plain JSON: enough to make the database again.

``study.json`` holds what the study is and, since its last sitting ended, what it came to; ``record.json`` in the folder
of each step what the database keeps of that step. The database is the truth: a copy is written just before its entry,
so that a kill between the two leaves a step that is done again, to the same result, and never one that is lost.

Where trainings are looked up no step has a folder; looking up again costs nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shlex
import warnings
from typing import TYPE_CHECKING, Any

from automl.engine.points import distribution, optuna_value
from automl.engine.record import Record
from automl.errors import StudyError
from automl.files import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import optuna

    from automl.engine.study import Study
    from automl.parts import Dimension, Goal

STUDY = "study.json"
RECORD = "record.json"
ELSEWHERE = "database"
"""In a study's copy: its database, where that is not the home's."""


@dataclasses.dataclass(frozen=True)
class Copy:
    """What ``record.json`` holds.

    Attributes:
        sequence: How many steps had finished before; an engine that goes on retraces them in this order.
        record: The step.
        distributions: What was searched, by dimension, in Optuna's own JSON.
    """

    sequence: int
    record: Record
    distributions: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {
            "sequence": self.sequence,
            "distributions": dict(self.distributions),
            "record": json.loads(json.dumps(self.record.to_json())),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Copy:
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        return cls(int(data["sequence"]), Record.from_json(data["record"]), dict(data["distributions"]))

    @classmethod
    def read(cls, path: Path) -> Copy:
        """A file's.

        Raises:
            OSError, KeyError, TypeError, ValueError: It is missing or damaged.
        """
        return cls.from_json(json.loads(path.read_bytes()))


def keep_study(study: Study) -> None:
    """Writes down all that the database knows of the study but for its steps."""
    elsewhere = {ELSEWHERE: str(study.database)} if study.database.url else {}
    write_json(study.folder / STUDY, {**study.optuna.user_attrs, **elsewhere})


def keep_record(study: Study, record: Record, dimensions: Sequence[Dimension]) -> None:
    """Writes a step down that the database is about to take in; failed ones too."""
    from optuna.distributions import distribution_to_json

    searched = {dimension.name: distribution_to_json(distribution(dimension)) for dimension in dimensions}
    copy = Copy(len(study.records), record, searched)
    write_json(study.step_folder(record.spec) / RECORD, copy.to_json())


def new_optuna_study(storage: optuna.storages.BaseStorage, name: str, goals: Sequence[Goal]) -> optuna.Study:
    """An empty study in Optuna's words."""
    import optuna

    made = optuna.create_study(storage=storage, study_name=name, directions=[goal.direction for goal in goals])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        made.set_metric_names([f"log10_{goal.metric}" if goal.log else goal.metric for goal in goals])
    return made


def optuna_trial(
    record: Record, goals: Sequence[Goal], distributions: Mapping[str, optuna.distributions.BaseDistribution]
) -> optuna.trial.FrozenTrial:
    """A step as a finished trial of Optuna's; its values in Optuna's words."""
    import optuna

    assert record.step is not None
    states = optuna.trial.TrialState
    pairs = zip(goals, record.values or (), strict=record.values is not None)
    return optuna.trial.create_trial(
        state=states.FAIL if record.values is None else states.COMPLETE,
        values=[optuna_value(goal, value) for goal, value in pairs] if record.values else None,
        params=record.step.point,
        distributions=dict(distributions),
        user_attrs={"automl": record.to_json()},
    )


def record_files(folder: Path) -> list[Path]:
    """The copies of steps in a study's folder."""
    return sorted(folder.glob(f"trial-*/rung-*/{RECORD}"))


def remade_by(name: str, home: Path) -> str:
    """The command that makes a study's database again from its folder."""
    return f"automl doctor {name} --repair{home_option(home)}"


def home_option(home: Path) -> str:
    """What a command has to be given to find a home that is not the usual one."""
    return "" if str(home) == "runs" else f" --home {shlex.quote(str(home))}"


def check_not_forgotten(name: str, home: Path) -> None:
    """Lets nobody begin a study anew whose trials are there but whose database is not.

    Raises:
        StudyError: The study's folder holds finished steps; to be called where the database knows no such study.
    """
    folder = home / name
    if (folder / STUDY).is_file() and record_files(folder):
        elsewhere = ""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            elsewhere = json.loads((folder / STUDY).read_bytes()).get(ELSEWHERE, "")
        mend = f"It is in {elsewhere}: name that" if elsewhere else f"`{remade_by(name, home)}` brings it back"
        raise StudyError(
            f"The folder {folder} holds a study of that name, of which the database knows nothing. {mend}; or give the "
            "new search another --study."
        )
