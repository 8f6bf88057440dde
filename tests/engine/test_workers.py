"""The loop of the search over several workers, played by one process."""

from __future__ import annotations

import functools

import pytest

import automl
from automl.cli import run
from automl.engine.observer import Observer
from automl.engine.resolve import resolve
from automl.engine.settings import Settings
from automl.errors import UsageError
from automl.parts import Executor, Resources
from automl.price.energy import use_reader
from automl.price.tag import Figure, PriceTag
from automl.training.fit import evaluate, run_trial, time_step


class Turns(Executor):
    """Makes the step that came last first; stops the search after so many."""

    name = "turns"
    summary = "several at a time, in another order"
    preferred = True
    stop_after = None
    most = 0
    elsewhere = PriceTag()
    takes_address = True
    resources = None

    def start(self, resources):
        self.resources = resources
        return TurnsWorkers(self, resources.jobs)


class TurnsWorkers:
    def __init__(self, executor, jobs):
        self._executor = executor
        self.elsewhere = executor.elsewhere
        self.slots = jobs
        self._jobs = []
        self._made = 0

    def submit(self, job):
        self._jobs.append(job)
        assert len(self._jobs) <= self.slots
        assert len({each.spec.number for each in self._jobs}) == len(self._jobs)
        self._executor.most = max(self._executor.most, len(self._jobs))

    def wait(self, on_epoch):
        if self._made == self._executor.stop_after:
            raise KeyboardInterrupt
        self._made += 1
        job = self._jobs.pop()
        return [(job, run_trial(job.spec, job.folder, functools.partial(on_epoch, job.spec), job.checkpoints))]

    def evaluate(self, job):
        return evaluate(job.spec, job.folder)

    def time_step(self, spec, steps):
        return time_step(spec, steps)

    def close(self):
        self._jobs.clear()


@pytest.fixture
def executor(toys):
    class Plugin:
        made = Turns()

        @automl.hookimpl
        def automl_executors(self):
            return [self.made]

    plugin = Plugin()
    toys.register(plugin, name="turns")
    return plugin.made


def search(home, *observers, **settings):
    wanted = {"trials": 9, "epochs": 4, "home": home, "tracking_uri": "off", "study": "s", "jobs": 3, **settings}
    return automl.search("toy", observers=observers, **wanted)


@pytest.mark.parametrize("strategy", ["toy-random", "toy-halving"])
@pytest.mark.parametrize("stops", [[4], [1, 1, 2]])
def test_nothing_is_lost_or_made_twice(executor, tmp_path, strategy, stops):
    for executor.stop_after in stops:
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path, strategy=strategy, jobs=2)
        before = {(record.number, record.spec.last_epoch) for record in automl.open_study("s", tmp_path).records}
    executor.stop_after = None
    study = search(tmp_path, strategy=strategy)
    steps = [(record.number, record.spec.last_epoch) for record in study.records]
    assert before <= set(steps)
    assert len(set(steps)) == len(steps)
    assert study.trial_count == 9
    assert {record.number for record in study.records} == set(range(9))
    assert executor.most == 3


def test_a_budget_ends_it_when_what_is_under_way_is_done(executor, tmp_path):
    class Count(Observer):
        begun = 0

        def trial_started(self, spec, label):
            Count.begun += 1

    study = search(tmp_path, Count(), budget=("1FLOPs",), trials=None, rungs="off")
    assert "is spent" in study.stopped
    assert len(study.records) == Count.begun == 3


def test_what_workers_spend_elsewhere_is_on_the_bill_once(executor, tmp_path, energy_reader):
    executor.elsewhere = PriceTag({"cpu_s": Figure(1e6, "measured"), "energy_wh": Figure(1e5, "measured")})
    with use_reader(energy_reader):
        study = search(tmp_path)
    assert 1e6 < study.bill["cpu_s"].value < 1.1e6
    assert 1e5 < study.bill["energy_wh"].value < 1.1e5
    assert study.bill["wall_s"].value < 1e5


def test_energy_that_workers_elsewhere_cannot_tell_is_unknown(executor, tmp_path, energy_reader):
    executor.elsewhere = PriceTag({"cpu_s": Figure(1e6, "measured")})
    with use_reader(energy_reader):
        assert "energy_wh" not in search(tmp_path).bill


def test_an_address_gets_to_the_workers_and_is_kept(executor, tmp_path):
    search(tmp_path, address="head:1")
    assert executor.resources.address == "head:1"
    home = ["--home", str(tmp_path), "--json"]
    assert run(["resume", "s", "--trials", "+1", "--jobs", "2", *home]) == 0
    assert executor.resources == Resources(2, address="head:1")
    assert run(["resume", "s", "--trials", "+1", "--address", "head:2", *home]) == 0
    assert executor.resources.address == "head:2"
    assert run(["resume", "s", "--trials", "+1", "--executor", "serial", "--jobs", "1", *home]) == 0


def test_an_address_that_is_nothing_to_the_executor(toys):
    with pytest.raises(UsageError, match=r"'serial' joins no cluster.*no executor that is installed does"):
        resolve(Settings.checked({"space": "toy", "address": "auto"}))
