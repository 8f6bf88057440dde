"""Models in a real store, loaded back as anybody would load them."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import torch

from automl.tracking.quiet import quiet
from automl.tracking.tracker import Tracker

quiet()


class Convolutions(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
        self.head = torch.nn.Linear(4, 10)

    def forward(self, inputs):
        return self.head(self.body(inputs).mean((2, 3)))


class Undecided(torch.nn.Module):
    """Cannot be exported: which way it goes depends on the figures."""

    def forward(self, inputs):
        return inputs * 2 if inputs.sum() > 0 else inputs


@pytest.fixture
def tracker(home):
    tracker = Tracker(f"sqlite:///{home}/mlflow.db", (home / "artifacts").as_uri(), "toy")
    tracker.start("s", "s", {}, {})
    for number in (0, 1):
        metrics = [("accuracy", 0.9, 0), ("val_accuracy", 0.8, 1), ("val_accuracy", 0.9, 2)]
        tracker.child(
            str(number), params={"width": "8"}, metrics=metrics, tags={}, failed=False, seconds=5, ended_ms=6000
        )
    yield tracker
    tracker.close()


@pytest.fixture
def store(home, monkeypatch):
    """Makes the home's store MLflow's own for a while, so that it resolves URIs of runs."""
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")
    yield
    mlflow.set_tracking_uri(None)


@pytest.fixture
def example():
    return np.random.default_rng(0).random((2, 1, 8, 8), dtype="float32")


def test_a_model_loads_in_both_flavours_and_predicts_the_same(tracker, client, runs_of, store, example):
    import mlflow.pyfunc
    import mlflow.pytorch

    model = Convolutions().eval()
    tracker.model("0", lambda: (model, example))
    tracker.close()
    assert tracker.problem is None
    run = runs_of(client)[1][0]
    uri = f"runs:/{run.info.run_id}/model"
    inputs = np.random.default_rng(1).random((7, 1, 8, 8), dtype="float32")
    with torch.no_grad():
        expected = model(torch.from_numpy(inputs)).numpy()
        native = mlflow.pytorch.load_model(uri)(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(native, expected, atol=1e-5)
    general = mlflow.pyfunc.load_model(uri)
    np.testing.assert_allclose(general.predict(inputs), expected, atol=1e-5)
    signature = general.metadata.signature
    assert signature.inputs.inputs[0].shape == (-1, 1, 8, 8)
    assert signature.outputs.inputs[0].shape == (-1, 10)
    np.testing.assert_array_equal(general.input_example, example)
    assert general.metadata.run_id == run.info.run_id


def test_it_is_the_runs_and_carries_its_figures(tracker, client, runs_of, example):
    tracker.model("0", lambda: (Convolutions().eval(), example))
    tracker.close()
    run = runs_of(client)[1][0]
    [output] = run.outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert (logged.name, logged.source_run_id, logged.status.value) == ("model", run.info.run_id, "READY")
    assert logged.params == {"width": "8"}
    assert logged.tags["mlflow.source.name"] == "automl"
    assert {metric.key: metric.value for metric in logged.metrics} == {"accuracy": 0.9}
    assert len(client.get_metric_history(run.info.run_id, "accuracy")) == 1


def test_the_file_holds_no_pickle(tracker, client, runs_of, example, home):
    tracker.model("0", lambda: (Convolutions().eval(), example))
    tracker.close()
    files = {path.name for path in (home / "artifacts" / "models").rglob("*") if path.is_file()}
    assert {"MLmodel", "model.pt2", "input_example.json", "requirements.txt"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pth"))]


def test_the_trial_has_ended_when_it_had(tracker, client, runs_of, example):
    tracker.update_child("0", tags={"seen": "yes"})
    tracker.model("0", lambda: (Convolutions().eval(), example))
    tracker.close()
    children = runs_of(client)[1]
    for run in children.values():
        assert run.info.status == "FINISHED"
        assert run.info.end_time - run.info.start_time == 5000


def test_one_model_is_enough(tracker, client, runs_of, example):
    for _ in range(2):
        tracker.model("0", lambda: (Convolutions().eval(), example))
    tracker.close()
    assert tracker.problem is None
    assert len(runs_of(client)[1][0].outputs.model_outputs) == 1


def test_a_model_that_cannot_be_exported_is_told_and_the_rest_goes_on(tracker, client, runs_of, example):
    tracker.model("0", lambda: (Undecided().eval(), example))
    tracker.model("1", lambda: (Convolutions().eval(), example))
    tracker.end("FINISHED")
    tracker.close()
    assert "model of trial 0 is not in MLflow" in tracker.problem
    [parent], children = runs_of(client)
    assert parent.info.status == "FINISHED"
    assert not children[0].outputs.model_outputs
    assert len(children[1].outputs.model_outputs) == 1
    found = client.search_logged_models([parent.info.experiment_id])
    assert [model.source_run_id for model in found] == [children[1].info.run_id]


def test_the_processs_own_store_is_left_alone(tracker, example):
    import mlflow

    before = mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI"), mlflow.active_run()
    tracker.model("0", lambda: (Convolutions().eval(), example))
    tracker.close()
    assert "mlflow.pytorch" in sys.modules
    assert (mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI"), mlflow.active_run()) == before
