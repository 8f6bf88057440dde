"""The MLflow store of one study: writes in the order told, on a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from automl.tracking.quiet import quiet

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from mlflow import MlflowClient

Job = Callable[["MlflowClient"], None]
Metrics = list[tuple[str, float, int]]
"""Name, value and step."""

CLOSE_TIMEOUT_S = 60.0
PARENT = "mlflow.parentRunId"


class Tracker:
    """One parent run and its children.

    `start` opens the store, makes its schema when it is new (which takes seconds), and the parent run. After that every
    call returns at once and a thread does the work, so that training never waits. Tracking is a mirror: when the store
    fails, `problem` says how and the search goes on.

    Args:
        uri: The store, as MLflow writes it: ``sqlite:///...``, ``http://...``.
        artifacts: Where to put artifacts; None leaves that to the server.
        experiment: Name of the experiment; made when it is missing.
    """

    def __init__(self, uri: str, artifacts: str | None, experiment: str) -> None:
        self.problem: str | None = None
        self.parent = ""
        self._uri, self._artifacts, self._experiment = uri, artifacts, experiment
        self._children: dict[int, str] = {}
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def start(self, run: str | None, name: str, params: Mapping[str, str], tags: Mapping[str, str]) -> str:
        """Opens the store and the parent run; goes on with `run` when it is still there.

        Returns:
            The parent's run id; empty when the store fails.
        """
        quiet()
        try:
            from mlflow import MlflowClient

            client = MlflowClient(self._uri)
            experiment = self._find_experiment(client)
            if run and self._exists(client, run):
                self.parent = run
                client.update_run(run, status="RUNNING")
                self._find_children(client, experiment)
            else:
                self.parent = client.create_run(experiment, tags=_own(tags), run_name=name).info.run_id
                _write(client, self.parent, params=params)
        except Exception as error:  # noqa: BLE001 - as in start
            self._give_up(error)
            return ""
        self._thread = threading.Thread(target=self._work, args=(client, experiment), name="mlflow", daemon=True)
        self._thread.start()
        return self.parent

    def child(
        self,
        number: int,
        *,
        params: Mapping[str, str],
        metrics: Metrics,
        tags: Mapping[str, str],
        failed: bool,
        seconds: float,
    ) -> None:
        """Writes a finished trial, in one batch.

        Args:
            number: The trial.
            params: Texts by name.
            metrics: Figures with their steps.
            tags: Texts by name.
            failed: Whether the run is to be shown as failed.
            seconds: How long the trial took until now.
        """
        end_ms = int(time.time() * 1000)

        def job(client: MlflowClient) -> None:
            run = self._children.get(number)
            if run is None:
                run = client.create_run(
                    self._experiment_id,
                    start_time=end_ms - int(1000 * seconds),
                    tags=_own({**tags, PARENT: self.parent}),
                    run_name=f"trial-{number:04d}",
                ).info.run_id
                self._children[number] = run
                _write(client, run, params=params, metrics=metrics)
            client.set_terminated(run, "FAILED" if failed else "FINISHED", end_ms)

        self._jobs.put(job)

    def update_child(
        self, number: int, *, metrics: Metrics | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Adds to a trial that was written."""

        def job(client: MlflowClient) -> None:
            if number in self._children:
                _write(client, self._children[number], metrics=metrics or [], tags=tags or {})

        self._jobs.put(job)

    def update_parent(self, *, metrics: Metrics | None = None, tags: Mapping[str, str] | None = None) -> None:
        """Adds to the study's run."""
        self._jobs.put(lambda client: _write(client, self.parent, metrics=metrics or [], tags=tags or {}))

    def upload(self, folder: Path) -> None:
        """Puts the files of a folder among the parent's artifacts."""
        self._jobs.put(lambda client: client.log_artifacts(self.parent, str(folder)))

    def model(self, number: int, model: torch.nn.Module, example: np.ndarray) -> None:
        """Logs a trial's model with signature and input example, as a pt2 program that holds no pickle.

        Args:
            number: The trial.
            model: The bare model, in evaluation mode.
            example: A few inputs, ``(examples, ...)``; the signature leaves their number open.
        """

        def job(client: MlflowClient) -> None:
            run = client.get_run(self._children[number])
            with _store(self._uri):
                _log_model(run.info.run_id, model, example)
            # Logging under a run opens it again; it ended when the trial did.
            client.set_terminated(run.info.run_id, run.info.status, run.info.end_time)

        self._jobs.put(job)

    def end(self, status: str) -> None:
        """Ends the parent run: FINISHED, FAILED or KILLED."""
        self._jobs.put(lambda client: client.set_terminated(self.parent, status))

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Waits until everything is written, no longer than `timeout_s`."""
        if self._thread is None:
            return
        self._jobs.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self.problem = f"MLflow at {self._uri} did not answer within {timeout_s:.0f} s"
        self._thread = None

    def _work(self, client: MlflowClient, experiment: str) -> None:
        self._experiment_id = experiment
        while (job := self._jobs.get()) is not None:
            try:
                job(client)
            except Exception as error:  # noqa: BLE001 - as in start
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        # The first cause is the one to mend; what follows follows from it.
        self.problem = self.problem or f"MLflow at {self._uri}: {type(error).__name__}: {' '.join(str(error).split())}"

    def _find_experiment(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        return str(client.create_experiment(self._experiment, artifact_location=self._artifacts))

    def _find_children(self, client: MlflowClient, experiment: str) -> None:
        runs = client.search_runs([experiment], f"tags.`{PARENT}` = '{self.parent}'", max_results=10_000)
        self._children = {int(run.data.tags["trial"]): run.info.run_id for run in runs if "trial" in run.data.tags}

    @staticmethod
    def _exists(client: MlflowClient, run: str) -> bool:
        from mlflow.exceptions import MlflowException

        with contextlib.suppress(MlflowException):
            return client.get_run(run).info.lifecycle_stage == "active"
        return False


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    return {"mlflow.source.name": "automl", "mlflow.source.type": "LOCAL", **tags}


def _write(
    client: MlflowClient,
    run: str,
    *,
    params: Mapping[str, str] | None = None,
    metrics: Metrics | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """One batch; MLflow takes 1,000 metrics at a time, 100 params and 100 tags."""
    from mlflow.entities import Metric, Param, RunTag

    now_ms = int(time.time() * 1000)
    rows = [Metric(name, value, now_ms, step) for name, value, step in metrics or []]
    texts = [Param(name, value[:6000]) for name, value in (params or {}).items()]
    labels = [RunTag(name, value[:8000]) for name, value in (tags or {}).items()]
    client.log_batch(run, rows[:800], texts[:100], labels[:100])
    for start in range(800, len(rows), 1000):
        client.log_batch(run, rows[start : start + 1000])


@contextlib.contextmanager
def _store(uri: str) -> Iterator[None]:
    """Makes `uri` MLflow's store for a while: its model functions know only a global one."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def _log_model(run: str, model: torch.nn.Module, example: np.ndarray) -> None:
    import importlib.metadata
    import warnings

    import mlflow
    import mlflow.pytorch
    import torch
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    with torch.no_grad():
        outputs = model(torch.from_numpy(example)).numpy()
    signature = ModelSignature(
        Schema([TensorSpec(example.dtype, (-1, *example.shape[1:]))]),
        Schema([TensorSpec(outputs.dtype, (-1, *outputs.shape[1:]))]),
    )
    # Named here, because MLflow would find them out by importing everything in another process.
    needs = [f"{name}=={importlib.metadata.version(name)}" for name in ("mlflow", "torch", "numpy")]
    with warnings.catch_warnings(), mlflow.start_run(run_id=run):
        warnings.simplefilter("ignore")
        mlflow.pytorch.log_model(
            model,
            name="model",
            signature=signature,
            input_example=example,
            pip_requirements=needs,
            serialization_format="pt2",
        )
