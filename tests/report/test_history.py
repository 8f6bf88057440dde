"""How much of the plane the front covers, trial by trial."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.engine.front import dominates
from automl.parts import Goal
from automl.report.history import hypervolume_history

GOALS = (Goal("accuracy", "maximize"), Goal("lifetime_flops", "minimize", log=True))
THREE = (*GOALS, Goal("wall_s", "minimize"))

outcomes = st.one_of(st.none(), st.tuples(st.integers(0, 5), st.integers(1, 5), st.integers(0, 5)))


def test_by_hand(record):
    goals = (Goal("accuracy", "maximize"), Goal("wall_s", "minimize"))
    records = [record(0, (0.0, 0.0)), record(1, None), record(2, (1.0, 10.0)), record(3, (1.0, 0.0))]
    # Reference (-0.1, 11), box 1.1 x 11: at first 0.1 x 11, then 1.0 x 1 more, then all of it.
    assert hypervolume_history(records, goals) == pytest.approx([1.1 / 12.1, 1.1 / 12.1, 2.1 / 12.1, 1.0])


def test_logarithmic_goals_are_measured_in_decades(record):
    records = [record(0, (0.5, 1e9)), record(1, (0.5, 1e8)), record(2, (0.5, 1e7))]
    # Two decades and a margin of 0.2, each trial one decade further; in the score all agree.
    assert hypervolume_history(records, GOALS) == pytest.approx([0.2 / 2.2, 1.2 / 2.2, 1.0])


def test_a_price_of_nothing_is_measured_as_it_is(record):
    records = [record(0, (0.5, 10.0)), record(1, (0.5, 0.0))]
    assert hypervolume_history(records, GOALS) == pytest.approx([1 / 11, 1.0])


def test_before_the_first_success_and_without_any(record):
    assert hypervolume_history([], GOALS) == []
    assert hypervolume_history([record(0, None)], GOALS) == [0.0]
    assert hypervolume_history([record(0, None), record(1, (0.5, 1e6))], GOALS) == [0.0, 1.0]


def test_one_goal_is_the_best_so_far(record):
    records = [record(number, (score,)) for number, score in enumerate((0.5, 0.4, 0.9, 0.6))]
    assert hypervolume_history(records, GOALS[:1]) == pytest.approx([0.15 / 0.55, 0.15 / 0.55, 1.0, 1.0])


@given(outcome=st.lists(outcomes, max_size=12), goals=st.sampled_from([GOALS, THREE]))
def test_it_rises_with_every_point_that_nothing_before_it_beats(record, outcome, goals):
    values = [point and (point[0] / 5, 10.0 ** point[1], float(point[2]))[: len(goals)] for point in outcome]
    history = hypervolume_history([record(number, point) for number, point in enumerate(values)], goals)
    assert len(history) == len(values)
    assert all(0 <= volume <= 1 for volume in history)
    for index, point in enumerate(values):
        before = history[index - 1] if index else 0.0
        earlier = [other for other in values[:index] if other is not None]
        if point is None or any(other == point or dominates(other, point, goals) for other in earlier):
            assert history[index] == before
        else:
            assert history[index] > before
