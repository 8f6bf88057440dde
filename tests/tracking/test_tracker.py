"""The tracker alone on a real store: what it writes, what it finds again, and how it fails."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading

import pytest

from automl.tracking import opening, sender
from automl.tracking.quiet import quiet
from automl.tracking.tracker import Tracker

quiet()


@pytest.fixture
def make(home):
    """A tracker that has started."""
    made = []

    def make():
        tracker = Tracker(f"sqlite:///{home}/mlflow.db", (home / "artifacts").as_uri(), "toy")
        tracker.start("s 2026", "s", {"objective": "green"}, {"study": "s"})
        made.append(tracker)
        return tracker

    yield make
    for tracker in made:
        tracker.close()


def write(tracker, number, **given):
    tracker.child(
        str(number),
        **{
            "params": {},
            "metrics": [],
            "tags": {"pareto": "true"},
            "failed": False,
            "seconds": 1.0,
            "ended_ms": 5000,
            **given,
        },
    )


def settle(tracker):
    """Waits until all is done; closing cuts tries short."""
    done = threading.Event()
    tracker._put(lambda client: done.set())
    assert done.wait(60)


def finish(tracker):
    tracker.close()
    assert tracker.problem is None


class TestWriting:
    def test_runs_say_who_made_them(self, make, client, runs_of):
        tracker = make()
        write(tracker, 0)
        tracker.end("FINISHED")
        finish(tracker)
        [parent], children = runs_of(client)
        assert parent.info.run_id == tracker.parent
        assert parent.data.params == {"objective": "green"}
        for run in (parent, children[0]):
            assert run.data.tags["mlflow.source.name"] == "automl"
            assert run.info.user_id == run.data.tags["mlflow.user"] != ""
        assert children[0].data.tags["mlflow.parentRunId"] == parent.info.run_id

    def test_a_trial_took_as_long_as_it_took(self, make, client, runs_of):
        tracker = make()
        write(tracker, 0, seconds=90.0, ended_ms=100_000)
        finish(tracker)
        info = runs_of(client)[1][0].info
        assert (info.start_time, info.end_time) == (10_000, 100_000)

    def test_more_than_fits_in_one_batch_under_names_mlflow_does_not_take(self, make, client, runs_of):
        tracker = make()
        params = {f"layer[{index}]/width": "x" * 7000 for index in range(150)}
        metrics = [("val loss (%)", float(step), step) for step in range(1, 1801)]
        tags = {f"tag{index}": "y" * 9000 for index in range(150)}
        write(tracker, 0, params=params, metrics=metrics, tags=tags)
        tracker.update_child("0", tags={f"later{index}": "z" for index in range(150)})
        finish(tracker)
        run = runs_of(client)[1][0]
        assert set(run.data.params) == {f"layer_{index}__width" for index in range(150)}
        history = client.get_metric_history(run.info.run_id, "val loss ___")
        assert sorted((point.step, point.value) for point in history) == [
            (step, float(step)) for step in range(1, 1801)
        ]
        assert len([name for name in run.data.tags if name.startswith(("tag", "later"))]) == 300

    def test_calls_from_many_threads(self, make, client, runs_of):
        tracker = make()

        def some(first):
            for number in range(first, first + 5):
                write(tracker, number, metrics=[("accuracy", float(number), 0)])

        threads = [threading.Thread(target=some, args=(first,)) for first in (0, 5, 10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        finish(tracker)
        children = runs_of(client)[1]
        assert {number: run.data.metrics["accuracy"] for number, run in children.items()} == {
            number: float(number) for number in range(15)
        }

    def test_a_curve_grows_where_it_ended(self, make, client):
        tracker = make()
        tracker.curve("hypervolume", [0.1, 0.2])
        tracker.curve("hypervolume", [0.1, 0.2, 0.3])
        finish(tracker)
        history = client.get_metric_history(tracker.parent, "hypervolume")
        assert [(point.step, point.value) for point in history] == [(0, 0.1), (1, 0.2), (2, 0.3)]


class TestGoingOn:
    def test_trials_are_found_again(self, make, client, runs_of):
        first = make()
        write(first, 0, metrics=[("accuracy", 0.5, 0)])
        write(first, 1, tags={"pareto": "false"}, failed=True)
        finish(first)
        second = make()
        write(second, 0, metrics=[("accuracy", 0.7, 0)])
        write(second, 2)
        second.update_child("0", tags={"pareto": "false"})
        finish(second)
        assert second.parent == first.parent
        assert second.sent == 1
        [parent], children = runs_of(client)
        assert parent.info.status == "RUNNING"
        assert sorted(children) == [0, 1, 2]
        assert [point.value for point in client.get_metric_history(children[0].info.run_id, "accuracy")] == [0.5]
        assert [children[number].data.tags["pareto"] for number in range(3)] == ["false", "false", "true"]
        assert [children[number].info.status for number in range(3)] == ["FINISHED", "FAILED", "FINISHED"]

    def test_a_trial_that_a_killed_search_began_is_completed(self, make, client, runs_of):
        first = make()
        finish(first)
        experiment = client.get_experiment_by_name("toy").experiment_id
        client.create_run(experiment, tags={"mlflow.parentRunId": first.parent, "trial": "0"}, run_name="trial-0000")
        second = make()
        write(second, 0, params={"width": "8"})
        finish(second)
        run = runs_of(client)[1][0]
        assert (run.info.status, run.data.params) == ("FINISHED", {"width": "8"})

    def test_a_parent_that_is_gone_is_made_anew(self, make, client, runs_of):
        first = make()
        write(first, 0)
        finish(first)
        client.delete_run(first.parent)
        second = make()
        write(second, 0)
        finish(second)
        assert second.parent != first.parent
        assert second.sent == 1

    def test_two_processes_may_open_a_new_store_at_once(self, first_opening):
        _, ours, theirs = first_opening
        assert (ours, theirs) == (None, None)

    def test_another_search_may_make_the_experiment_first(self):
        from mlflow.exceptions import MlflowException

        class Client:
            """A server on which the experiment appears between two questions."""

            asked = 0

            def get_experiment_by_name(self, name):
                self.asked += 1
                return None if self.asked == 1 else type("Experiment", (), {"experiment_id": "7"})

            def create_experiment(self, name, **_):
                raise MlflowException(f"{name} exists")

        assert opening.find_experiment(Client(), "toy", None) == "7"


class Lossy:
    """A client whose answers get lost now and then: what was asked for is done, and nobody hears of it."""

    def __init__(self, client):
        self._client, self._calls = client, 0

    def __getattr__(self, name):
        real = getattr(self._client, name)

        def call(*given, **named):
            answer = real(*given, **named)
            self._calls += 1
            if self._calls % 7 == 0:
                raise ConnectionResetError("as it was told")
            return answer

        return call


@pytest.fixture
def hasty(monkeypatch):
    """Tries again at once."""
    monkeypatch.setattr(sender, "FIRST_PAUSE_S", 0.0)


class TestOnce:
    def test_answers_that_get_lost_leave_nothing_there_twice(self, hasty, make, client, runs_of, monkeypatch):
        real = opening.opened

        @contextlib.contextmanager
        def opened(uri):
            with real(uri) as found:
                yield Lossy(found)

        monkeypatch.setattr(opening, "opened", opened)
        tracker = make()
        for number in range(6):
            write(tracker, number, metrics=[("accuracy", 0.5, 0), ("val_accuracy", 0.4, 1), ("val_accuracy", 0.5, 2)])
            tracker.update_child(str(number), metrics=[("test_accuracy", 0.5, 0)], tags={"pareto": "false"}, at_ms=9)
        tracker.update_parent(metrics={"bill_flops": 7.0})
        tracker.curve("hypervolume", [0.1, 0.2])
        tracker.end("FINISHED")
        settle(tracker)
        finish(tracker)
        assert (tracker.sent, tracker.unsent) == (6, 0)
        [parent], children = runs_of(client)
        assert sorted(children) == list(range(6))
        for run in children.values():
            history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
            assert {name: len(points) for name, points in history.items()} == {
                "accuracy": 1, "val_accuracy": 2, "test_accuracy": 1,
            }  # fmt: skip
            assert run.data.tags["pareto"] == "false"
        for name, count in (("bill_flops", 1), ("hypervolume", 2)):
            assert len(client.get_metric_history(parent.info.run_id, name)) == count

    def test_a_store_that_comes_back_gets_all_in_order(self, hasty, make):
        tracker, ran = make(), []
        gone = [OSError("gone")] * 4

        def job(client):
            if gone:
                raise gone.pop()
            ran.append("first")

        tracker._put(job)
        tracker._put(lambda client: ran.append("second"))
        settle(tracker)
        finish(tracker)
        assert ran == ["first", "second"]

    def test_what_the_store_refuses_is_left_out(self, make, client, runs_of):
        from mlflow.exceptions import MlflowException

        def refused(client):
            raise MlflowException("no such thing", error_code=3)

        tracker = make()
        tracker._put(refused)
        write(tracker, 0)
        tracker.close()
        assert "no such thing" in tracker.problem
        assert sorted(runs_of(client)[1]) == [0]

    def test_one_stubborn_failure_does_not_hold_the_others_up(self, hasty, make, client, runs_of):
        def fails(client):
            raise TimeoutError("every time")

        tracker = make()
        tracker._put(fails)
        write(tracker, 0)
        settle(tracker)
        tracker.close()
        assert "every time" in tracker.problem
        assert tracker.unsent == 0


class TestFailing:
    @pytest.fixture(autouse=True)
    def _patience(self, monkeypatch):
        """What the tracker sets for servers goes with the test."""
        for name in opening.PATIENCE:
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)

    @pytest.mark.parametrize("uri", ["sqlite:////dev/null/mlflow.db", "http://127.0.0.1:1", "gopher://x"])
    def test_a_store_that_cannot_be_opened_is_told_and_raises_nothing(self, hasty, uri, monkeypatch, tmp_path):
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        tracker = Tracker(uri, None, "toy")
        tracker.start("s", "s", {}, {})
        write(tracker, 0)
        tracker.update_parent(tags={"a": "b"})
        tracker.upload(tmp_path)
        tracker.end("FINISHED")
        tracker.close()
        assert uri in tracker.problem
        assert "\n" not in tracker.problem
        assert tracker.unsent == 1

    def test_a_dead_server_does_not_hold_the_search_up_for_minutes(self):
        with opening.opened("http://127.0.0.1:1"):
            patience = int(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"])
            assert (1 + int(os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"])) * patience <= 60

    def test_a_dead_server_is_told_in_plain_words(self, hasty, monkeypatch):
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        tracker = Tracker("http://127.0.0.1:1", None, "toy")
        tracker.start("s", "s", {}, {})
        tracker.close()
        assert tracker.problem == "MLflow at http://127.0.0.1:1: [Errno 111] Connection refused"

    def test_a_store_that_breaks_on_the_way_is_told_once(self, hasty, make, home, capfd):
        opened = threading.Event()
        tracker = make()
        tracker._put(lambda client: opened.set())
        opened.wait()
        with sqlite3.connect(home / "mlflow.db") as database:
            database.execute("DROP TABLE latest_metrics")
        write(tracker, 0, metrics=[("accuracy", 0.5, 0)])
        tracker.upload(home / "no such folder")
        tracker.end("FINISHED")
        tracker.close()
        assert tracker.problem == f"MLflow at sqlite:///{home}/mlflow.db: no such table: latest_metrics"
        assert capfd.readouterr().err == ""

    def test_a_store_that_hangs_is_not_waited_for(self, make):
        tracker, answer, begun = make(), threading.Event(), threading.Event()
        tracker._put(lambda client: (begun.set(), answer.wait(60)))
        begun.wait()
        tracker.close(timeout_s=0.05)
        assert "did not answer within 0.05 s" in tracker.problem
        answer.set()

    def test_a_slow_store_is_waited_for_while_it_gets_on(self, make):
        tracker, done = make(), []
        step, begun = threading.Event(), threading.Event()
        tracker._put(lambda client: begun.set())
        begun.wait()
        for _ in range(8):
            tracker._put(lambda client: done.append(step.wait(0.1)))
        tracker.close(timeout_s=0.4)
        assert len(done) == 8
        assert tracker.problem is None

    def test_closing_twice_does_nothing(self, make):
        tracker = make()
        finish(tracker)
        finish(tracker)
        write(tracker, 0)
