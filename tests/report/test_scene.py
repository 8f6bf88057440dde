"""Axes and points that every picture shares."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.engine.record import front
from automl.report.scene import TRIAL, Axis, scene

values = st.floats(min_value=-1e12, max_value=1e12)
prices = st.floats(min_value=1e-9, max_value=1e24)


@given(values, values, st.integers(2, 12))
def test_even_ticks_are_few_round_and_within(one, other, most):
    axis = Axis("rmse", log=False, low=min(one, other), high=max(one, other))
    low, high = axis.limits()
    assert low < axis.low <= axis.high < high
    ticks = [value for value, _ in axis.ticks(most)]
    assert 1 <= len(ticks) <= most
    assert all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert len({label for _, label in axis.ticks(most)}) == len(ticks)


@given(prices, prices, st.integers(2, 12))
def test_logarithmic_ticks_are_few_and_within(one, other, most):
    axis = Axis("lifetime_flops", log=True, low=min(one, other), high=max(one, other))
    low, high = axis.limits()
    ticks = axis.ticks(most)
    assert 1 <= len(ticks) <= most
    assert all(low - 1e-9 <= axis.place(value) <= high + 1e-9 for value, _ in ticks)
    assert len({label for _, label in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("axis", "most", "labels"),
    [
        (Axis("lifetime_flops", log=True, low=1e6, high=1e9), 5, ["1M", "10M", "100M", "1G"]),
        (Axis("lifetime_flops", log=True, low=1e6, high=1e8), 6, ["1M", "3M", "10M", "30M", "100M"]),
        (Axis("lifetime_flops", log=True, low=1e9, high=1.03e9), 4, ["1G", "1.01G", "1.02G", "1.03G"]),
        (Axis("lifetime_flops", log=True, low=1, high=1e20), 5, ["100m", "10k", "1G", "100T", "10E"]),
        (Axis("lifetime_flops", log=True, low=1e9, high=1.0002e9), 3, ["1G", "1.0001G", "1.0002G"]),
        (Axis("wall_s", log=False, low=99_800, high=100_000), 5, ["99.8k", "99.85k", "99.9k", "99.95k", "100k"]),
        (Axis("accuracy", log=False, low=0.5, high=0.975), 6, ["50%", "60%", "70%", "80%", "90%", "100%"]),
        (Axis("accuracy", log=False, low=0.97, high=0.975), 6, ["97%", "97.1%", "97.2%", "97.3%", "97.4%", "97.5%"]),
        (Axis(TRIAL, log=False, low=0, high=2), 9, ["0", "1", "2"]),
    ],
)
def test_ticks_people_would_choose(axis, most, labels):
    assert [label for _, label in axis.ticks(most)] == labels


def test_the_title_counts(study, green, scores_only, accuracy, record):
    best = len(front(study, green))
    assert scene(study, green).title == (
        f"Front of accuracy against lifetime FLOPs: {best} of 22 trials (2 more failed)"
    )
    assert scene(scores_only, accuracy).title == "Best accuracy of 22 trials (2 more failed)"
    assert scene([record(0, (0.5, 1e9))], green).title == "Front of accuracy against lifetime FLOPs: 1 of 1 trial"


def test_every_scored_trial_is_drawn_once(tested_study, green):
    picture = scene(tested_study, green)
    drawn = sorted(point[0].number for point in [*picture.trials, *picture.front])
    assert drawn == [record.number for record in tested_study if record.values is not None]
    assert len(picture.tested) == len(picture.front)
    assert picture.y.low <= min(y for _, _, y in picture.tested), "the axis has room for the test scores"


def test_importing_the_room_is_cheap():
    heavy = ("rich", "plotext", "plotly", "matplotlib", "pandas", "numpy", "torch", "optuna")
    rooms = ("figures", "history", "labels", "scene", "tables", "terminal", "units")
    code = "".join(f"import automl.report.{room}\n" for room in rooms)
    code += f"import sys\nprint([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
