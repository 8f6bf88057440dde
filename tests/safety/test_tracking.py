"""A tracking database that somebody else made: what is written for it stays in the home."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from automl.tracking.tracker import Tracker


@pytest.fixture
def store(tmp_path):
    """A store with one experiment and one run."""
    home = tmp_path / "home"
    home.mkdir()
    run = follow(home).parent
    assert run
    return home, run


def follow(home):
    tracker = Tracker(f"sqlite:///{home}/mlflow.db", (home / "artifacts").as_uri(), "digits")
    tracker.start("s 2026", "s", {}, {"study": "s"})
    (home / "front").mkdir(exist_ok=True)
    (home / "front" / "front.csv").write_text("trial\n")
    tracker.upload(home / "front")
    tracker.end("FINISHED")
    tracker.close()
    return tracker


def spoil(home, statement, value):
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as connection, connection:
        assert connection.execute(statement, [value]).rowcount > 0


@pytest.mark.parametrize(
    "elsewhere",
    [
        "{victim}",
        "file://{victim}",
        "{home}/artifacts/../../victim",
        "{home}/artifacts/%2e%2e/%2e%2e/victim",
        "{home}/artifacts/link",
        "http://127.0.0.1:9",
    ],
)
def test_artifacts_elsewhere(store, tmp_path, elsewhere):
    home, run = store
    victim = tmp_path / "victim"
    victim.mkdir()
    (home / "artifacts" / "link").symlink_to(victim)
    place = elsewhere.format(victim=victim, home=home.as_uri())
    spoil(home, "UPDATE runs SET artifact_uri = ?", f"{place}/x")
    again = follow(home)
    assert again.problem is None
    assert again.parent != run
    spoil(home, "UPDATE experiments SET artifact_location = ? WHERE name = 'digits'", place)
    assert "outside the home" in follow(home).problem
    assert list(victim.iterdir()) == []
