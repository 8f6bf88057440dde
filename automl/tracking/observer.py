"""Follows a search and tells the tracker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.engine.observer import Observer
from automl.engine.record import Record, front
from automl.report import price
from automl.report.card import markdown_table
from automl.report.history import hypervolume_history
from automl.report.observer import FOLDER
from automl.report.plain import markdown_cell
from automl.report.units import metric
from automl.tracking import rows
from automl.tracking.tracker import Tracker

if TYPE_CHECKING:
    from automl.engine.estimate import Estimate
    from automl.engine.settings import Settings
    from automl.engine.study import Study

OFF = "off"
EXAMPLES = 2


def trackers(settings: Settings) -> list[Observer]:
    """The tracker that the settings ask for; none when they say ``off``."""
    if settings.tracking_uri == OFF:
        return []
    home = settings.home.resolve()
    local = settings.tracking_uri is None
    uri = f"sqlite:///{home}/mlflow.db" if settings.tracking_uri is None else settings.tracking_uri
    artifacts = (home / "artifacts").as_uri() if local else None
    return [MlflowObserver(Tracker(uri, artifacts, settings.data or settings.space))]


class MlflowObserver(Observer):
    """Keeps the parent run, the children and their ``pareto`` tags as the study is."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._status = "FAILED"
        self._front: frozenset[str] = frozenset()

    def opened(self, study: Study) -> None:
        """Opens the store before any trial starts, and makes up what it lacks.

        Trials are missing from it when an earlier sitting was killed, or when the store is another or a new one.
        """
        settings = study.settings
        params = rows.plain({**settings.identity(), "trials": settings.trials, "threads": settings.threads})
        before = study.optuna.user_attrs.get("mlflow_run")
        run = self._tracker.start(before, study.name, params, {"study": study.name})
        if run and run != before:
            study.keep("mlflow_run", run)
        self._front = frozenset(record.name for record in study.front_records)
        for record in study.records:
            if record.name not in self._tracker.written:
                self._write(study, record, on_front=record.name in self._front)
            self._tracker.update_child(record.name, tags=_pareto(record.name in self._front))

    def prepared(self, study: Study, estimate: Estimate | None, remaining: int) -> None:
        """Notes what was expected, to be held against what it was."""
        if estimate is not None:
            expected = [(f"expected_{name}", figure.value, 0) for name, figure in estimate.tag.items()]
            self._tracker.update_parent(metrics=expected)

    def trial_finished(self, study: Study, record: Record) -> None:
        """Writes the trial, then corrects the tags of those that left the front or joined it."""
        standing = frozenset(member.name for member in front(study.records, study.goals))
        self._write(study, record, on_front=record.name in standing)
        for trial in (standing ^ self._front) - {record.name}:
            self._tracker.update_child(trial, tags=_pareto(trial in standing))
        self._front = standing

    def finished(self, study: Study, reason: str) -> None:
        """Writes the front, its models, test scores and the bill."""
        records = study.records
        tracker = self._tracker
        metrics = [(name, value, 0) for name, value in rows.study_metrics(records, study.bill).items()]
        # Not after each trial: the unit of the curve is the box around all trials, known only now.
        tracker.curve("hypervolume", hypervolume_history(records, study.goals))
        tracker.update_parent(metrics=metrics, tags={"mlflow.note.content": _note(study, reason)})
        tracker.upload(study.folder / FOLDER)
        for record in study.front_records:
            if record.test_score is not None:
                tracker.update_child(record.name, metrics=[(f"test_{study.score}", record.test_score, 0)])
        if tracker.parent:
            self._log_models(study)
        self._status = "FINISHED"

    def close(self) -> None:
        """Waits until all is written; a failing store is told once."""
        if self._tracker.parent:
            self._tracker.end(self._status)
        self._tracker.close()

    @property
    def problem(self) -> str | None:
        """What is wrong with the store, if anything."""
        return self._tracker.problem

    def _write(self, study: Study, record: Record, *, on_front: bool) -> None:
        metrics = [(name, value, 0) for name, value in rows.metrics(record, study.goals, study.score).items()]
        metrics += [(name, value, epoch) for epoch, row in rows.epochs(record) for name, value in row.items()]
        spent = record.result.spent
        self._tracker.child(
            record.name,
            params=rows.params(record),
            metrics=metrics,
            tags=rows.tags(record, on_front=on_front),
            failed=record.result.status == "failed",
            seconds=spent["wall_s"].value if "wall_s" in spent else 0.0,
        )

    def _log_models(self, study: Study) -> None:
        from automl.training.parts import build_datamodule, load_model

        example = None
        for record in study.front_records:
            try:
                if example is None:
                    example = next(iter(build_datamodule(record.spec).val_dataloader()))[0][:EXAMPLES].numpy()
                model = load_model(record.spec, study.step_folder(record.spec))
            except Exception as error:  # noqa: BLE001 - plugins raise what they like, and the search itself went well
                self._tracker.complain(f"The model of trial {record.name} is not in MLflow", error)
            else:
                self._tracker.model(record.name, model, example)


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
