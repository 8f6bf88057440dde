"""A search and a real MLflow server that is down, comes back, or goes in mid-search; and `automl sync`."""

from __future__ import annotations

import contextlib
import json
import types

import pytest

import automl
from automl.cli import run
from automl.engine.hold import held
from automl.engine.observer import Observer
from automl.errors import StorageError
from automl.testing.servers import free_port, mlflow_server
from automl.tracking import sender
from automl.tracking.quiet import quiet

quiet()


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    """Gives a server up soon, and tries again at once."""
    monkeypatch.setattr(sender, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def server(home):
    """A server that can be started, stopped and started again, on the store of the home."""
    port = free_port()
    with contextlib.ExitStack() as stack:

        def start():
            try:
                stack.enter_context(mlflow_server(f"sqlite:///{home}/mlflow.db", home / "artifacts", port))
            except StorageError as error:
                pytest.skip(str(error))

        yield types.SimpleNamespace(url=f"http://127.0.0.1:{port}", start=start, stop=stack.close)


def search(home, uri, **settings):
    return automl.search(
        "toy", **{"trials": 4, "epochs": 2, "home": home / "runs", "study": "s", "tracking_uri": uri, **settings}
    )


def complete(client, runs_of, study):
    [parent], children = runs_of(client)
    assert sorted(children) == [record.number for record in study.records]
    for record in study.records:
        run = children[record.number]
        assert run.data.metrics["accuracy"] == record.result.score
        assert run.info.end_time == record.finished_ms
        assert len(client.get_metric_history(run.info.run_id, "val_accuracy")) == 2
    front = {record.number for record in study.front_records}
    assert {number for number, run in children.items() if run.data.tags["pareto"] == "true"} == front
    assert {number for number, run in children.items() if run.outputs.model_outputs} == front
    assert len(client.get_metric_history(parent.info.run_id, "hypervolume")) == len(study.records)
    return parent


@pytest.fixture
def sync(home, capsys):
    """Runs the command: its exit code, what it says on stdout and on stderr."""

    def sync(*words):
        capsys.readouterr()
        code = run(["sync", *words, "--home", str(home / "runs")])
        return code, *capsys.readouterr()

    return sync


def test_what_could_not_be_sent_is_sent_once(toys, home, client, runs_of, server, sync):
    with pytest.warns(UserWarning, match="Connection refused. 4 models are not there yet; `automl sync s` sends"):
        study = search(home, server.url)
    assert study.trial_count == 4
    code, _, told = sync("s")
    assert (code, "sync s" in told) == (4, True)
    server.start()
    assert sync("s") == (0, "s: 4 models sent, 0 were there.\n", "")
    parent = complete(client, runs_of, study)
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["expected_flops"] > 0
    # All studies of the home; nothing is there twice.
    assert json.loads(sync("--json")[1]) == [{"study": "s", "sent": 0, "unsent": 0, "problem": None}]
    complete(client, runs_of, study)


def test_a_server_that_goes_in_mid_search_gets_all_when_it_is_back(toys, home, client, runs_of, server):
    class Switch(Observer):
        """Stops the server after a trial, and starts it two trials later."""

        def trial_finished(self, study, record):
            {1: server.stop, 3: server.start}.get(record.number, lambda: None)()

    server.start()
    study = search(home, server.url, observers=[Switch()])
    complete(client, runs_of, study)


def test_a_study_that_is_being_searched_sends_by_itself(toys, home, sync):
    study = search(home, "off")
    code, _, told = sync("s")
    assert (code, "name a store with --tracking-uri" in told) == (2, True)
    assert sync()[:2] == (0, "There is no study to send.\n")
    with held(study):
        code, _, told = sync("s", "--tracking-uri", f"sqlite:///{home}/mlflow.db")
    assert (code, "being searched by" in told) == (3, True)
