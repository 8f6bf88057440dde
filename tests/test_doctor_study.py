"""``automl doctor STUDY``: every damage really done to a small study, named, mended, and the study as before."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess

import pytest

import automl
from automl.cli import run
from automl.doctor.study import examine_study
from automl.engine.hold import held_folder
from automl.engine.observer import Observer
from automl.engine.study import Study
from automl.errors import StorageError, StudyError
from automl.host import use_host
from automl.testing.toy import toy_host


def search(home, *observers, **settings):
    given = {"trials": 6, "epochs": 2, "rungs": "1,2", "strategy": "toy-halving", "tracking_uri": "off", "study": "s"}
    return automl.search("toy", observers=observers, home=home, **{**given, **settings})


@pytest.fixture(scope="module", autouse=True)
def _toys():
    with use_host(toy_host()):
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A home of two finished studies, `s` and `other`, that no test touches."""
    home = tmp_path_factory.mktemp("made")
    search(home)
    search(home, study="other", trials=2)
    return home


@pytest.fixture
def home(made, tmp_path):
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "home")


@pytest.fixture
def folder(home):
    return home / "s"


def known(home, name="s"):
    """All that a study knows, but for its bill."""
    study = Study.open(name, home)
    return {
        "records": [record.to_json() for record in study.records],
        "front": [record.name for record in study.front_records],
        "tests": study.test_scores,
        "data": study.data,
        "goals": study.goals,
        "settings": study.settings.identity(),
    }


def findings(home, *, repair=False, name="s"):
    """What is not well, by status."""
    found = [check for check in examine_study(home, name, repair=repair) if check.status != "ok"]
    return {status: [f"{c.name}: {c.found} {c.remedy}" for c in found if c.status == status] for status in STATUSES}


STATUSES = ("warn", "fail", "mended")
WELL = {"warn": [], "fail": [], "mended": []}


def files(home):
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != ".lock"}


def first(folder, name):
    """That file of the first step that did not end its trial's training."""
    return min(folder.glob(f"trial-*/rung-0001/{name}"))


def kept_checkpoint(folder):
    return min(folder.glob("trial-*/checkpoints/*.ckpt"))


