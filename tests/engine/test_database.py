"""Studies in databases other than the home's: a real PostgreSQL, a locked SQLite, URLs that mean nothing."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

import automl
from automl.api import study_names
from automl.doctor.study import examine_study
from automl.engine import database as databases
from automl.engine.database import Database
from automl.engine.hold import held
from automl.engine.observer import Observer
from automl.engine.settings import Settings
from automl.errors import StorageError, StudyError, UsageError
from automl.testing.servers import postgresql


@pytest.fixture(scope="module")
def server():
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(postgresql())
        except StorageError as error:
            pytest.skip(str(error))
        yield running


def search(home, **settings):
    return automl.search("toy", **{"trials": 3, "epochs": 2, "home": home, "tracking_uri": "off", **settings})


def test_a_study_on_a_server_is_that_of_a_file(toys, server, tmp_path):
    near = search(tmp_path / "near", study="same")
    far = search(tmp_path / "far", study="same", storage=server.url)
    assert [record.values for record in far.records] == [record.values for record in near.records]
    assert not (tmp_path / "far" / "study.db").exists()
    opened = automl.open_study("same", tmp_path / "far", server.url)
    assert [record.name for record in opened.front_records] == [record.name for record in near.front_records]
    assert search(tmp_path / "far", study="same", storage=server.url, trials="+1").trial_count == 4
    with pytest.raises(StudyError, match=r"There is no study 'sam' .*Did you mean 'same'"):
        automl.open_study("sam", tmp_path, server.url)


def test_machines_without_a_common_folder_meet_in_the_database(toys, server, tmp_path):
    study = search(tmp_path / "one", study="shared", storage=server.url)
    elsewhere = automl.open_study("shared", tmp_path / "two", server.url)
    with (
        held(study),
        pytest.raises(StudyError, match=r"'shared' is being searched by process [0-9]+ on "),
        held(elsewhere),
    ):
        pass
    with held(elsewhere):
        pass


def test_a_server_that_goes_and_comes_back(toys, server, tmp_path):
    class Restarting(Observer):
        """Ends the server after a trial, and starts it when the search has noticed."""

        causes = ()

        def trial_finished(self, study, record):
            if record.number == 1 and not self.causes:
                server.stop()

        def waiting(self, cause):
            self.causes = (*self.causes, cause)
            server.start()

    restarting = Restarting()
    study = search(tmp_path, study="patient", storage=server.url, observers=[restarting])
    assert restarting.causes
    assert "trying again" in restarting.causes[0]
    assert [record.number for record in study.records] == [0, 1, 2]
    # The connection that held the study is gone with the server; that is no reason to hold it twice.
    assert len({(record.number, record.spec.last_epoch) for record in study.records}) == 3


def test_a_step_that_was_taken_in_unconfirmed_is_not_added_twice(toys, tmp_path, monkeypatch):
    import optuna

    lost = []
    add = optuna.study.Study.add_trial

    def unconfirmed(self, trial):
        add(self, trial)
        if not lost:
            lost.append(trial)
            raise optuna.exceptions.StorageInternalError from sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(optuna.study.Study, "add_trial", unconfirmed)
    study = search(tmp_path, study="s")
    assert lost
    assert [record.number for record in automl.open_study("s", tmp_path).records] == [0, 1, 2]
    assert study.trial_count == 3


def test_a_locked_file_is_waited_for(toys, tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "BUSY_S", 0.01)
    study = search(tmp_path, study="s")
    other = sqlite3.connect(tmp_path / "study.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    causes = []

    def waiting(cause):
        causes.append(cause)
        other.execute("ROLLBACK")

    study.waiting = waiting
    study.keep("stopped", "as told")
    assert ["database is locked" in cause for cause in causes] == [True]
    assert study.stopped == "as told"
    other.close()


def test_a_file_that_stays_locked_is_given_up(toys, tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "BUSY_S", 0.01)
    monkeypatch.setattr(databases, "PATIENCE_S", 0.0)
    search(tmp_path, study="s")
    with contextlib.closing(sqlite3.connect(tmp_path / "study.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="locked"):
            search(tmp_path, study="s", trials="+1")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "should be the URL of a database"),
        ("http://127.0.0.1/x", "no database is of that kind"),
        ("sqlite:///{x}.db", "braces"),
    ],
)
def test_urls_that_mean_no_database(toys, tmp_path, url, words):
    with pytest.raises(UsageError, match=words):
        search(tmp_path, storage=url)
    with pytest.raises(UsageError, match=words):
        automl.open_study("s", tmp_path, url)


def test_a_server_that_is_not_there_is_told_at_once(toys, tmp_path):
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/automl"
    with pytest.raises(
        StorageError, match=r"postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/automl cannot be used"
    ) as told:
        search(tmp_path, storage=url)
    assert "secret" not in str(told.value)


def test_a_password_is_kept_nowhere(toys, tmp_path):
    study = search(tmp_path, study="s", storage=f"sqlite:///{tmp_path}/other.db")
    assert "storage" not in study.optuna.user_attrs["automl"]["settings"]
    shown = Settings(space="toy", storage="postgresql://me:secret@host/x").to_yaml()
    assert "secret" not in shown
    assert str(Database(tmp_path, "postgresql://me:secret@host/x")) == "postgresql://me:***@host/x"


def test_doctor_reads_a_study_on_a_server(toys, server, tmp_path):
    study = search(tmp_path, study="well", storage=server.url)
    assert {check.status for check in examine_study(tmp_path, "well", storage=server.url)} == {"ok"}
    with pytest.raises(StudyError, match="It is in postgresql"):
        search(tmp_path, study="well")
    near = search(tmp_path, study="near")
    (tmp_path / "study.db").write_bytes(b"")
    assert "mended" in {check.status for check in examine_study(tmp_path, "near", repair=True)}
    assert study_names(tmp_path) == [near.name]
    (study.step_folder(study.records[0].spec) / "spec.json").write_text("{")
    mended = list(examine_study(tmp_path, "well", storage=server.url, repair=True))
    assert [check.status for check in mended].count("mended") == 1
    with pytest.raises(StudyError, match="There is no study"):
        list(examine_study(tmp_path, "ill", storage=server.url))
