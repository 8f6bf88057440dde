from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.errors import TrialError
from automl.parts import DataSpec
from automl.training import probe as module
from automl.training.probe import ROUNDS, STEPS, probe
from automl.training.trial import TrialSpec

FIELDS = ("threads", "precision", "memory_format")
SPEC = TrialSpec("s", 0, "toy", {}, DataSpec("toy", "toy", (2,), ("a",), 8, 8, 8), 1, 8, seed=0, threads=1)


class Machine:
    """Takes so many seconds a step by what differs from the usual spec."""

    def __init__(self, usual=1.0, **seconds):
        self.usual = usual
        self.seconds = seconds
        self.calls = []

    def __call__(self, spec, steps):
        different = [name for name in FIELDS if getattr(spec, name) != getattr(SPEC, name)]
        assert len(different) <= 1
        assert steps == STEPS
        self.calls.append(different)
        seconds = self.seconds.get(different[0], 2.0) if different else self.usual
        if seconds is None:
            raise TrialError("it cannot be trained")
        return seconds


@pytest.fixture(autouse=True)
def hardware(monkeypatch):
    monkeypatch.setattr(module, "has_bf16", lambda: True)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({}, {}),
        ({"precision": 0.9}, {}),
        ({"precision": 0.8}, {"precision": "bf16-mixed"}),
        ({"threads": 0.7, "memory_format": 0.5}, {"memory_format": "contiguous"}),  # 1.4 times is not 1.5
        ({"threads": 0.6, "precision": None}, {"threads": 2}),
    ],
)
def test_what_wins_by_a_clear_margin_is_taken(seconds, chosen):
    outcome = probe(SPEC, FIELDS, 2, Machine(**seconds))
    assert outcome.chosen == chosen
    assert outcome.gains == {name: pytest.approx(1 / seconds[name]) for name in chosen}


def test_fewer_threads_are_taken_where_more_are_of_little_use():
    import dataclasses

    usual = dataclasses.replace(SPEC, threads=8)

    def seconds(spec, steps):
        return 1.1 if spec.threads == 1 else 1.0

    assert probe(usual, ["threads"], 8, seconds).chosen == {"threads": 1}
    assert probe(usual, ["threads"], 8, lambda spec, _: 4.0 if spec.threads == 1 else 1.0).chosen == {}


def test_what_is_far_off_is_tried_once_and_what_is_near_in_every_round():
    machine = Machine(precision=0.8)
    outcome = probe(SPEC, FIELDS, 2, machine)
    assert machine.calls.count(["precision"]) == machine.calls.count([]) == ROUNDS
    assert machine.calls.count(["threads"]) == machine.calls.count(["memory_format"]) == 1
    assert outcome.steps == STEPS * len(machine.calls)


@given(st.dictionaries(st.sampled_from(FIELDS), st.floats(0.1, 3.0) | st.none()), st.integers(1, 64))
def test_nothing_is_chosen_that_is_slower_or_was_not_asked_for(seconds, most_threads):
    fields = list(seconds)[:2]
    outcome = probe(SPEC, fields, most_threads, Machine(**seconds))
    assert set(outcome.chosen) <= set(fields)
    assert all(gain >= 1.2 for gain in outcome.gains.values())
    assert outcome.chosen.get("threads", most_threads) == most_threads


def test_on_a_busy_machine_the_usual_stays():
    seconds = iter([1.0, 0.8, 1.5, 1.1, 1.2, 0.9, 1.4, 0.7])  # the usual and the other in turn
    assert probe(SPEC, ["precision"], 2, lambda *_: next(seconds)).chosen == {}


def test_nothing_is_timed_that_leaves_no_choice_or_cannot_be_trained():
    machine = Machine()
    assert probe(SPEC, (), 2, machine).steps == probe(SPEC, ["threads"], 1, machine).steps == 0
    assert machine.calls == []
    broken = probe(SPEC, FIELDS, 2, Machine(usual=None))
    assert (broken.chosen, broken.step_s) == ({}, {})
