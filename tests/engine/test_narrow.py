from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.engine.narrow import (
    Choices,
    NarrowedTrial,
    Range,
    opened,
    parse_narrowing,
    split_assignments,
    starting_point,
)
from automl.errors import UsageError
from automl.parts import Categorical, Float, Integer

DIMENSIONS = (
    Float("rate", 0.001, 0.1, 0.01, log=True, limits=(1e-6, 1.0)),
    Integer("width", 1, 64, 8),
    Categorical("norm", ("bn", "gn", "frn"), "bn"),
    Categorical("flag", (True, False), False),
)


def parse(**texts):
    return parse_narrowing(texts, DIMENSIONS, "toy")


class Recorder:
    """A trial that notes what it is asked for and answers with the low end or the first choice."""

    def __init__(self):
        self.asked = {}

    def suggest_float(self, name, low, high, *, step=None, log=False):
        self.asked[name] = (low, high, log)
        return low

    def suggest_int(self, name, low, high, *, step=1, log=False):
        self.asked[name] = (low, high, log)
        return low

    def suggest_categorical(self, name, choices):
        self.asked[name] = tuple(choices)
        return choices[0]


def test_the_three_forms():
    assert parse(rate="0.02", width="4..16", norm="frn,bn") == {
        "rate": Choices((0.02,)),
        "width": Range(4, 16),
        "norm": Choices(("frn", "bn")),
    }


def test_a_value_beyond_the_searched_range_is_let_pass_within_the_limits():
    assert parse(rate="0.5") == {"rate": Choices((0.5,))}


def test_a_range_of_one_value_fixes_it():
    assert parse(width="7..7") == {"width": Choices((7,))}


def test_truth_values_in_any_case():
    assert parse(flag="true") == {"flag": Choices((True,))}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"widht": "4"}, ["no dimension of space toy named 'widht'", "'width'"]),
        ({"norm": "fnr"}, ["no choice of 'norm'", "'frn'"]),
        ({"width": "4.5"}, ["not a whole number"]),
        ({"rate": "fast"}, ["not a number"]),
        ({"rate": "2"}, ["out of range", "1e-06 to 1"]),
        ({"rate": "nan"}, ["out of range"]),
        ({"width": "9..3"}, ["ends before it starts"]),
        ({"width": "0..3"}, ["out of range"]),
        ({"norm": "bn..frn"}, ["no choice of 'norm'"]),
    ],
)
def test_bad_wishes_are_named(texts, words):
    with pytest.raises(UsageError) as caught:
        parse(**texts)
    assert all(word in str(caught.value) for word in words)


@given(st.floats(1e-6, 1.0), st.floats(1e-6, 1.0))
def test_any_float_within_limits_survives_its_text(one, other):
    low, high = sorted((one, other))
    expected = Range(low, high) if low < high else Choices((low,))
    assert parse(rate=f"{low!r}..{high!r}") == {"rate": expected}


@given(st.lists(st.integers(1, 64), min_size=1, max_size=8))
def test_choices_keep_order_and_lose_repeats(values):
    assert parse(width=",".join(map(str, values))) == {"width": Choices(tuple(dict.fromkeys(values)))}


@given(st.text())
def test_no_text_crashes_the_parser(text):
    for name in ("rate", "width", "norm", "flag"):
        try:
            wish = parse(**{name: text})[name]
        except UsageError:
            continue
        assert isinstance(wish, Choices | Range)


@given(st.dictionaries(st.text("abc_", min_size=1), st.text("xyz.,019", min_size=1)))
def test_assignments_round_trip(wishes):
    assert split_assignments(f"{name}={text}" for name, text in wishes.items()) == wishes


@pytest.mark.parametrize("assignment", ["width", "width=", "=4", ""])
def test_half_an_assignment(assignment):
    with pytest.raises(UsageError, match="NAME=VALUE"):
        split_assignments([assignment])


def test_a_dimension_set_twice():
    with pytest.raises(UsageError, match="twice"):
        split_assignments(["width=4", "width=8"])


def test_a_fixed_dimension_never_reaches_the_sampler():
    recorder = Recorder()
    trial = NarrowedTrial(recorder, parse(rate="0.5", width="3", norm="gn"))
    assert (trial.suggest_float("rate", 0.001, 0.1, log=True), trial.suggest_int("width", 1, 64)) == (0.5, 3)
    assert trial.suggest_categorical("norm", ("bn", "gn", "frn")) == "gn"
    assert recorder.asked == {}


def test_a_narrowed_dimension_is_asked_in_the_users_range():
    recorder = Recorder()
    trial = NarrowedTrial(recorder, parse(rate="0.2..0.9", width="2,4", norm="frn,gn"))
    trial.suggest_float("rate", 0.001, 0.1, log=True)
    trial.suggest_int("width", 1, 64)
    trial.suggest_categorical("norm", ("bn", "gn", "frn"))
    assert recorder.asked == {"rate": (0.2, 0.9, True), "width": (2, 4), "norm": ("frn", "gn")}


def test_what_nobody_narrowed_is_asked_as_it_is():
    recorder = Recorder()
    NarrowedTrial(recorder, {}).suggest_float("rate", 0.001, 0.1, log=True)
    assert recorder.asked == {"rate": (0.001, 0.1, True)}


def test_a_starting_point_moves_to_where_it_is_allowed():
    narrowing = parse(rate="0.2..0.9", width="4", norm="frn,gn")
    assert starting_point({"width": 1}, DIMENSIONS, narrowing) == {"rate": 0.2, "norm": "frn", "flag": False}


FIXED = (
    Float("alpha", 1.2, 1.2, 1.2, limits=(1.0, 2.0)),
    Integer("px", 28, 28, 28, limits=(8, 224)),
    Categorical("optimizer", ("adamw",), "adamw", limits=("adamw", "sgd")),
    Float("share", 0.0, 1.0, 0.5),
)


def test_a_dimension_of_one_value_is_fixed_to_it():
    assert parse_narrowing({}, FIXED, "toy") == {
        "alpha": Choices((1.2,)),
        "px": Choices((28,)),
        "optimizer": Choices(("adamw",)),
    }
    assert [dimension.fixed for dimension in FIXED] == [True, True, True, False]


def test_a_fixed_dimension_is_widened_within_its_limits():
    widened = parse_narrowing({"alpha": "1..1.5", "px": "14", "optimizer": "sgd,adamw"}, FIXED, "toy")
    assert widened == {"alpha": Range(1.0, 1.5), "px": Choices((14,)), "optimizer": Choices(("sgd", "adamw"))}
    with pytest.raises(UsageError, match="alpha=3 is out of range"):
        parse_narrowing({"alpha": "3"}, FIXED, "toy")


def test_a_fixed_dimension_reaches_no_sampler():
    recorder = Recorder()
    trial = NarrowedTrial(recorder, parse_narrowing({}, FIXED, "toy"))
    assert [dimension.suggest(trial) for dimension in FIXED] == [1.2, 28, "adamw", 0.0]
    assert list(recorder.asked) == ["share"]


def test_what_is_opened_is_all_that_the_limits_allow():
    wishes = opened(["alpha", "optimizer", "no such dimension"], FIXED)
    assert parse_narrowing(wishes, FIXED, "toy") == {
        "alpha": Range(1.0, 2.0),
        "px": Choices((28,)),
        "optimizer": Choices(("adamw", "sgd")),
    }
