from __future__ import annotations

import shutil

import pytest

from automl.tracking.tracker import Tracker


@pytest.fixture(scope="session")
def _schema(tmp_path_factory):
    """An empty store: its schema takes seconds to make, a copy takes none."""
    home = tmp_path_factory.mktemp("mlflow")
    tracker = Tracker(f"sqlite:///{home}/mlflow.db", (home / "artifacts").as_uri(), "empty")
    assert tracker.start(None, "empty", {}, {})
    tracker.end("FINISHED")
    tracker.close()
    return home / "mlflow.db"


@pytest.fixture
def home(_schema, tmp_path):
    """A home whose MLflow store is there already."""
    shutil.copy(_schema, tmp_path / "mlflow.db")
    return tmp_path
