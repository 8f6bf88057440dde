"""A study: the persistent search, its trials, its front and its bill."""

from __future__ import annotations

import datetime
import functools
import math
import sys
import warnings
from typing import TYPE_CHECKING, Any

from automl.engine.pick import pick
from automl.engine.pricer import Pricer
from automl.engine.record import Record, front
from automl.engine.settings import Settings
from automl.engine.store import DATABASE, database_error, missing_study, open_storage
from automl.errors import StudyError, UsageError
from automl.files import write_text
from automl.host import get_host
from automl.parts import DataSource, DataSpec, Goal, Task
from automl.price.tag import PriceTag
from automl.training.trial import TrialResult, TrialSpec

if TYPE_CHECKING:
    from pathlib import Path

    import optuna
    import pandas as pd

    from automl.engine.resolve import Plan

FORMAT = 2
"""Version of what a study keeps beside Optuna's own tables."""


class Study:
    """A search that is kept: ask it for its trials, its front, its price.

    Attributes:
        name: Its name within the home.
        home: The folder it lives in.
        settings: What the search was told.
        data: What it learned of the data.
        goals: What it searches for.
        score: Name of the task's score.
        optuna: The Optuna study beneath.
    """

    def __init__(self, study: optuna.Study, home: Path) -> None:
        kept = study.user_attrs.get("automl")
        if not kept or kept.get("format") != FORMAT:
            raise StudyError(f"Study {study.study_name!r} in {home} was not made by this version of automl.")
        self.optuna = study
        self.name = study.study_name
        self.home = home
        self.settings = Settings.checked({**kept["settings"], "home": home})
        self.data = DataSpec.from_json(kept["data"])
        self.goals = tuple(Goal(**goal) for goal in kept["goals"])
        self.score: str = kept["score"]
        self._records: list[Record] | None = None

    @classmethod
    def create(cls, plan: Plan) -> Study:
        """Makes a new study from a checked plan, or goes on with the one of that name and these settings.

        Raises:
            StudyError: The study exists with other settings; the message names each.
        """
        import optuna

        settings = plan.settings
        storage = open_storage(settings.home)
        names = optuna.study.get_all_study_names(storage)
        name = settings.study or _free_name(f"{settings.data}-{settings.space}", [*names, *_folders(settings.home)])
        if name in names:
            study = cls.open(name, settings.home)
            study.check_same(settings)
            return study
        made = optuna.create_study(storage=storage, study_name=name, directions=[goal.direction for goal in plan.goals])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made.set_metric_names([f"log10_{goal.metric}" if goal.log else goal.metric for goal in plan.goals])
        kept = {
            "format": FORMAT,
            "settings": settings.model_copy(update={"study": name, "trials": settings.new_trials()}).model_dump(
                mode="json", exclude={"home"}
            ),
            "data": plan.data.to_json(),
            "goals": [vars(goal) for goal in plan.goals],
            "score": plan.task.score,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        made.set_user_attr("automl", kept)
        study = cls(made, settings.home)
        write_text(study.folder / "settings.yaml", study.settings.to_yaml())
        return study

    @classmethod
    def open(cls, name: str, home: Path) -> Study:
        """Opens a study that exists.

        Raises:
            StudyError: There is no such study, or its database is damaged.
        """
        import optuna
        import sqlalchemy.exc

        if not (home / DATABASE).is_file():
            raise missing_study(name, [], home)
        storage = open_storage(home)
        try:
            study = optuna.load_study(study_name=name, storage=storage)
            return cls(study, home)
        except KeyError:
            raise missing_study(name, optuna.study.get_all_study_names(storage), home) from None
        except sqlalchemy.exc.DatabaseError as error:
            raise database_error(home / DATABASE, error) from error

    @property
    def folder(self) -> Path:
        """Where its trials, models and pictures are."""
        return self.home / self.name

    def trial_folder(self, number: int) -> Path:
        """The folder of one trial."""
        return self.folder / f"trial-{number:04d}"

    @property
    def records(self) -> list[Record]:
        """All finished trials, by number."""
        if self._records is None:
            tests = self.test_scores
            trials = self.optuna.get_trials(deepcopy=False)
            self._records = [
                Record(
                    spec=TrialSpec.from_json(kept["spec"]),
                    result=TrialResult.from_json(kept["result"]),
                    values=tuple(kept["values"]) if kept["values"] else None,
                    label=kept["label"],
                    test_score=tests.get(trial.number),
                )
                for trial in trials
                if trial.state.is_finished() and (kept := trial.user_attrs.get("automl"))
            ]
        return self._records

    def record(self, number: int) -> Record:
        """One finished trial.

        Raises:
            UsageError: There is none of that number.
        """
        for record in self.records:
            if record.number == number:
                return record
        numbers = [record.number for record in self.records]
        known = f"it has {len(numbers)}, numbered {numbers[0]} to {numbers[-1]}" if numbers else "it has none yet"
        raise UsageError(f"Study {self.name!r} has no finished trial {number}; {known}.")

    @property
    def front_records(self) -> list[Record]:
        """The trials no other beats, the cheapest first."""
        return front(self.records, self.goals)

    @property
    def front(self) -> pd.DataFrame:
        """The trials no other beats, the cheapest first: one row a trial, a column a goal, figure and dimension."""
        from automl.engine.frame import front_frame

        return front_frame(self.records, self.goals, self.score)

    @property
    def trials(self) -> pd.DataFrame:
        """All finished trials, in the columns of `front`."""
        from automl.engine.frame import trials_frame

        return trials_frame(self.records, self.goals, self.score)

    def best(self, *, min_score: float | None = None) -> Record:
        """The trial of the front with the best score, or the cheapest that reaches `min_score`.

        Raises:
            UsageError: No trial reaches it, or none succeeded.
        """
        return self.pick("best" if min_score is None else "cheapest", min_score=min_score)

    def pick(self, way: str, *, min_score: float | None = None) -> Record:
        """One trial of the front: ``best``, ``cheapest`` or ``knee``, among those that reach `min_score`.

        Raises:
            UsageError: There is no such way, no trial reaches the score, or none succeeded.
        """
        if not self.front_records:
            raise UsageError(f"Study {self.name!r} has no trial that succeeded.")
        return pick(self.front_records, self.goals, way, min_score)

    def predict(self, number: int, path: Path) -> list[dict[str, Any]]:
        """What the model of a trial makes of the examples in a file.

        Args:
            number: The trial.
            path: A file that the study's data source reads.

        Returns:
            One JSON-able dict an example, as the task decodes it.

        Raises:
            UsageError: There is no such trial, or the file is not what the data source takes.
            StudyError: The trial left no whole weights.
        """
        import torch

        from automl.training.parts import load_model

        record = self.record(number)
        host = get_host()
        examples = host.part(DataSource, self.data.source).read(path, self.data)
        model = load_model(record.spec, self.trial_folder(number))
        with torch.no_grad():
            outputs = model(examples)
        return host.part(Task, self.data.task).decode(outputs, self.data)

    @functools.cached_property
    def pricer(self) -> Pricer:
        """Prices at the rates of this study, on the devices of the catalogue."""
        return Pricer.of(self.settings)

    @property
    def bill(self) -> PriceTag:
        """What the study has cost so far: all trials, failed ones too, and the engine's own work."""
        return PriceTag.from_json(self.optuna.user_attrs.get("bill", {}))

    @property
    def stopped(self) -> str:
        """Why the last sitting ended before all its trials were made; empty when it did not."""
        return str(self.optuna.user_attrs.get("stopped", ""))

    @property
    def test_scores(self) -> dict[int, float]:
        """The task's score on the test split, by trial; empty until the search has finished."""
        kept = self.optuna.user_attrs.get("test", {})
        return {int(number): score for number, score in kept.get("scores", {}).items()}

    @property
    def test_openings(self) -> list[str]:
        """When the test split was opened, in UTC. More than one means the search went on after a look at it."""
        return list(self.optuna.user_attrs.get("test", {}).get("opened", []))

    def keep(self, key: str, value: Any) -> None:
        """Stores a JSON-able value with the study."""
        self.optuna.set_user_attr(key, value)
        self._records = None

    def keep_bill(self, bill: PriceTag) -> None:
        """Stores what the study has cost so far."""
        self.optuna.set_user_attr("bill", bill.to_json())

    def add(self, trial: optuna.Trial, record: Record) -> Record:
        """Takes in what became of a trial.

        Optuna is told the logarithm of goals that span orders of magnitude: its samplers weigh a goal by its range,
        and on a linear scale all cheap models would look alike.
        """
        import optuna

        kept = {"spec": record.spec.to_json(), "result": record.result.to_json(), "label": record.label}
        trial.set_user_attr("automl", {**kept, "values": record.values})
        if record.values is None:
            self.optuna.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            pairs = zip(self.goals, record.values, strict=True)
            self.optuna.tell(trial, [_scaled(goal, value) for goal, value in pairs])
        if self._records is not None:
            self._records.append(record)
        return record

    def check_same(self, settings: Settings) -> None:
        """Raises StudyError, naming each difference, when `settings` ask for another study than this."""
        ours, theirs = self.settings.identity(), settings.identity()
        differing = [f"{name} was {ours[name]!r}, now {theirs[name]!r}" for name in ours if ours[name] != theirs[name]]
        if differing:
            raise StudyError(
                f"Study {self.name!r} exists in {self.home} with other settings ({'; '.join(differing)}). "
                "Give the new search another --study, or the old settings."
            )


def _scaled(goal: Goal, value: float) -> float:
    return math.log10(max(value, sys.float_info.min)) if goal.log else value


def _free_name(stem: str, taken: list[str]) -> str:
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _folders(home: Path) -> list[str]:
    return [path.name for path in home.iterdir() if path.is_dir()] if home.is_dir() else []
