"""The MLflow store of one study: writes in the order told, on a thread of its own."""

from __future__ import annotations

import queue
import textwrap
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from automl.tracking import opening
from automl.tracking.batch import Metrics, write
from automl.tracking.models import has_model, log_model
from automl.tracking.opening import PARENT, Child, own
from automl.tracking.quiet import quiet

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from mlflow import MlflowClient

Job = Callable[["MlflowClient"], None]

CLOSE_TIMEOUT_S = 60.0
LONGEST_CAUSE = 300
FAILURES = 3
"""Jobs that may fail in a row; after them the store is taken for lost and the rest is dropped."""


def run_name(trial: str) -> str:
    """``trial-0007`` of ``7`` and ``trial-0007@3`` of ``7@3``, so that runs sorted by name stand in order."""
    number, at, epochs = trial.partition("@")
    return f"trial-{number:0>4}{at}{epochs}"


class Tracker:
    """One parent run and its children.

    `start` opens the store, makes its schema when it is new (which takes seconds), and the parent run. After that every
    call returns at once and a thread does the work, so that training never waits. Tracking is a mirror: when the store
    fails, `problem` says how, nothing is raised and the search goes on. Calls may come from any thread.

    Args:
        uri: The store, as MLflow writes it: ``sqlite:///...``, ``http://...``.
        artifacts: Where to put artifacts; None leaves that to the server.
        experiment: Name of the experiment; made when it is missing.

    Attributes:
        problem: The first thing that went wrong; None when all is well.
        parent: Id of the parent run; empty when the store could not be opened.
        written: Trials that an earlier sitting wrote whole.
    """

    def __init__(self, uri: str, artifacts: str | None, experiment: str) -> None:
        self.problem: str | None = None
        self.parent = ""
        self.written: frozenset[str] = frozenset()
        self._uri, self._artifacts, self._experiment = uri, artifacts, experiment
        self._children: dict[str, Child] = {}
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._done = 0

    def start(self, run: str | None, name: str, params: Mapping[str, str], tags: Mapping[str, str]) -> str:
        """Opens the store and the parent run; returns when the schema is complete, so that workers may open it too.

        Args:
            run: Id of the run to go on with; a new one is made when it is None or no longer there.
            name: Name of a new run.
            params: Texts by name, of a new run.
            tags: Texts by name, of a new run.

        Returns:
            The parent's run id; empty when the store fails.
        """
        quiet()
        try:
            with opening.opened(self._uri) as client:
                experiment = opening.find_experiment(client, self._experiment, self._artifacts)
            if run and opening.is_there(client, run, self._artifacts):
                client.update_run(run, status="RUNNING")
                self._children = opening.find_children(client, experiment, run)
                self.written = frozenset(trial for trial, child in self._children.items() if child.whole)
            else:
                run = str(client.create_run(experiment, tags=own(tags), run_name=name).info.run_id)
                write(client, run, params=params)
        except Exception as error:  # noqa: BLE001 - whatever a store raises, the search goes on
            self.complain(f"MLflow at {self._uri}", _root(error))
            return ""
        self.parent = run
        self._thread = threading.Thread(target=self._work, args=(client, experiment), name="mlflow", daemon=True)
        self._thread.start()
        return self.parent

    def child(
        self,
        trial: str,
        *,
        params: Mapping[str, str],
        metrics: Metrics,
        tags: Mapping[str, str],
        failed: bool,
        seconds: float,
    ) -> None:
        """Writes a finished trial, in one batch; one that is in the store already is left as it is.

        Args:
            trial: Name of the trial, with the rung where it stopped at one.
            params: Texts by name.
            metrics: Figures with their steps.
            tags: Texts by name; ``trial`` is its name, by which a later sitting finds the run again.
            failed: Whether the run is to be shown as failed.
            seconds: How long the trial took until now.
        """
        end_ms = int(time.time() * 1000)

        def job(client: MlflowClient) -> None:
            child = self._children.get(trial)
            if child is None:
                known = own({"trial": trial, PARENT: self.parent, **tags})
                made = client.create_run(
                    self._experiment_id,
                    start_time=end_ms - int(1000 * seconds),
                    tags=known,
                    run_name=run_name(trial),
                )
                child = self._children[trial] = Child(made.info.run_id, known, whole=False)
            if not child.whole:
                write(client, child.run, params=params, metrics=metrics)
                client.set_terminated(child.run, "FAILED" if failed else "FINISHED", end_ms)
                child.whole = True

        self._put(job)

    def update_child(
        self, trial: str, *, metrics: Metrics | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Adds to a trial that was written; tags that the store holds already cost nothing."""

        def job(client: MlflowClient) -> None:
            if child := self._children.get(trial):
                new = {name: value for name, value in (tags or {}).items() if child.tags.get(name) != value}
                write(client, child.run, metrics=metrics or [], tags=new)
                child.tags.update(new)

        self._put(job)

    def update_parent(self, *, metrics: Metrics | None = None, tags: Mapping[str, str] | None = None) -> None:
        """Adds to the study's run."""
        self._put(lambda client: write(client, self.parent, metrics=metrics or [], tags=tags))

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

    def model(self, trial: str, model: torch.nn.Module, example: np.ndarray) -> None:
        """Logs a trial's model with signature and input example, unless it has one already.

        Args:
            trial: Name of the trial, with the rung where it stopped at one.
            model: The bare model, in evaluation mode on the CPU.
            example: Two inputs or more, ``(examples, ...)``; the signature leaves their number open.
        """

        def job(client: MlflowClient) -> None:
            run = client.get_run(self._children[trial].run)
            if has_model(run):
                return
            try:
                log_model(client, run, model, example)
            except Exception as error:  # noqa: BLE001 - torch.export raises what it likes; the store may be well
                self.complain(f"The model of trial {trial} is not in MLflow", error)

        self._put(job)

    def end(self, status: str) -> None:
        """Ends the parent run: FINISHED, FAILED or KILLED."""
        self._put(lambda client: client.set_terminated(self.parent, status))

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Waits until everything is written; gives up when `timeout_s` pass in which nothing gets done."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._jobs.put(None)
        done = -1
        while thread.is_alive() and done != self._done:
            done = self._done
            thread.join(timeout_s)
        if thread.is_alive():
            self.problem = self.problem or f"MLflow at {self._uri} did not answer within {timeout_s:g} s"

    def complain(self, what: str, error: BaseException) -> None:
        """Notes what went wrong; the first cause is the one to mend, what follows mostly follows from it."""
        cause = textwrap.shorten(str(error), LONGEST_CAUSE, placeholder=" ...")
        self.problem = self.problem or f"{what}: {cause or type(error).__name__}"

    def _put(self, job: Job) -> None:
        if self._thread is not None:
            self._jobs.put(job)

    def _work(self, client: MlflowClient, experiment: str) -> None:
        self._experiment_id = experiment
        failures = 0
        while (job := self._jobs.get()) is not None:
            if failures < FAILURES:
                try:
                    job(client)
                    failures = 0
                except Exception as error:  # noqa: BLE001 - as in start
                    failures += 1
                    self.complain(f"MLflow at {self._uri}", _root(error))
            self._done += 1


def _root(error: BaseException) -> BaseException:
    """What a database or a socket said, beneath the layers that wrapped it in SQL and advice."""
    while (inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = inner
    return error
