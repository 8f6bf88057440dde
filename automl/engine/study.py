"""A study: the persistent search, its trials, its front and its bill."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import re
import shutil
from typing import TYPE_CHECKING, Any, TypeVar

from automl.engine import kept as shapes
from automl.engine.copies import check_not_forgotten, new_optuna_study, optuna_trial, remade_by
from automl.engine.database import Database
from automl.engine.outside import check_folder, is_name, reading
from automl.engine.pick import pick
from automl.engine.points import distribution
from automl.engine.pricer import Pricer
from automl.engine.record import Record, find, front, trial_count
from automl.engine.settings import Settings
from automl.engine.store import missing_study
from automl.errors import StudyError, UsageError
from automl.files import write_json, write_text
from automl.host import get_host
from automl.parts import DataSource, DataSpec, Goal, Space, Task
from automl.parts.recorded import RecordedSpace
from automl.parts.strategy import Step
from automl.price.tag import PriceTag
from automl.training.trial import checkpoint_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import optuna
    import pandas as pd

    from automl.engine.resolve import Plan
    from automl.parts import Dimension
    from automl.training.trial import TrialSpec

Answer = TypeVar("Answer")

FORMAT = 3
"""Version of what a study keeps beside Optuna's own tables."""


IN_FLIGHT = "in-flight.json"
"""File of a study's folder that names the steps under way."""


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
        database: Where that is kept.
        created: When it was made, in UTC.
        waiting: Told why, when a write has to wait for the database.
    """

    def __init__(self, study: optuna.Study, database: Database) -> None:
        check_folder(database.home, study.study_name)
        with reading(f"Study {study.study_name!r} in {database}"):
            attributes = study.user_attrs
            kept = attributes.get("automl")
            if not kept or kept.get("format") != FORMAT:
                raise StudyError(f"Study {study.study_name!r} in {database} was not made by this version of automl.")
            shapes.check(shapes.Attributes, attributes)
            self.settings = Settings.checked({**kept["settings"], "home": database.home, "storage": database.url})
            self.data = DataSpec.from_json(kept["data"])
            self.goals = tuple(Goal(**goal) for goal in kept["goals"])
        self.optuna = study
        self.name = study.study_name
        self.database = database
        self.home = database.home
        self.score: str = kept["score"]
        self.created: str = kept["created"]
        self.waiting: Callable[[str], None] = lambda _cause: None
        self._records: list[Record] | None = None

    @classmethod
    def create(cls, plan: Plan) -> Study:
        """Makes a new study from a checked plan, or goes on with the one of that name and these settings.

        Raises:
            StudyError: The study exists with other settings; the message names each.
        """
        import optuna

        settings = plan.settings
        database = Database(settings.home, settings.storage)
        storage = database.open()
        names = optuna.study.get_all_study_names(storage)
        stem = _as_name(f"{_short(settings.data or '')}-{_short(settings.space)}")
        name = settings.study or _free_name(stem, [*names, *_folders(settings.home)])
        if name in names:
            study = cls.open(name, settings.home, settings.storage)
            study.check_same(settings)
            study.check_same_data(plan.data)
            return study
        check_folder(settings.home, name)
        check_not_forgotten(name, settings.home)
        made = new_optuna_study(storage, name, plan.goals)
        kept = {
            "format": FORMAT,
            "settings": settings.model_copy(update={"study": name, "trials": settings.new_trials()}).model_dump(
                mode="json", exclude={"home", "storage"}
            ),
            "data": plan.data.to_json(),
            "goals": [vars(goal) for goal in plan.goals],
            "score": plan.task.score,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        made.set_user_attr("automl", kept)
        study = cls(made, database)
        write_text(study.folder / "settings.yaml", study.settings.to_yaml())
        return study

    @classmethod
    def open(cls, name: str, home: Path, storage: str | None = None) -> Study:
        """Opens a study that exists.

        Args:
            name: Its name.
            home: The folder it lives in.
            storage: URL of its database, where that is not the home's.

        Raises:
            StudyError: There is no such study, or its database is damaged.
            StorageError: The database does not answer.
        """
        if not is_name(name):
            raise missing_study(name, [], home)
        database = Database(home, storage)
        return cls(database.load(name), database)

    @property
    def folder(self) -> Path:
        """Where its trials, models and pictures are."""
        return self.home / self.name

    def trial_folder(self, number: int) -> Path:
        """The folder of one trial."""
        return self.folder / f"trial-{number:04d}"

    def step_folder(self, spec: TrialSpec) -> Path:
        """The folder of one trial as it stands at a rung: its model is here."""
        return self.trial_folder(spec.number) / f"rung-{spec.last_epoch:04d}"

    def checkpoints(self, number: int) -> Path:
        """The folder of what a stopped trial goes on from."""
        return self.trial_folder(number) / "checkpoints"

    def tidy(self, record: Record) -> None:
        """Removes the checkpoints of a trial that nobody will go on from, now that its step is kept."""
        folder, spec = self.checkpoints(record.number), record.spec
        over = record.values is None or spec.rung is None
        if over:
            shutil.rmtree(folder, ignore_errors=True)
            return
        for path in folder.glob("*.ckpt"):
            if path != checkpoint_path(folder, spec.last_epoch):
                path.unlink(missing_ok=True)

    @property
    def records(self) -> list[Record]:
        """All finished steps, in the order they finished; a trial has one for each rung it reached."""
        if self._records is None:
            with reading(f"A trial of study {self.name!r} in {self.database}"):
                trials = self._patiently(lambda: self.optuna.get_trials(deepcopy=False))
                kept = (trial.user_attrs.get("automl") for trial in trials)
                tests = self.test_scores
                records = [Record.from_json(shapes.check(shapes.Record, entry)) for entry in kept if entry]
                if any(record.values and len(record.values) != len(self.goals) for record in records):
                    raise ValueError("a trial has not one value a goal")
            self._records = [dataclasses.replace(each, test_score=tests.get(each.name)) for each in records]
        return self._records

    @property
    def trial_count(self) -> int:
        """Candidates that were begun, failed ones too."""
        return trial_count(self.records)

    def record(self, trial: int | str) -> Record:
        """One trial, as it stands at the last rung it reached, or at the one named as in ``7@3``.

        Raises:
            UsageError: There is none of that number, or it did not reach that rung.
        """
        return find(self.records, str(trial), self.name)

    @property
    def front_records(self) -> list[Record]:
        """The models no other beats, the cheapest first: trials, or trials as they stood at a rung."""
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

    def predict(self, trial: int | str, path: Path) -> list[dict[str, Any]]:
        """What the model of a trial makes of the examples in a file.

        Args:
            trial: The trial, as `record` takes it.
            path: A file that the study's data source reads.

        Returns:
            One JSON-able dict an example, as the task decodes it.

        Raises:
            UsageError: There is no such trial, or the file is not what the data source takes.
            StudyError: The trial left no whole weights.
        """
        import torch

        from automl.training.parts import load_model

        record = self.record(trial)
        host = get_host()
        examples = host.part(DataSource, self.data.source).read(path, self.data)
        model = load_model(record.spec, self.step_folder(record.spec))
        with torch.no_grad():
            outputs = model(examples)
        return host.part(Task, self.data.task).decode(outputs, self.data)

    @functools.cached_property
    def pricer(self) -> Pricer:
        """Prices at the rates of this study, on the devices of the catalogue."""
        return Pricer.of(self.settings)

    @functools.cached_property
    def looked_up(self) -> bool:
        """Whether its trainings were looked up, so that no step has a folder or a model."""
        try:
            return isinstance(get_host().part(Space, self.settings.space), RecordedSpace)
        except UsageError:
            # Its plugin is not here, but what a training leaves tells as well.
            return not any(self.folder.glob("trial-*"))

    @property
    def bill(self) -> PriceTag:
        """What the study has cost so far: all trials, failed ones too, and the engine's own work."""
        return PriceTag.from_json(self.optuna.user_attrs.get("bill", {}))

    @property
    def in_flight(self) -> list[Step]:
        """Steps that were begun and, as far as is known, not finished.

        Raises:
            StudyError: The file that names them is damaged.
        """
        file = self.folder / IN_FLIGHT
        if not file.is_file():
            return []
        command = remade_by(self.name, self.home)
        with reading(str(file), f"`{command}` puts it aside, and nothing is lost."):
            return [Step(**shapes.check(shapes.Step, step)) for step in json.loads(file.read_text(encoding="utf-8"))]

    def keep_in_flight(self, steps: Sequence[Step]) -> None:
        """Notes which steps are under way, so that after a kill they are gone on with."""
        write_json(self.folder / IN_FLIGHT, [vars(step) for step in steps])

    @property
    def stopped(self) -> str:
        """Why the last sitting ended before all its trials were made; empty when it did not."""
        return str(self.optuna.user_attrs.get("stopped", ""))

    @property
    def unpaid(self) -> dict[str, int]:
        """How many candidates were rejected before anything was paid for them, by reason, all sittings together."""
        return dict(self.optuna.user_attrs.get("unpaid", {}))

    @property
    def test_scores(self) -> dict[str, float]:
        """The task's score on the test split, by name of the record; empty until the search has finished."""
        return dict(self.optuna.user_attrs.get("test", {}).get("scores", {}))

    @property
    def test_openings(self) -> list[str]:
        """When the test split was opened, in UTC. More than one means the search went on after a look at it."""
        return list(self.optuna.user_attrs.get("test", {}).get("opened", []))

    def keep(self, key: str, value: Any) -> None:
        """Stores a JSON-able value with the study."""
        self._patiently(lambda: self.optuna.set_user_attr(key, value))
        self._records = None

    def keep_bill(self, bill: PriceTag) -> None:
        """Stores what the study has cost so far."""
        self._patiently(lambda: self.optuna.set_user_attr("bill", bill.to_json()))

    def add(self, record: Record, dimensions: Sequence[Dimension]) -> Record:
        """Takes in what became of a step, as a finished trial of Optuna's; its values in Optuna's words.

        Args:
            record: The step.
            dimensions: What was searched.
        """
        searched = {dimension.name: distribution(dimension) for dimension in dimensions}
        trial = optuna_trial(record, self.goals, searched)
        step = trial.user_attrs["automl"]["step"]
        tries = 0

        def write() -> None:
            nonlocal tries
            tries += 1
            # A connection that was lost may have been lost after the database took the step in.
            if tries == 1 or not self._holds(step):
                self.optuna.add_trial(trial)

        self._patiently(write)
        if self._records is not None:
            self._records.append(record)
        return record

    def _holds(self, step: dict[str, Any]) -> bool:
        kept = (trial.user_attrs.get("automl", {}) for trial in self.optuna.get_trials(deepcopy=False))
        return any(entry.get("step") == step for entry in kept)

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        return self.database.patiently(call, heard=self.waiting)

    def check_same(self, settings: Settings) -> None:
        """Raises StudyError, naming each difference, when `settings` ask for another study than this."""
        ours, theirs = self.settings.identity(), settings.identity()
        differing = [f"{name} was {ours[name]!r}, now {theirs[name]!r}" for name in ours if ours[name] != theirs[name]]
        if differing:
            raise StudyError(
                f"Study {self.name!r} exists in {self.home} with other settings ({'; '.join(differing)}). "
                "Give the new search another --study, or the old settings."
            )

    def check_same_data(self, data: DataSpec) -> None:
        """Raises StudyError when the data is no longer what the study was made with, as far as it tells."""
        before, now = self.data, data
        # A study of an earlier version knows no hashes.
        if not before.split_hashes:
            return
        splits = zip(("train", "val", "test"), before.split_hashes, now.split_hashes, strict=False)
        changed = [f"the {name} split" for name, then, since in splits if then != since]
        changed += [
            f"{words} were {getattr(before, field)}, now {getattr(now, field)}"
            for field, words in (("input_shape", "the images' sizes"), ("classes", "the classes"))
            if getattr(before, field) != getattr(now, field)
        ]
        if changed:
            raise StudyError(
                f"The data {before.source} has changed since study {self.name!r} was made ({'; '.join(changed)}). "
                "Put it back as it was, or give the new search another --study."
            )


def _short(name: str) -> str:
    """A part's name without what makes a study's too long: the folders of a path, and a query."""
    name, colon, variant = name.partition(":")
    return name + colon + re.sub(r"(^|@)[^@]*/", r"\1", variant.partition("?")[0].rstrip("/"))


def _as_name(text: str) -> str:
    """A text as a study may be called: data may be named with a colon, a path or a query."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:40].strip("-.") or "study"


def _free_name(stem: str, taken: list[str]) -> str:
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _folders(home: Path) -> list[str]:
    return [path.name for path in home.iterdir() if path.is_dir()] if home.is_dir() else []
