"""The front as a picture of characters."""

from __future__ import annotations

import itertools

import pytest

from automl.engine.record import front
from automl.parts import Goal
from automl.report.scene import NOTHING
from automl.report.terminal import DOMINATED, ON_FRONT, front_plot

SPREAD = [(0.50, 1e6), (0.70, 1e7), (0.85, 1e8), (0.95, 1e9), (0.60, 1e8), (0.80, 9e8), (0.55, 5e7)]


def body(text):
    """The plot without its heading, which explains the marks by showing them."""
    return "\n".join(text.splitlines()[1:])


def test_marks_exactly_the_front(record, green):
    records = [record(number, values) for number, values in enumerate(SPREAD)]
    text = front_plot(records, green, width=80, height=18, color=False)
    assert body(text).count(ON_FRONT) == len(front(records, green)) == 4
    assert body(text).count(DOMINATED) == 3


def test_dearer_lies_to_the_right_and_better_above(record, green):
    records = [record(number, values) for number, values in enumerate(SPREAD)]
    lines = body(front_plot(records, green, width=80, height=18, color=False)).splitlines()
    places = [(line.index(ON_FRONT), row) for row, line in enumerate(lines) if ON_FRONT in line]
    columns = [column for column, _ in places]
    assert columns == sorted(columns, reverse=True)
    gaps = [left - right for left, right in itertools.pairwise(columns)]
    assert max(gaps) - min(gaps) <= 1, "equal factors are equal distances on a logarithmic axis"


@pytest.mark.parametrize(("width", "height"), [(80, 18), (60, 15), (120, 40), (10, 3)])
def test_fits_its_box_and_says_what_is_what(study, green, width, height):
    text = front_plot(study, green, width=width, height=height, color=False)
    lines = text.splitlines()
    assert len(lines) == max(height, 8)
    assert max(map(len, lines)) <= max(width, 30)
    assert "accuracy" in lines[0]
    assert "lifetime FLOPs" in lines[-1]
    if width >= 60:
        assert "10T" in lines[-2]
        assert "80%" in text


def test_color_is_escape_codes_and_nothing_else(study, green):
    import plotext

    plain = front_plot(study, green, color=False)
    colored = front_plot(study, green, color=True)
    assert "\x1b" not in plain
    assert "\x1b[" in colored
    assert [line.rstrip() for line in plotext.uncolorize(colored).splitlines()] == plain.splitlines()


def test_nothing_to_draw_is_a_sentence(record, green):
    assert front_plot([], green) == front_plot([record(0, None)], green) == NOTHING


@pytest.mark.parametrize("goals", [2, 1])
def test_one_point(record, green, goals):
    text = front_plot([record(0, (0.5, 1e9)[:goals])], green[:goals], color=False)
    assert body(text).count(ON_FRONT) == 1


@pytest.mark.parametrize("value", [(0.9, 1e9), (0.0, 0.0), (1.0, 1.0), (-3.0, 1e-9)])
def test_equal_values_share_a_point(record, green, value):
    text = front_plot([record(number, value) for number in range(5)], green, color=False)
    assert body(text).count(ON_FRONT) == 1


def test_a_price_of_nothing_makes_the_axis_straight(record, green):
    records = [record(0, (0.5, 0.0)), record(1, (0.7, 1e6)), record(2, (0.9, 4e6))]
    text = front_plot(records, green, color=False)
    assert body(text).count(ON_FRONT) == 3
    assert "2M" in text.splitlines()[-2]


def test_one_goal_shows_the_best_so_far(record, accuracy):
    records = [record(number, (score,)) for number, score in enumerate((0.5, 0.4, 0.8, 0.9, 0.6, 0.7))]
    text = front_plot(records, accuracy, width=80, height=20, color=False)
    lines = body(text).splitlines()
    assert "trial" in lines[-1]
    assert body(text).count(ON_FRONT) == 1
    assert body(text).count(DOMINATED) == 5
    # The line goes on from the best trial to the last one.
    row = next(line for line in lines if ON_FRONT in line)
    assert row.split(ON_FRONT)[1].rstrip().endswith("──")


def test_smaller_may_be_better_and_dearer_may_be_better(record):
    goals = (Goal("rmse", "minimize"), Goal("speed", "maximize"))
    values = [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0), (4.5, 1.5)]
    text = front_plot([record(number, value) for number, value in enumerate(values)], goals, color=False)
    assert body(text).count(ON_FRONT) == 3
    assert body(text).count(DOMINATED) == 1


def test_three_goals_have_points_but_no_line(record, green):
    goals = (*green, Goal("wall_s", "minimize"))
    values = [(0.9, 1e9, 5.0), (0.8, 1e8, 9.0), (0.7, 1e9, 1.0)]
    text = body(front_plot([record(number, value) for number, value in enumerate(values)], goals, color=False))
    assert text.count(ON_FRONT) == 3
    assert "wall time (s)" in text
    assert not set("┘┐┌") & set(text)


def test_leaves_nothing_behind_in_the_library(study, green):
    import plotext

    plotext.figure.clear()
    empty = plotext.figure.build().string()
    first = front_plot(study, green, width=100, color=False)
    plotext.figure.clear.size()
    assert plotext.figure.build().string() == empty
    assert front_plot(study, green, width=100, color=False) == first
