"""A home that somebody else made: one finished toy study, spoiled anew by each test."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
import sqlite3

import pytest

import automl
from automl.cli import run
from automl.host import use_host
from automl.testing.hostile import Payload, unexecuted
from automl.testing.toy import toy_host


@pytest.fixture
def marker(tmp_path):
    """The file that no payload may make; each test ends with a look at it."""
    with unexecuted(tmp_path) as path:
        yield path


@pytest.fixture
def payload(marker):
    """Bytes that make the marker when they are unpickled, which they are shown to do."""
    data = pickle.dumps(Payload(marker))
    pickle.loads(data)
    assert marker.exists()
    marker.unlink()
    return data


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """A study of one trial that stopped at a rung and may go on."""
    home = tmp_path_factory.mktemp("original")
    with use_host(toy_host()):
        automl.search(
            "toy", trials=1, epochs=2, rungs="1,2", home=home, tracking_uri="off", study="s", set={"width": 4}
        )
    return home


@pytest.fixture
def home(original, tmp_path, toys):
    """A copy of it."""
    return shutil.copytree(original, tmp_path / "home")


@pytest.fixture
def spoil(home):
    """Runs SQL on the study's database."""

    def spoil(statement, *values):
        with contextlib.closing(sqlite3.connect(home / "study.db")) as connection, connection:
            assert connection.execute(statement, values).rowcount > 0

    return spoil


@pytest.fixture
def rewrite(home, spoil):
    """Changes what the database keeps of the first step, or with `study` of the study."""

    def rewrite(change, table="trial_user_attributes", key="automl"):
        with contextlib.closing(sqlite3.connect(home / "study.db")) as connection:
            query = f"SELECT value_json FROM {table} WHERE key = ?"
            kept = json.loads(connection.execute(query, (key,)).fetchone()[0])
        kept = change(kept) or kept
        spoil(f"UPDATE {table} SET value_json = ? WHERE key = ?", json.dumps(kept), key)

    return rewrite


@pytest.fixture
def refused(home, capsys):
    """Runs a command that must end with this exit code and one sentence on stderr; returns the sentence."""

    def refused(code, *words):
        capsys.readouterr()
        found = run([*map(str, words), "--home", str(home)])
        _, err = capsys.readouterr()
        assert found == code, err
        assert err.startswith("Error: ")
        assert "bug in automl" not in err
        assert err.count("\n") == 1
        return err

    return refused
