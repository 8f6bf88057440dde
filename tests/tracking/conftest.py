from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from automl.tracking.tracker import Tracker

OTHER = """
import sys
from automl.tracking.tracker import Tracker
tracker = Tracker(*sys.argv[1:])
tracker.start("other", "other", {}, {})
tracker.end("FINISHED")
tracker.close()
assert tracker.problem is None, tracker.problem
"""


@pytest.fixture(scope="session")
def first_opening(tmp_path_factory):
    """A store that two processes opened when it was not there yet: its path, and what went wrong in each of them."""
    home = tmp_path_factory.mktemp("mlflow")
    place = f"sqlite:///{home}/mlflow.db", (home / "artifacts").as_uri(), "empty"
    with subprocess.Popen([sys.executable, "-c", OTHER, *place], stderr=subprocess.PIPE, text=True) as other:
        tracker = Tracker(*place)
        tracker.start("empty", "empty", {}, {})
        tracker.end("FINISHED")
        tracker.close()
        errors = other.communicate(timeout=120)[1]
    return home / "mlflow.db", tracker.problem, errors if other.returncode else None


@pytest.fixture(scope="session")
def put_store(first_opening):
    """Puts a store into a home: making its schema takes seconds, a copy takes none."""

    def put(home):
        shutil.copy(first_opening[0], home / "mlflow.db")
        return home

    return put


@pytest.fixture
def home(put_store, tmp_path):
    """A home whose MLflow store is there already."""
    return put_store(tmp_path)


@pytest.fixture
def client(home):
    """MLflow's own client of that store."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{home}/mlflow.db")


@pytest.fixture(scope="session")
def runs_of():
    """The parents of the experiment ``toy``, and the children by trial."""

    def runs_of(client):
        experiment = client.get_experiment_by_name("toy")
        runs = client.search_runs([experiment.experiment_id], max_results=1000)
        parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
        children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
        found = {int(run.data.tags["trial"]): run for run in children}
        assert len(found) == len(children), "a trial has several runs"
        return parents, found

    return runs_of
