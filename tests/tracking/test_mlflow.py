"""A real store, read back through MLflow's own client."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

import automl
from automl.engine.observer import Observer
from automl.report.history import hypervolume_history
from automl.tracking.quiet import quiet
from automl.tracking.tracker import Tracker

quiet()


def search(home, **settings):
    return automl.search("toy", **{"trials": 5, "epochs": 2, "home": home, "study": "s", **settings})


@pytest.fixture
def client(home):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{home}/mlflow.db")


def runs_of(client):
    experiment = client.get_experiment_by_name("toy")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    return parents, {int(run.data.tags["trial"]): run for run in children}


def test_one_parent_a_study_and_one_child_a_trial(toys, home, client):
    study = search(home)
    [parent], children = runs_of(client)
    assert parent.info.run_name == "s"
    assert parent.info.status == "FINISHED"
    assert sorted(children) == [record.number for record in study.records]
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {parent.info.run_id}
    for record in study.records:
        run = children[record.number]
        assert run.info.run_name == f"trial-{record.number:04d}"
        assert run.info.status == "FINISHED"
        assert run.data.params["width"] == str(record.spec.config["width"])
        assert run.data.metrics["accuracy"] == record.result.score
        assert run.data.metrics["lifetime_flops"] == record.values[1]
        assert run.data.metrics["spent_wall_s"] == record.result.spent["wall_s"].value
        assert run.data.tags["method.training_flops"] == "counted"
        by_epoch = client.get_metric_history(run.info.run_id, "val_accuracy")
        expected = [(epoch, row["val_accuracy"]) for epoch, row in enumerate(record.result.history, start=1)]
        assert [(point.step, point.value) for point in by_epoch] == expected


def test_the_pareto_tag_is_true_at_every_moment(toys, home, client):
    seen = []

    class Watcher(Observer):
        def testing(self, study, count):
            seen.append({record.number for record in study.front_records})

    study = search(home, trials=12, observers=[Watcher()])
    _, children = runs_of(client)
    tagged = {number for number, run in children.items() if run.data.tags["pareto"] == "true"}
    assert tagged == {record.number for record in study.front_records} == seen[0]
    assert len(tagged) < 12
    for record in study.front_records:
        assert children[record.number].data.metrics["test_accuracy"] == record.test_score


def test_a_trial_that_leaves_the_front_is_told(home, client):
    """The cheapest comes first and stays; a better one at the same price would have to take its tag."""
    tracker = Tracker(f"sqlite:///{home}/mlflow.db", None, "toy")
    tracker.start(None, "s", {}, {})
    tracker.child(0, params={}, metrics=[], tags={"trial": "0", "pareto": "true"}, failed=False, seconds=1)
    tracker.update_child(0, tags={"pareto": "false"})
    tracker.close()
    _, children = runs_of(client)
    assert children[0].data.tags["pareto"] == "false"


def test_the_parent_holds_the_front(toys, home, client, tmp_path_factory):
    from mlflow.artifacts import download_artifacts

    study = search(home)
    [parent], _ = runs_of(client)
    steps = client.get_metric_history(parent.info.run_id, "hypervolume")
    assert [(point.step, point.value) for point in steps] == list(
        enumerate(hypervolume_history(study.records, study.goals))
    )
    assert parent.data.metrics["bill_flops"] > 0
    assert parent.data.metrics["expected_flops"] > 0
    assert "Price of the search" in parent.data.tags["mlflow.note.content"]
    names = {item.path for item in client.list_artifacts(parent.info.run_id)}
    assert names == {"front.csv", "front.html", "front.png", "trials.csv"}
    page = download_artifacts(
        run_id=parent.info.run_id,
        artifact_path="front.html",
        dst_path=str(tmp_path_factory.mktemp("d")),
        tracking_uri=f"sqlite:///{home}/mlflow.db",
    )
    text = Path(page).read_text(encoding="utf-8")
    assert "Plotly.newPlot" in text
    assert 'src="http' not in text


def test_the_fronts_models_load_and_predict(toys, home, client):
    import mlflow

    study = search(home, trials=3)
    _, children = runs_of(client)
    record = study.best()
    mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")
    try:
        uri = f"runs:/{children[record.number].info.run_id}/model"
        loaded = mlflow.pyfunc.load_model(uri)
    finally:
        mlflow.set_tracking_uri(None)
    assert list(loaded.metadata.signature.inputs.to_dict()[0]["tensor-spec"]["shape"]) == [-1, 4]
    assert loaded.metadata.saved_input_example_info is not None
    points = np.random.default_rng(0).normal(size=(7, 4)).astype("float32")
    from automl.training.parts import load_model

    model = load_model(record.spec, study.trial_folder(record.number))
    with torch.no_grad():
        expected = model(torch.from_numpy(points)).numpy()
    np.testing.assert_allclose(loaded.predict(points), expected, atol=1e-5)


def test_a_failed_trial_is_failed_with_its_cause(toys, home, client):
    study = search(home, trials=8, set={"learning_rate": "0.1,1e30"}, epochs=3)
    failed = [record for record in study.records if record.values is None]
    assert failed
    _, children = runs_of(client)
    for record in failed:
        run = children[record.number]
        assert run.info.status == "FAILED"
        assert "loss became" in run.data.tags["status_cause"]
        assert run.data.tags["pareto"] == "false"
        assert run.data.metrics["spent_flops"] > 0


def test_a_study_that_goes_on_keeps_its_run(toys, home, client):
    search(home, trials=2)
    search(home, trials=4)
    [parent], children = runs_of(client)
    assert sorted(children) == [0, 1, 2, 3]
    assert len(client.get_metric_history(parent.info.run_id, "hypervolume")) == 4


def test_an_interrupted_search_is_no_finished_run(toys, home, client):
    class Impatient(Observer):
        def trial_started(self, spec, label):
            if spec.number == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(home, observers=[Impatient()])
    [parent], children = runs_of(client)
    assert parent.info.status == "FAILED"
    assert sorted(children) == [0]


def test_a_store_that_fails_is_told_and_stops_nothing(toys, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 500)
    with pytest.warns(UserWarning, match="Tracking is incomplete"):
        study = search(tmp_path, trials=2)
    assert len(study.records) == 2


def test_the_users_own_store_is_left_alone(toys, home):
    import mlflow

    before = mlflow.get_tracking_uri()
    search(home, trials=1)
    assert mlflow.get_tracking_uri() == before
    assert mlflow.active_run() is None


def test_telemetry_is_off_unless_asked_for(monkeypatch):
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    quiet()
    assert os.environ["DO_NOT_TRACK"] == "0"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
