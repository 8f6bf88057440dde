"""From a point of the engine to a candidate of a space."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.engine.narrow import NarrowedTrial, parse_narrowing, starting_point
from automl.engine.points import PointTrial, distribution, narrowed
from automl.errors import UsageError
from automl.parts import Categorical, Float, Integer

DIMENSIONS = (
    Integer("width", 1, 64, 8, log=True, limits=(1, 4096)),
    Float("rate", 0.01, 1.0, 0.1, log=True),
    Categorical("activation", ("relu", "tanh", "gelu"), "relu"),
)


def test_fixed_dimensions_are_left_out_and_ranges_take_the_wishes():
    wishes = parse_narrowing({"width": "2..100", "rate": "0.5", "activation": "tanh,gelu"}, DIMENSIONS, "toy")
    width, activation = narrowed(DIMENSIONS, wishes)
    assert (width.low, width.high, width.default) == (2, 100, 8)
    assert (activation.choices, activation.default) == (("tanh", "gelu"), "tanh")


def test_numbers_to_choose_from_are_choices():
    (width, *_) = narrowed(DIMENSIONS, parse_narrowing({"width": "4,16"}, DIMENSIONS, "toy"))
    assert width == Categorical("width", (4, 16), 4)


@given(st.integers(1, 64), st.floats(0.01, 1.0), st.sampled_from(["relu", "tanh", "gelu"]))
def test_a_space_gets_what_the_point_says(width, rate, activation):
    point = {"width": width, "rate": rate, "activation": activation}
    trial = PointTrial(point, DIMENSIONS)
    assert {d.name: d.suggest(trial) for d in DIMENSIONS} == point


@given(st.integers(1, 64), st.integers(1, 30), st.integers(30, 64))
def test_a_space_that_asks_for_less_gets_the_nearest(width, low, high):
    given_width = PointTrial({"width": width}, DIMENSIONS).suggest_int("width", low, high)
    assert given_width == min(max(width, low), high)


def test_a_choice_that_is_not_asked_for_gives_way():
    trial = PointTrial({"activation": "gelu"}, DIMENSIONS)
    assert trial.suggest_categorical("activation", ("relu", "tanh")) == "relu"


def test_steps_are_kept():
    trial = PointTrial({"width": 7, "rate": 0.33}, DIMENSIONS)
    assert trial.suggest_int("width", 0, 10, step=4) == 8
    assert trial.suggest_float("rate", 0.0, 1.0, step=0.25) == 0.25


def test_a_dimension_that_was_not_declared_is_told():
    with pytest.raises(UsageError, match="depth"):
        PointTrial({}, DIMENSIONS).suggest_int("depth", 1, 3)


def test_a_landmark_under_wishes_is_a_point_of_what_is_left():
    wishes = parse_narrowing({"width": "2..100", "rate": "0.5"}, DIMENSIONS, "toy")
    point = starting_point({"width": 1}, DIMENSIONS, wishes)
    assert point == {"width": 2, "activation": "relu"}
    assert set(point) == {d.name for d in narrowed(DIMENSIONS, wishes)}
    whole = NarrowedTrial(PointTrial(point, narrowed(DIMENSIONS, wishes)), wishes)
    assert {d.name: d.suggest(whole) for d in DIMENSIONS} == {"width": 2, "rate": 0.5, "activation": "relu"}


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_optuna_takes_each_dimension(dimension):
    assert distribution(dimension)._contains(distribution(dimension).to_internal_repr(dimension.default))
