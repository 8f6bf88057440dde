"""A search that was stopped any number of times makes the steps of one that never was."""

from __future__ import annotations

import signal

import automl_strategies
import pytest

import automl
from automl.engine.going_on import knowing
from automl.engine.interrupt import REASON
from automl.engine.observer import Observer
from automl.engine.resolve import resolve
from automl.host import use_host
from automl.testing.toy import toy_host


@pytest.fixture(autouse=True)
def host():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    host = toy_host()
    host.register(automl_strategies, name="strategies")
    with use_host(host):
        yield
    signal.signal(signal.SIGINT, before)


class Stop(Observer):
    """Presses Ctrl-C while the step of that number, counted in this sitting, is under way, once or twice."""

    def __init__(self, step, times=1):
        self.step, self.times = step, times

    def trial_started(self, spec, label):
        self.step -= 1
        if self.step == 0:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)


def search(home, strategy, *observers, **more):
    settings = {"trials": 11, "epochs": 9, "tracking_uri": "off", "study": "s", **more}
    return automl.search("toy", strategy=strategy, home=home, observers=observers, **settings)


def steps(study):
    return [(record.step, record.values) for record in study.records]


@pytest.mark.parametrize("strategy", ["pareto", "random", "tpe", "nsga2"])
def test_stopped_again_and_again(tmp_path, strategy):
    whole = search(tmp_path / "whole", strategy)
    politely = search(tmp_path / "cut", strategy, Stop(3))
    assert politely.stopped == REASON
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "cut", strategy, Stop(7, times=2))
    search(tmp_path / "cut", strategy, Stop(1))
    study = search(tmp_path / "cut", strategy)
    assert steps(study) == steps(whole)
    assert study.unpaid == whole.unpaid
    assert list(study.front["trial"]) == list(whole.front["trial"])


def test_an_extended_study_is_told_what_came_out(tmp_path):
    first = search(tmp_path, "pareto")
    before = steps(first)
    more = search(tmp_path, "pareto", trials="+3")
    assert steps(more)[: len(before)] == before
    assert more.trial_count == 14


def test_a_study_of_another_way_is_only_told(tmp_path):
    study = search(tmp_path, "random", trials=3)
    plan = resolve(study.settings)
    other = resolve(study.settings.model_copy(update={"strategy": "grid"}))
    assert knowing(plan, study, 3).retraced
    assert not knowing(other, study, 3).retraced
