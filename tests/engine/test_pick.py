"""Which trial of a front to take, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.engine.pick import WAYS, pick
from automl.engine.record import front
from automl.errors import UsageError
from automl.parts import Goal
from automl.report.reason import reason


@pytest.fixture
def bend(record):
    """A front with a bend at trial 2: a hundredth of the price for nearly all of the score."""
    points = [(0.5, 1e6), (0.7, 2e6), (0.95, 4e6), (0.96, 4e7), (0.97, 4e8)]
    return [record(number, point) for number, point in enumerate(points)]


def test_each_way_by_hand(bend, green):
    assert [pick(bend, green, way).number for way in ("best", "knee", "cheapest")] == [4, 2, 0]


def test_a_score_to_reach_leaves_out_what_is_worse(bend, green):
    assert pick(bend, green, "cheapest", 0.9).number == 2
    assert pick(bend, green, "cheapest", 0.95).number == 2
    assert pick(bend, green, "knee", 0.96).number == 4, "of two trials the knee is the best"
    with pytest.raises(UsageError, match=r"reaches accuracy 0\.99"):
        pick(bend, green, "best", 0.99)


def test_a_score_to_minimise(record):
    goals = (Goal("error", "minimize"), Goal("lifetime_flops", "minimize", log=True))
    trials = [record(number, point) for number, point in enumerate([(0.5, 1e6), (0.1, 4e6), (0.09, 4e8)])]
    assert [pick(trials, goals, way).number for way in ("best", "knee", "cheapest")] == [2, 1, 0]
    assert pick(trials, goals, "cheapest", 0.2).number == 1


def test_one_goal_has_one_trial(record, accuracy):
    trial = record(3, (0.9,))
    assert {pick([trial], accuracy, way).number for way in WAYS} == {3}


def test_unknown_ways_and_empty_fronts_are_told(bend, green):
    with pytest.raises(UsageError, match="'knee'"):
        pick(bend, green, "kne")
    with pytest.raises(UsageError, match="no trial"):
        pick([], green, "best")


@given(
    points=st.lists(st.tuples(st.floats(0, 1), st.floats(1, 1e15)), min_size=1, max_size=12), way=st.sampled_from(WAYS)
)
def test_what_is_picked_is_on_the_front_and_no_worse_than_asked(record, points, way):
    green = (Goal("accuracy", "maximize"), Goal("lifetime_flops", "minimize", log=True))
    standing = front([record(number, point) for number, point in enumerate(points)], green)
    wanted = min(point[0] for point in points)
    picked = pick(standing, green, way, wanted)
    assert picked in standing
    assert picked.values[0] >= wanted


def test_the_reason_names_values_and_neighbours(bend, green):
    text = reason(bend[2], bend, green, "knee")
    assert text.startswith("Trial 2 is the knee")
    for words in ("95.0% for 4 MFLOPs", "trial 1, has 70.0% for 2 MFLOPs", "trial 3, 96.0% for 40 MFLOPs"):
        assert words in text
    assert "reaches 95.0%" in reason(bend[2], bend, green, "cheapest", 0.95)
    assert "cheaper" not in reason(bend[0], bend, green, "cheapest")
    assert "dearer" not in reason(bend[4], bend, green, "best")
