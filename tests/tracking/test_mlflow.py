"""Whole searches in a real store, read back through MLflow's own client."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

import automl
from automl.engine.observer import Observer
from automl.host import use_host
from automl.parts import Goal
from automl.report.history import hypervolume_history
from automl.testing.toy import toy_host
from automl.tracking import rows
from automl.tracking.quiet import quiet

quiet()


def search(home, **settings):
    return automl.search("toy", **{"trials": 5, "epochs": 2, "home": home, "study": "s", **settings})


class Watcher(Observer):
    """Notes the front after each trial."""

    def __init__(self):
        self.fronts = []

    def trial_finished(self, study, record):
        self.fronts.append({member.number for member in study.front_records})


@pytest.fixture(scope="module")
def searched(put_store, tmp_path_factory, runs_of):
    """One search, its parent run and its children, for the tests that only look."""
    from mlflow import MlflowClient

    home, watcher = put_store(tmp_path_factory.mktemp("searched")), Watcher()
    with use_host(toy_host()):
        study = search(home, trials=10, observers=[watcher])
        client = MlflowClient(f"sqlite:///{home}/mlflow.db")
        [parent], children = runs_of(client)
        yield types.SimpleNamespace(
            study=study, home=home, client=client, parent=parent, children=children, fronts=watcher.fronts
        )


class TestSearched:
    def test_one_parent_a_study_and_one_child_a_trial(self, searched):
        parent, children = searched.parent, searched.children
        assert parent.info.run_name == "s"
        assert parent.info.status == "FINISHED"
        assert sorted(children) == [record.number for record in searched.study.records]
        assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {parent.info.run_id}

    def test_a_child_holds_what_its_trial_does(self, searched):
        for record in searched.study.records:
            run = searched.children[record.number]
            assert run.info.run_name == f"trial-{record.number:04d}"
            assert run.info.status == "FINISHED"
            assert run.data.tags["config"] == record.label
            assert run.data.params["width"] == str(record.spec.config["width"])
            assert run.data.params["epochs"] == "2"
            assert run.data.metrics["accuracy"] == record.result.score
            assert run.data.metrics["lifetime_flops"] == record.values[1]
            assert run.data.metrics["parameters"] == record.result.parameters
            assert run.data.metrics["spent_wall_s"] == record.result.spent["wall_s"].value
            assert run.data.tags["method.training_flops"] == "counted"

    def test_metrics_by_epoch(self, searched):
        for record in searched.study.records:
            run = searched.children[record.number].info.run_id
            for name in ("train_loss", "val_loss", "val_accuracy"):
                points = [(point.step, point.value) for point in searched.client.get_metric_history(run, name)]
                assert points == [(epoch, row[name]) for epoch, row in enumerate(record.result.history, start=1)]

    def test_the_pareto_tag_is_true_now_and_of_no_trial_that_left_the_front(self, searched):
        tagged = {number for number, run in searched.children.items() if run.data.tags["pareto"] == "true"}
        assert tagged == {record.number for record in searched.study.front_records}
        left = set().union(*searched.fronts) - tagged
        assert left, "no trial left the front, so this shows nothing: take another seed"
        assert {searched.children[number].data.tags["pareto"] for number in left} == {"false"}

    def test_the_front_has_test_scores_and_no_other_trial_has(self, searched):
        scores = {number: run.data.metrics.get("test_accuracy") for number, run in searched.children.items()}
        assert scores == {record.number: record.test_score for record in searched.study.records}
        assert len([score for score in scores.values() if score is not None]) == len(searched.study.front_records)

    def test_the_hypervolume_after_each_trial(self, searched):
        steps = searched.client.get_metric_history(searched.parent.info.run_id, "hypervolume")
        expected = hypervolume_history(searched.study.records, searched.study.goals)
        assert [(point.step, point.value) for point in steps] == list(enumerate(expected))

    def test_the_bill_and_the_note(self, searched):
        metrics, tags = searched.parent.data.metrics, searched.parent.data.tags
        assert metrics["bill_flops"] == searched.study.bill["flops"].value
        assert metrics["expected_flops"] > 0
        assert (metrics["trials"], metrics["failed_trials"]) == (10, 0)
        for words in ("developing (10 trials)", "training (trial", "running (1,000 predictions)", "E x D x H"):
            assert words in tags["mlflow.note.content"]
        assert metrics["factor_h_trials"] == 10

    def test_the_parent_holds_the_front(self, searched, tmp_path):
        from mlflow.artifacts import download_artifacts

        run = searched.parent.info.run_id
        names = {item.path for item in searched.client.list_artifacts(run)}
        assert names == {
            "expected.csv", "expected.png", "front.csv", "front.html", "front.png", "price_tag.json", "trials.csv",
        }  # fmt: skip
        folder = download_artifacts(
            run_id=run, dst_path=str(tmp_path), tracking_uri=f"sqlite:///{searched.home}/mlflow.db"
        )
        page = (Path(folder) / "front.html").read_text(encoding="utf-8")
        assert "Plotly.newPlot" in page
        assert 'src="http' not in page

    def test_the_fronts_models_load_and_predict_and_no_other_is_there(self, searched):
        import mlflow.pyfunc

        from automl.training.parts import load_model

        front = {record.number for record in searched.study.front_records}
        assert {number for number, run in searched.children.items() if run.outputs.model_outputs} == front
        record = searched.study.best()
        [output] = searched.children[record.number].outputs.model_outputs
        loaded = mlflow.pyfunc.load_model(searched.client.get_logged_model(output.model_id).artifact_location)
        points = np.random.default_rng(0).normal(size=(7, 4)).astype("float32")
        model = load_model(record.spec, searched.study.step_folder(record.spec))
        with torch.no_grad():
            expected = model(torch.from_numpy(points)).numpy()
        np.testing.assert_allclose(loaded.predict(points), expected, atol=1e-5)


def test_a_failed_trial_is_failed_with_its_cause(toys, home, client, runs_of):
    study = search(home, trials=6, set={"learning_rate": "0.1,1e30"}, epochs=3)
    failed = [record for record in study.records if record.values is None]
    assert failed
    _, children = runs_of(client)
    for record in failed:
        run = children[record.number]
        assert run.info.status == "FAILED"
        assert "loss became" in run.data.tags["status_cause"]
        assert run.data.tags["pareto"] == "false"
        assert run.data.metrics["spent_flops"] > 0


class Impatient(Observer):
    """Presses Ctrl-C when the second trial starts."""

    def trial_started(self, spec, label):
        if spec.number == 1:
            raise KeyboardInterrupt


def test_an_interrupted_search_is_no_finished_run_until_it_is(toys, home, client, runs_of):
    with pytest.raises(KeyboardInterrupt):
        search(home, trials=3, observers=[Impatient()])
    [parent], children = runs_of(client)
    assert parent.info.status == "FAILED"
    assert sorted(children) == [0]
    study = search(home, trials=3)
    [parent], children = runs_of(client)
    assert parent.info.status == "FINISHED"
    assert sorted(children) == [record.number for record in study.records]
    history = client.get_metric_history(parent.info.run_id, "hypervolume")
    assert [point.step for point in history] == [0, 1, 2]
    # Once more with nothing left to do: nothing is there twice.
    search(home, trials=3)
    [parent], again = runs_of(client)
    assert len(client.get_metric_history(parent.info.run_id, "hypervolume")) == 3
    assert {number: len(run.outputs.model_outputs) for number, run in again.items()} == {
        number: len(run.outputs.model_outputs) for number, run in children.items()
    }


def test_another_store_is_filled_with_all_trials(toys, home, client, runs_of):
    study = search(home, trials=3, tracking_uri="off")
    search(home, trials=3)
    _, children = runs_of(client)
    assert sorted(children) == [record.number for record in study.records]
    front = {record.number for record in study.front_records}
    assert {number for number, run in children.items() if run.data.tags["pareto"] == "true"} == front


def test_a_killed_searchs_last_trial_and_stale_tag_are_made_up_for(toys, home, client, runs_of):
    study = search(home, trials=3)
    _, children = runs_of(client)
    best = study.best().number
    client.set_tag(children[best].info.run_id, "pareto", "false")
    lost = next(number for number in children if number != best)
    with sqlite3.connect(home / "mlflow.db") as database:
        for table in ("tags", "params", "metrics", "latest_metrics", "runs"):
            database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (children[lost].info.run_id,))
    search(home, trials=3)
    _, children = runs_of(client)
    assert sorted(children) == [0, 1, 2]
    front = {record.number for record in study.front_records}
    assert {number for number, run in children.items() if run.data.tags["pareto"] == "true"} == front


def test_a_store_that_fails_is_told_and_stops_nothing(toys, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 500)
    with pytest.warns(UserWarning, match="Tracking is incomplete"):
        study = search(tmp_path, trials=2)
    assert len(study.records) == 2


def test_a_model_that_is_gone_is_told_and_stops_nothing(toys, home):
    study = search(home, trials=2, tracking_uri="off")
    best = study.best()
    (study.step_folder(best.spec) / "model.safetensors").unlink()
    with pytest.warns(UserWarning, match=f"model of trial {best.number} is not in MLflow"):
        search(home, trials=2)


def test_nested_configs_are_flat_and_figures_short(record):
    config = {"phi": -7.599999999999998, "head": {"width": 8, "norm": {"name": "bn"}}, "stages": [1, 2], "off": None}
    params = rows.params(record(3, (0.9, 1e9), config=config))
    assert params == {
        "phi": "-7.6",
        "head.width": "8",
        "head.norm.name": "bn",
        "stages": "[1, 2]",
        "space": "efficientnet",
        "epochs": "10",
        "batch_size": "128",
        "seed": "0",
    }


def test_a_goal_that_is_no_score_is_a_metric_too(record):
    metrics = rows.metrics(
        record(0, (0.9, 1e9)), (Goal("accuracy", "maximize"), Goal("memory_mb", "minimize")), "accuracy"
    )
    assert (metrics["accuracy"], metrics["memory_mb"]) == (0.9, 1e9)


def test_telemetry_is_off_unless_asked_for(monkeypatch):
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "")
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY")
    quiet()
    assert os.environ["DO_NOT_TRACK"] == "0"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_room_is_entered_without_mlflow_or_torch():
    code = (
        "import sys, automl.tracking.observer, automl.tracking.tracker; print({'mlflow', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