def tear(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_a_whole_study_is_well_and_left_alone(home):
    before = files(home)
    checks = list(examine_study(home, "s"))
    assert [check.status for check in checks] == ["ok"] * len(checks)
    assert "every file is whole" in checks[-1].found
    assert findings(home, repair=True) == WELL
    assert files(home) == before


DAMAGES = {
    "spec": (lambda folder: tear(first(folder, "spec.json")), "spec.json is torn"),
    "result": (lambda folder: tear(first(folder, "result.json")), "result.json is torn"),
    "no result": (lambda folder: first(folder, "result.json").unlink(), "result.json is missing"),
    "record": (lambda folder: tear(first(folder, "record.json")), "record.json is torn"),
    "another's spec": (
        lambda folder: shutil.copy(*sorted(folder.glob("trial-*/rung-0001/spec.json"))[:2]),
        "spec.json is not what the database says",
    ),
    "settings": (lambda folder: (folder / "settings.yaml").write_text("space: [toy"), "settings.yaml is torn"),
    "no settings": (lambda folder: (folder / "settings.yaml").unlink(), "settings.yaml is missing"),
    "binary settings": (lambda folder: (folder / "settings.yaml").write_bytes(b"\xff\x00"), "settings.yaml is torn"),
    "in flight": (lambda folder: (folder / "in-flight.json").write_text('[{"trial": 1,'), "in-flight.json is torn"),
    "study copy": (lambda folder: tear(folder / "study.json"), "study.json is torn"),
    "checkpoint": (lambda folder: tear(kept_checkpoint(folder)), "if this trial goes on it is trained from scratch"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_named_and_mended(damage, home, folder):
    before = known(home)
    cause, words = DAMAGES[damage]
    cause(folder)
    damaged = files(home)
    found = findings(home)
    assert words in found["fail"][0]
    assert f"automl doctor s --repair --home {home}" in found["fail"][0]
    assert len(found["fail"]) == 1
    assert files(home) == damaged, "without --repair nothing is touched"
    mended = findings(home, repair=True)
    assert words in mended["mended"][0]
    assert mended["fail"] == []
    assert findings(home)["fail"] == []
    assert known(home) == before
    # What was damaged is still there, under another name.
    gone = {content for path, content in damaged.items() if files(home).get(path) != content}
    assert gone <= set(files(home).values())


def test_edited_settings_are_a_warning(home, folder):
    with (folder / "settings.yaml").open("a") as file:
        file.write("max_params: 1k\n")
    [text] = findings(home)["warn"]
    assert "not what the study was made with" in text
    findings(home, repair=True)
    assert findings(home) == WELL
    assert "max_params" in (folder / "settings.yaml.damaged").read_text()


@pytest.mark.parametrize("how", ["torn", "missing", "garbage"])
def test_a_damaged_model_is_named_with_what_makes_it_again(how, home, folder):
    path = first(folder, "model.safetensors")
    whole = path.read_bytes()
    {"torn": lambda: tear(path), "missing": path.unlink, "garbage": lambda: path.write_bytes(b"\xff" * 999)}[how]()
    name = f"{int(path.parts[-3][-4:])}@1"
    for repair in (False, True):
        [text] = findings(home, repair=repair)["fail"]
        assert "cannot be used for predict and export" in text
        assert text.endswith(f"automl train s {name} --home {home}")
    assert run(["train", "s", name, "--home", str(home), "--json"]) == 0
    assert path.read_bytes() == whole
    assert findings(home) == WELL


def test_leftovers_are_cleared(home, folder):
    temporary = folder / "trial-0000" / "rung-0001" / f".result.json.{'a' * 32}.tmp"
    temporary.write_text("{")
    (folder / "trial-0099" / "rung-0001").mkdir(parents=True)
    (folder / "trial-0099" / "rung-0001" / "spec.json").write_text("{}")
    (folder / "trial-0098" / "rung-0001").mkdir(parents=True)
    (folder / "trial-0098" / "rung-0001" / "result.json").write_text("{}")
    found = findings(home)
    assert found["fail"] == []
    assert [text.split(":")[0] for text in found["warn"]] == ["temporary files", "stray folders"]
    findings(home, repair=True)
    assert findings(home) == WELL
    assert not temporary.exists()
    assert not (folder / "trial-0099" / "rung-0001").exists()
    assert (folder / "trial-0098" / "rung-0001.damaged" / "result.json").exists()


def test_steps_under_way_are_no_leftovers(home, folder):
    (folder / "in-flight.json").write_text('[{"trial": 99, "point": {}, "rung": 0, "from_rung": null}]')
    (folder / "trial-0099" / "rung-0001").mkdir(parents=True)
    assert findings(home) == WELL


def test_a_study_that_is_being_searched_is_left_alone(home, folder):
    (folder / "settings.yaml").unlink()
    with held_folder(folder):
        for repair in (False, True):
            found = findings(home, repair=repair)
            assert f"being searched by process {os.getpid()}" in found["warn"][0]
            assert found["fail"] == []
    assert not (folder / "settings.yaml").exists()


def test_a_study_of_before_the_copies_gets_them(home, folder):
    before = known(home)
    for path in [folder / "study.json", *folder.glob("trial-*/rung-*/record.json")]:
        path.unlink()
    found = findings(home)
    assert found["fail"] == []
    assert len(found["warn"]) == 1 + len(before["records"])
    findings(home, repair=True)
    assert findings(home) == WELL
    (home / "study.db").unlink()
    findings(home, repair=True)
    assert known(home) == before


def test_none_such(home):
    with pytest.raises(StudyError, match="Did you mean 'other'"):
        findings(home, name="othr")
    assert run(["doctor", "nobody", "--home", str(home / "nowhere")]) == 3
    assert not (home / "nowhere").exists()
    assert run(["doctor", "--repair"]) == 2


def cut(seed):
    def damage(path):
        data = path.read_bytes()
        path.write_bytes(data[: random.Random(seed).randrange(1, len(data))])

    return damage


def overwrite(seed, content=b"\xff"):
    def damage(path):
        data = bytearray(path.read_bytes())
        start = random.Random(seed).randrange(0, len(data) - 3000)
        data[start : start + 3000] = content * 3000
        path.write_bytes(data)

    return damage


def unreadable_entry(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE trial_user_attributes SET value_json = '{\"spec\": 1}' WHERE trial_id = 3")
    connection.close()


def unknown_study(path):
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM studies WHERE study_name = 's'")
    connection.close()


DATABASES = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"no database, whatever its name" * 999),
    "entry": unreadable_entry,
    "study": unknown_study,
    "header": lambda path: path.write_bytes(b"\0" * 100 + path.read_bytes()[100:]),
    **{f"cut {seed}": cut(seed) for seed in range(4)},
    **{f"overwritten {seed}": overwrite(seed) for seed in range(3)},
    "zeros": overwrite(9, b"\0"),
}


@pytest.mark.parametrize("damage", DATABASES)
def test_a_damaged_database_is_made_again_with_all_its_studies(damage, home):
    before, other, bill = known(home), known(home, "other"), Study.open("s", home).bill
    path = home / "study.db"
    DATABASES[damage](path)
    damaged = path.read_bytes() if path.exists() else None
    [text] = findings(home)["fail"]
    assert text.startswith("study.db: ")
    assert (path.read_bytes() if path.exists() else None) == damaged
    found = findings(home, repair=True)
    assert len(found["mended"]) == 1
    assert "made again: other with 2 finished steps, s with" in found["mended"][0].replace("3 fin", "2 fin")
    assert findings(home) == WELL
    assert (known(home), known(home, "other")) == (before, other)
    assert Study.open("s", home).bill["flops"].value == pytest.approx(bill["flops"].value)
    if damaged is not None:
        assert (home / "study.db.damaged").read_bytes() == damaged
    assert not list(home.glob(".*.tmp"))


def test_a_remade_study_goes_on_as_it_would_have(home, made, tmp_path):
    whole = search(shutil.copytree(made, tmp_path / "whole"), trials="+2")
    (home / "study.db").unlink()
    with pytest.raises(StudyError, match="automl doctor s --repair --home"):
        automl.open_study("s", home)
    with pytest.raises(StudyError, match="automl doctor s --repair --home"):
        search(home, trials="+2")
    assert run(["doctor", "s", "--repair", "--json", "--home", str(home)]) == 0
    study = search(home, trials="+2")
    assert [record.spec for record in study.records] == [record.spec for record in whole.records]
    assert [record.values for record in study.records] == [record.values for record in whole.records]


def test_a_journal_that_is_not_the_new_databases_is_kept_with_the_old(home):
    (home / "study.db").write_bytes(b"garbage" * 999)
    (home / "study.db-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\1" * 5000)
    findings(home, repair=True)
    assert findings(home) == WELL
    assert not (home / "study.db-journal").exists()


def test_where_nothing_is_left_nothing_is_touched(home, folder):
    (home / "study.db").write_bytes(b"garbage" * 999)
    (folder / "study.json").unlink()
    before = files(home)
    [text] = findings(home, repair=True)["fail"]
    assert "restore a copy" in text
    assert files(home) == before


def test_an_older_copy_of_the_database_learns_what_has_finished_since(home):
    older = (home / "study.db").read_bytes()
    search(home, trials="+2")
    after = known(home)
    (home / "study.db").write_bytes(older)
    [text] = findings(home)["warn"]
    assert "the database knows nothing of it" in text
    findings(home, repair=True)
    now = known(home)
    assert now["records"] == after["records"]
    assert findings(home) == WELL


def test_a_torn_list_of_steps_under_way_is_told_by_resume(home, folder, capsys):
    tear(folder / "in-flight.json")
    assert run(["resume", "s", "--trials", "+1", "--home", str(home)]) == 3
    assert "automl doctor s --repair --home" in "".join(capsys.readouterr().err.split("\n"))
    assert run(["doctor", "s", "--repair", "--home", str(home)]) == 0
    assert run(["resume", "s", "--trials", "+1", "--home", str(home)]) == 0


def test_a_kill_between_the_copy_and_the_database_loses_and_repeats_nothing(home, tmp_path, monkeypatch):
    add = Study.add

    def killed(study, record, dimensions):
        if len(study.records) == 2:
            raise KeyboardInterrupt
        return add(study, record, dimensions)

    cut = tmp_path / "cut"
    monkeypatch.setattr(Study, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        search(cut)
    monkeypatch.setattr(Study, "add", add)
    assert "the search would do it again" in findings(cut)["warn"][0]
    # Done again, or taken in: either way the same study.
    taken = shutil.copytree(cut, tmp_path / "taken")
    assert findings(taken, repair=True)["fail"] == []
    whole = Study.open("s", home)
    for each in (cut, taken):
        study = search(each)
        assert [record.spec for record in study.records] == [record.spec for record in whole.records]
        assert [record.values for record in study.records] == [record.values for record in whole.records]
        assert findings(each) == WELL


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 32 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


class Fill(Observer):
    """Fills the disk, or takes the right to write, when the third trial begins."""

    def __init__(self, place, how):
        self.place, self.how = place, how

    def trial_started(self, spec, label):
        if spec.number == 2 and self.how == "full":
            with contextlib.suppress(OSError), (self.place / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(b"\0" * 4096)
        elif spec.number == 2:
            # Over itself: a disk on which a file is open for writing cannot be made read-only.
            subprocess.run(["mount", "--bind", str(self.place), str(self.place)], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", str(self.place)], check=True)


@pytest.mark.parametrize("how", ["full", "read only"])
def test_a_disk_that_takes_no_more_in_mid_search(how, small_disk, made):
    home = small_disk / "home"
    with pytest.raises(StorageError) as stop:
        search(home, Fill(small_disk, how))
    assert str(home) in str(stop.value)
    if how == "full":
        (small_disk / "filler").unlink()
    else:
        # What was finished can be read where nothing can be written.
        assert len(Study.open("s", home).records) == 2
        subprocess.run(["umount", "-l", str(small_disk)], check=True)
    assert findings(home)["fail"] == []
    assert len(Study.open("s", home).records) == 2
    study, whole = search(home), Study.open("s", made)
    assert [record.values for record in study.records] == [record.values for record in whole.records]


def test_the_drivers_own_file_meets_a_full_disk(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    class Full(Observer):
        def trial_finished(self, study, record):
            monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(StorageError, match=r"No space left.*All finished steps are kept.*automl resume s --home"):
        search(tmp_path, Full())
    monkeypatch.undo()
    assert findings(tmp_path)["fail"] == []
    assert search(tmp_path).trial_count == 6


def test_the_command_prints_and_exits(home, folder, capsys):
    tear(first(folder, "spec.json"))
    assert run(["doctor", "s", "--home", str(home)]) == 1
    assert "1 fault" in capsys.readouterr().out
    assert run(["doctor", "s", "--home", str(home), "--repair", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)
    assert "mended" in {check["status"] for check in checks}
    assert run(["doctor", "s", "--home", str(home)]) == 0
    assert "All is well." in capsys.readouterr().out
