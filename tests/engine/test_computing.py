"""How a search comes to its threads, precision and memory format."""

from __future__ import annotations

import json

import pytest

import automl
from automl.engine import computing, resolve
from automl.engine.executor import SerialWorkers
from automl.engine.observer import Observer
from automl.engine.settings import Settings
from automl.errors import UsageError
from automl.training import probe
from automl.training.trial import TrialSpec


class Quick(SerialWorkers):
    """Times nothing: contiguous maps are twice as fast."""

    def __init__(self):
        super().__init__()
        self.timed = []

    def time_step(self, spec, steps):
        self.timed.append(spec)
        return 0.5 if spec.memory_format == "contiguous" else 1.0 if spec.threads == 2 else 1.5


class Listener(Observer):
    def __init__(self):
        self.told = ()

    def chosen(self, study, told):
        self.told = told


@pytest.fixture
def large(toys, monkeypatch):
    """The toy's examples count as large."""
    monkeypatch.setattr(resolve, "SMALL_EXAMPLE", 0)
    monkeypatch.setattr(probe, "has_bf16", lambda: True)
    monkeypatch.setattr(resolve, "cores", lambda: 2)


@pytest.fixture
def quick(large, monkeypatch):
    """A search whose probe finds that contiguous maps are faster."""
    monkeypatch.setattr(SerialWorkers, "time_step", Quick.time_step)
    monkeypatch.setattr(SerialWorkers, "timed", [], raising=False)


def plan_of(home, **settings):
    return resolve.resolve(Settings.checked({"space": "toy", "home": home, **settings}))


def search(home, **settings):
    listener = Listener()
    given = {"trials": 1, "epochs": 1, "home": home, "tracking_uri": "off", **settings}
    return automl.search("toy", observers=[listener], **given), listener


def test_what_a_probe_chose_is_recorded_told_and_paid_for(quick, tmp_path):
    study, listener = search(tmp_path)
    [record] = study.records
    assert study.settings.memory_format == record.spec.memory_format == "contiguous"
    assert study.settings.precision == record.spec.precision == "32-true"
    [told] = listener.told
    assert "contiguous" in told
    assert "2.0 times as fast" in told
    named, _ = search(tmp_path, memory_format="contiguous", precision="32-true", threads=2)
    assert study.bill["flops"].value > named.bill["flops"].value
    again = TrialSpec.from_json(json.loads((study.step_folder(record.spec) / "spec.json").read_text()))
    assert again == record.spec


def test_the_next_search_on_the_same_home_chooses_the_same_without_a_probe(large, tmp_path):
    first, second = Quick(), Quick()
    one, other = (computing.choose(plan_of(tmp_path), workers) for workers in (first, second))
    assert one.plan.settings == other.plan.settings
    assert one.plan.settings.memory_format == "contiguous"
    assert one.told == other.told
    assert (bool(one.spent), bool(other.spent)) == (True, False)
    assert first.timed
    assert not second.timed


def test_a_study_goes_on_as_it_began(quick, tmp_path):
    before, _ = search(tmp_path, study="s")
    (tmp_path / computing.FILE).unlink()
    SerialWorkers.timed.clear()
    choice = computing.choose(plan_of(tmp_path, study="s"), SerialWorkers())
    assert choice.plan.settings.memory_format == before.settings.memory_format == "contiguous"
    assert not choice.told
    assert not SerialWorkers.timed


def test_nothing_is_probed_that_is_not_open(large, tmp_path):
    workers = Quick()
    computing.choose(plan_of(tmp_path, threads=1, precision="32-true", memory_format="channels_last"), workers)
    assert not workers.timed
    assert not (tmp_path / computing.FILE).exists()


def test_thumbnails_are_not_probed(toys, tmp_path):
    workers = Quick()
    choice = computing.choose(plan_of(tmp_path), workers)
    assert not workers.timed
    settings = choice.plan.settings
    assert (settings.threads, settings.precision, settings.memory_format) == (1, "32-true", "channels_last")


def test_what_the_user_said_stays(large, tmp_path):
    workers = Quick()
    choice = computing.choose(plan_of(tmp_path, memory_format="channels_last"), workers)
    assert choice.plan.settings.memory_format == "channels_last"
    assert {spec.memory_format for spec in workers.timed} == {"channels_last"}


@pytest.mark.parametrize("content", ["{", "[]", '{"a": {"chosen": {"precision": "8"}, "gains": {}, "step_s": {}}}'])
def test_a_damaged_file_of_probes_is_named(large, tmp_path, content):
    (tmp_path / computing.FILE).write_text(content)
    with pytest.raises(UsageError, match=computing.FILE):
        computing.choose(plan_of(tmp_path), Quick())
