"""Amounts of training at which candidates are compared."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.engine.rungs import default_rungs, parse_rungs
from automl.errors import UsageError


def test_rungs_from_a_full_training_backwards():
    assert default_rungs(25) == (1, 3, 8, 25)
    assert default_rungs(1) == (1,)


@given(st.integers(1, 100_000))
def test_rungs_rise_from_one_to_all_epochs(epochs):
    rungs = default_rungs(epochs)
    assert rungs[0] == 1
    assert rungs[-1] == epochs
    assert all(a < b for a, b in itertools.pairwise(rungs))
    assert parse_rungs(",".join(map(str, rungs)), epochs) == rungs


def test_rungs_that_were_typed():
    assert parse_rungs("off", 25) == (25,)
    assert parse_rungs("2, 5", 25) == (2, 5, 25)
    assert parse_rungs("25", 25) == (25,)


@pytest.mark.parametrize("text", ["", "0,25", "5,5", "8,3", "30", "1.5", "one", "1,,3", "-1"])
def test_what_are_no_rungs_is_refused(text):
    with pytest.raises(UsageError):
        parse_rungs(text, 25)
