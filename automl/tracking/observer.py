"""Follows a search and tells the tracker."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from automl.engine.observer import Observer
from automl.engine.record import Record, front
from automl.price.tag import PriceTag
from automl.report import price
from automl.report.card import markdown_table
from automl.report.history import hypervolume_history
from automl.report.observer import FOLDER
from automl.report.plain import markdown_cell
from automl.report.units import metric
from automl.tracking import rows
from automl.tracking.tracker import Tracker

if TYPE_CHECKING:
    import numpy as np
    import torch

    from automl.engine.estimate import Estimate
    from automl.engine.settings import Settings
    from automl.engine.study import Study

OFF = "off"
EXAMPLES = 2


def trackers(settings: Settings) -> list[MlflowObserver]:
    """The tracker that the settings ask for; none when they say ``off``."""
    if settings.tracking_uri == OFF:
        return []
    home = settings.home.resolve()
    local = settings.tracking_uri is None
    uri = f"sqlite:///{home}/mlflow.db" if settings.tracking_uri is None else settings.tracking_uri
    artifacts = (home / "artifacts").as_uri() if local else None
    return [MlflowObserver(Tracker(uri, artifacts, settings.data or settings.space))]


class MlflowObserver(Observer):
    """Keeps the parent run, the children and their ``pareto`` tags as the study is.

    Args:
        tracker: Not started.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self._study = ""
        self._status = "FAILED"
        self._front: frozenset[str] = frozenset()

    def opened(self, study: Study) -> None:
        """Has the store opened, and what it lacks made up for.

        Trials are missing from it when an earlier sitting was killed or could not reach it, or when it is another one.
        """
        settings = study.settings
        params = rows.plain({**settings.identity(), "trials": settings.trials, "threads": settings.threads})
        self._study = study.name
        self.tracker.start(f"{study.name} {study.created}", study.name, params, {"study": study.name})
        if expected := study.optuna.user_attrs.get("expected"):
            figures = PriceTag.from_json(expected["tag"])
            self.tracker.update_parent(metrics={f"expected_{name}": figure.value for name, figure in figures.items()})
        self._front = frozenset(record.name for record in study.front_records)
        for record in study.records:
            self._write(study, record, on_front=record.name in self._front)
            self.tracker.update_child(record.name, tags=_pareto(record.name in self._front))

    def prepared(self, study: Study, estimate: Estimate | None, remaining: int) -> None:
        """Notes what was expected, to be held against what it was."""
        if estimate is not None:
            expected = {f"expected_{name}": figure.value for name, figure in estimate.tag.items()}
            self.tracker.update_parent(metrics=expected)

    def trial_finished(self, study: Study, record: Record) -> None:
        """Writes the trial, then corrects the tags of those that left the front or joined it."""
        standing = frozenset(member.name for member in front(study.records, study.goals))
        self._write(study, record, on_front=record.name in standing)
        for trial in (standing ^ self._front) - {record.name}:
            self.tracker.update_child(trial, tags=_pareto(trial in standing))
        self._front = standing

    def finished(self, study: Study, reason: str) -> None:
        """Writes the front, its models, test scores and the bill."""
        records = study.records
        tracker = self.tracker
        # Not after each trial: the unit of the curve is the box around all trials, known only now.
        tracker.curve("hypervolume", hypervolume_history(records, study.goals))
        tracker.update_parent(
            metrics=rows.study_metrics(records, study.bill), tags={"mlflow.note.content": _note(study, reason)}
        )
        tracker.upload(study.folder / FOLDER)
        for record in study.front_records:
            if record.test_score is not None:
                score = (f"test_{study.score}", record.test_score, 0)
                tracker.update_child(record.name, metrics=[score], at_ms=record.finished_ms)
        models = _Models(study)
        for record in [] if study.looked_up else study.front_records:
            tracker.model(record.name, functools.partial(models.load, record))
        self._status = "FINISHED"

    def close(self) -> None:
        """Waits until all is written, for as long as the store gets on."""
        self.tracker.end(self._status)
        self.tracker.close()

    @property
    def problem(self) -> str | None:
        """What is wrong with the store, if anything, and what to do."""
        problem, unsent = self.tracker.problem, self.tracker.unsent
        if problem and unsent:
            trials = f"{unsent} models are" if unsent > 1 else "One model is"
            return f"{problem}. {trials} not there yet; `automl sync {self._study}` sends what is missing."
        return problem

    def _write(self, study: Study, record: Record, *, on_front: bool) -> None:
        metrics = [(name, value, 0) for name, value in rows.metrics(record, study.goals, study.score).items()]
        metrics += [(name, value, epoch) for epoch, row in rows.epochs(record) for name, value in row.items()]
        spent = record.result.spent
        self.tracker.child(
            record.name,
            params=rows.params(record),
            metrics=metrics,
            tags=rows.tags(record, on_front=on_front),
            failed=record.result.status == "failed",
            seconds=spent["wall_s"].value if "wall_s" in spent else 0.0,
            ended_ms=record.finished_ms,
        )


class _Models:
    """The models of a study and a few inputs, which are the same for all."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._example: np.ndarray | None = None

    def load(self, record: Record) -> tuple[torch.nn.Module, np.ndarray]:
        from automl.training.parts import build_datamodule, load_model

        if self._example is None:
            self._example = next(iter(build_datamodule(record.spec).val_dataloader()))[0][:EXAMPLES].numpy()
        return load_model(record.spec, self._study.step_folder(record.spec)), self._example


def _pareto(on_front: bool) -> dict[str, str]:
    return {"pareto": str(on_front).lower()}


def _note(study: Study, reason: str) -> str:
    """The study in a few lines of Markdown, as MLflow shows it above the run."""
    goals = " and ".join(f"{goal.direction} {goal.metric}" for goal in study.goals)
    lines = [
        f"**{study.name}**: space {study.settings.space} on {study.settings.data}, {goals}.",
        "",
        f"| trial | config | {study.score} | test | " + " | ".join(goal.metric for goal in study.goals[1:]) + " |",
        "|---" * (4 + len(study.goals) - 1) + "|",
    ]
    for record in study.front_records:
        assert record.values is not None
        values = [metric(goal.metric, value) for goal, value in zip(study.goals, record.values, strict=True)]
        test = metric(f"test_{study.score}", record.test_score)
        lines.append(
            f"| {record.name} | {markdown_cell(record.label)} | {values[0]} | {test} | {' | '.join(values[1:])} |"
        )
    tags = price.three_columns(study)
    lines += ["", *markdown_table(tags), "", *(f"- {note}" for note in price.notes(tags))]
    if sentence := price.factors_sentence(study.records):
        lines += ["", sentence]
    if reason:
        lines += ["", f"Stopped early: {reason}."]
    return "\n".join(lines)
