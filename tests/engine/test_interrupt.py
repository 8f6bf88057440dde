"""Ctrl-C once and twice, in a search that trains."""

from __future__ import annotations

import signal

import pytest

import automl
from automl.engine.interrupt import REASON, polite
from automl.engine.observer import Observer


@pytest.fixture(autouse=True)
def handler():
    """Ctrl-C as Python ships it; a suite that runs in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


class Press(Observer):
    """Presses Ctrl-C in the first epoch of a trial, so many times."""

    def __init__(self, trial, times):
        self.left = times
        self.trial = trial
        self.told = 0

    def epoch_finished(self, spec, epoch, metrics):
        while spec.number == self.trial and self.left:
            self.left -= 1
            signal.raise_signal(signal.SIGINT)

    def stopping(self):
        self.told += 1


def search(home, *observers, **settings):
    return automl.search(
        "toy", trials=4, epochs=3, home=home, tracking_uri="off", study="s", observers=observers, **settings
    )


def test_once_finishes_what_is_under_way_and_goes_on_as_if_nothing_had_been(toys, tmp_path):
    press = Press(1, 1)
    study = search(tmp_path / "cut", press, rungs="off")
    assert press.told == 1
    assert study.stopped == REASON
    assert [record.number for record in study.records] == [0, 1]
    assert all(record.result.status == "complete" for record in study.records)
    assert study.test_openings == []
    study = search(tmp_path / "cut", rungs="off")
    assert (study.stopped, study.trial_count, len(study.test_openings)) == ("", 4, 1)
    whole = search(tmp_path / "whole", rungs="off")
    assert [record.spec.config for record in whole.records[:2]] == [record.spec.config for record in study.records[:2]]


def test_twice_ends_it_at_once(toys, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, Press(1, 2))
    study = automl.open_study("s", tmp_path)
    assert 1 not in {record.number for record in study.records}
    assert search(tmp_path).trial_count == 4


def test_before_there_is_a_result_it_is_an_interruption(toys, tmp_path):
    class Early(Observer):
        def prepared(self, study, estimate, remaining):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, Early())


def test_a_program_with_its_own_way_keeps_it():
    pressed = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        with polite(lambda: pressed.append("heard")) as wish:
            signal.raise_signal(signal.SIGINT)
        assert pressed == [signal.SIGINT]
        assert not wish.uttered
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
