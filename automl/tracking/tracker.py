"""The MLflow store of one study: writes in the order told, each thing once, whenever the store answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.tracking import opening
from automl.tracking.batch import Metrics, write
from automl.tracking.models import has_model, log_model
from automl.tracking.opening import KEY, PARENT, Child, own
from automl.tracking.quiet import quiet
from automl.tracking.sender import CLOSE_TIMEOUT_S, Sender, is_passing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import torch
    from mlflow import MlflowClient


def run_name(trial: str) -> str:
    """``trial-0007`` of ``7`` and ``trial-0007@3`` of ``7@3``, so that runs sorted by name stand in order."""
    number, at, epochs = trial.partition("@")
    return f"trial-{number:0>4}{at}{epochs}"


class Tracker:
    """One parent run and its children.

    Every call returns at once and a thread does the work, opening the store included, so that training never waits.
    Tracking is a mirror: when the store fails, nothing is raised, the search goes on, and what could not be written is
    written when the store answers again, or by a later sitting; each run and each figure once, however often a call
    has to be made. Calls may come from any thread.

    Args:
        uri: The store, as MLflow writes it: ``sqlite:///...``, ``http://...``.
        artifacts: Where to put artifacts; None leaves that to the server.
        experiment: Name of the experiment; made when it is missing.

    Attributes:
        parent: Id of the parent run; empty until the store was opened.
    """

    def __init__(self, uri: str, artifacts: str | None, experiment: str) -> None:
        self.uri = uri
        self.parent = ""
        self._artifacts, self._experiment = artifacts, experiment
        self._children: dict[str, Child] = {}
        self._unsent: set[str] = set()
        self._sent = 0
        self._sender: Sender | None = None

    @property
    def problem(self) -> str | None:
        """The first thing that went wrong and did not pass; None when all is well."""
        return (self._sender.refused or self._sender.trouble) if self._sender else None

    @property
    def unsent(self) -> int:
        """Trials that are not in the store, as far as is known."""
        return len(self._unsent)

    @property
    def sent(self) -> int:
        """Trials that were written; those that had been there are not counted."""
        return self._sent

    def start(self, key: str, name: str, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Has the store opened, its schema made when it is new (which takes seconds), and the parent run.

        Args:
            key: What no other study has; by it the run is found again. Letters, digits and ``._- :+``.
            name: Name of a new run.
            params: Texts by name; those that the run has stay.
            tags: Texts by name, of a new run.
        """
        quiet()
        # Here, not on the thread: modules that two threads import at once may be seen half made.
        import mlflow  # noqa: F401

        def connect() -> MlflowClient:
            with opening.opened(self.uri) as client:
                experiment = self._experiment_id = opening.find_experiment(client, self._experiment, self._artifacts)
            run = opening.find_parent(client, experiment, key, self._artifacts)
            if run is None:
                run = client.create_run(experiment, tags=own({KEY: key, **tags}), run_name=name)
            else:
                client.update_run(run.info.run_id, status="RUNNING")
                self._children = opening.find_children(client, experiment, run.info.run_id)
            known = run.data.params
            write(client, run.info.run_id, params={name: text for name, text in params.items() if name not in known})
            self.parent = str(run.info.run_id)
            return client

        self._sender = Sender(connect, f"MLflow at {self.uri}")

    def child(
        self,
        trial: str,
        *,
        params: Mapping[str, str],
        metrics: Metrics,
        tags: Mapping[str, str],
        failed: bool,
        seconds: float,
        ended_ms: int,
    ) -> None:
        """Writes a finished trial, in one batch; one that is in the store already is left as it is.

        Args:
            trial: Name of the trial, with the rung where it stopped at one.
            params: Texts by name.
            metrics: Figures with their steps.
            tags: Texts by name; ``trial`` is its name, by which a later sitting finds the run again.
            failed: Whether the run is to be shown as failed.
            seconds: How long the trial took until now.
            ended_ms: When it ended, in milliseconds since 1970.
        """
        ours = False

        def job(client: MlflowClient) -> None:
            nonlocal ours
            child = self._known(client).get(trial)
            # Not once it is whole: it may have become so by an earlier try whose answer was lost.
            ours = ours or child is None or not child.whole
            if child is None:
                known = own({"trial": trial, PARENT: self.parent, **tags})
                made = client.create_run(
                    self._experiment_id,
                    start_time=ended_ms - int(1000 * seconds),
                    tags=known,
                    run_name=run_name(trial),
                )
                child = self._children[trial] = Child(made.info.run_id, known, whole=False)
            if not child.whole:
                write(client, child.run, params=params, metrics=metrics, at_ms=ended_ms)
                client.set_terminated(child.run, "FAILED" if failed else "FINISHED", ended_ms)
                child.whole = True
            self._sent += ours
            self._unsent.discard(trial)

        self._unsent.add(trial)
        self._put(job)

    def update_child(
        self,
        trial: str,
        *,
        metrics: Metrics | None = None,
        tags: Mapping[str, str] | None = None,
        at_ms: int | None = None,
    ) -> None:
        """Adds to a trial that was written; tags that the store holds already cost nothing."""

        def job(client: MlflowClient) -> None:
            if child := self._known(client).get(trial):
                new = {name: value for name, value in (tags or {}).items() if child.tags.get(name) != value}
                write(client, child.run, metrics=metrics or [], tags=new, at_ms=at_ms)
                child.tags.update(new)

        self._put(job)

    def update_parent(
        self, *, metrics: Mapping[str, float] | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Adds to the study's run; figures that stand there already are not written again."""

        def job(client: MlflowClient) -> None:
            known = client.get_run(self.parent).data.metrics if metrics else {}
            new = [(name, value, 0) for name, value in (metrics or {}).items() if known.get(name) != value]
            write(client, self.parent, metrics=new, tags=tags)

        self._put(job)

    def curve(self, name: str, values: Sequence[float]) -> None:
        """Writes a metric of the parent that has one value a step, from step 0; steps in the store already stay."""

        def job(client: MlflowClient) -> None:
            known = {point.step for point in client.get_metric_history(self.parent, name)}
            points = [(name, value, step) for step, value in enumerate(values) if step not in known]
            write(client, self.parent, metrics=points)

        self._put(job)

    def upload(self, folder: Path) -> None:
        """Puts the files of a folder among the parent's artifacts."""
        self._put(lambda client: client.log_artifacts(self.parent, str(folder)))

    def model(self, trial: str, load: Callable[[], tuple[torch.nn.Module, np.ndarray]]) -> None:
        """Logs a trial's model with signature and input example, unless it has one already.

        Args:
            trial: Name of the trial, with the rung where it stopped at one.
            load: Gives the bare model, in evaluation mode on the CPU, and two inputs or more, ``(examples, ...)``; the
                signature leaves their number open. Called from the thread that writes.
        """

        def job(client: MlflowClient) -> None:
            run = client.get_run(self._known(client)[trial].run)
            if has_model(run):
                return
            try:
                log_model(client, run, *load())
            except Exception as error:
                # Spaces and torch.export raise what they like; the store may be well.
                if is_passing(error):
                    raise
                self.complain(f"The model of trial {trial} is not in MLflow", error)

        self._put(job)

    def end(self, status: str) -> None:
        """Ends the parent run: FINISHED, FAILED or KILLED."""
        self._put(lambda client: client.set_terminated(self.parent, status))

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Waits until everything is written; gives up when `timeout_s` pass in which nothing gets done."""
        if self._sender is not None:
            self._sender.close(timeout_s)

    def complain(self, what: str, error: BaseException) -> None:
        """Notes what was left out."""
        if self._sender is not None:
            self._sender.complain(what, error)

    def _known(self, client: MlflowClient) -> dict[str, Child]:
        """The trials in the store; asked for again when it is not sure that the last call came to nothing."""
        assert self._sender is not None
        if self._sender.unsure:
            self._children = opening.find_children(client, self._experiment_id, self.parent)
            self._sender.unsure = False
        return self._children

    def _put(self, job: Callable[[MlflowClient], None]) -> None:
        if self._sender is not None:
            self._sender.put(job)
