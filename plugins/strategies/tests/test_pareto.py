"""The strategy `pareto`: its arithmetic, and what it does with rungs and prices."""

from __future__ import annotations

import math
import pathlib

import numpy as np
import pytest
from automl_strategies import Pareto, Random
from automl_strategies.pareto.acquisition import boxes, dominated_by, expected_gain, thinned, undominated
from automl_strategies.pareto.coder import Coder
from automl_strategies.pareto.surrogate import Surface
from hypothesis import given, settings
from hypothesis import strategies as st

from automl import Categorical, Engine, Float, Goal, Integer
from automl.engine.front import hypervolume

DIMENSIONS = (
    Integer("width", 1, 64, 8, log=True),
    Float("rate", 1e-3, 1.0, 0.1, log=True),
    Categorical("kind", ("a", "b", "c"), "a"),
)
GOALS = (Goal("accuracy", "maximize"), Goal("seconds", "minimize", log=True))
RUNGS = (1, 3, 9, 27)

points = st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=0, max_size=7)


def loss_goals(count):
    return [Goal(f"g{index}", "minimize") for index in range(count)]


@given(points, st.integers(1, 3))
def test_boxes_fill_what_no_point_dominates(front, count):
    front = np.array(front, float).reshape(-1, 3)[:, :count]
    reference = np.ones(count)
    lower, upper = boxes(front, reference)
    free = np.maximum(upper - np.maximum(lower, 0.0), 0.0).prod(axis=1).sum()
    dominated = hypervolume([tuple(row) for row in front], tuple(reference), loss_goals(count))
    assert free + dominated == pytest.approx(1.0, abs=1e-9)


@given(points, st.integers(1, 3))
def test_the_expected_gain_of_a_certain_point_is_the_volume_it_adds(front, count):
    front = np.array(front, float).reshape(-1, 3)[:, :count]
    lower, upper = boxes(front, np.ones(count))
    new = np.full(count, 0.5)
    [gain] = expected_gain(new[None], np.zeros((1, count)), lower, upper)
    volumes = [
        hypervolume([tuple(row) for row in rows], (1,) * count, loss_goals(count)) for rows in (front, [*front, new])
    ]
    assert gain == pytest.approx(volumes[1] - volumes[0], abs=1e-9)


def test_the_expected_gain_is_the_mean_gain():
    draw = np.random.default_rng(0)
    front = np.array([[0.2, 0.8], [0.5, 0.4], [0.9, 0.1]])
    reference = np.ones(2)
    mean, deviation = np.array([[0.4, 0.5]]), np.array([[0.2, 0.1]])
    [exact] = expected_gain(mean, deviation, *boxes(front, reference))
    before = hypervolume([tuple(row) for row in front], (1, 1), loss_goals(2))
    drawn = mean + deviation * draw.normal(size=(4000, 2))
    gains = [hypervolume([*map(tuple, front), tuple(row)], (1, 1), loss_goals(2)) - before for row in drawn.tolist()]
    error = np.std(gains) / math.sqrt(len(gains))
    assert abs(np.mean(gains) - exact) < 4 * error


def test_a_known_loss_gains_exactly_what_it_covers():
    lower, upper = boxes(np.array([[0.5, 0.5]]), np.ones(2))
    gain = expected_gain(np.array([[0.25, 0.25], [0.6, 0.6]]), np.zeros((2, 2)), lower, upper)
    assert gain == pytest.approx([0.75**2 - 0.5**2, 0.0])


def test_a_thinned_front_is_part_of_the_front_and_spans_most_of_it():
    scores = np.linspace(0.0, 1.0, 400)
    front = np.stack([scores, 1.0 - np.sqrt(scores)], axis=1)
    kept = thinned(front, 24)
    assert 20 <= len(kept) <= 25
    assert {tuple(row) for row in kept} <= {tuple(row) for row in front}
    whole, part = (hypervolume([*map(tuple, each)], (1, 1), loss_goals(2)) for each in (front, kept))
    assert 0.9 * whole < part < whole
    few = np.array([[0.1, 0.9], [0.9, 0.1]])
    assert thinned(few, 24) is few
    assert undominated(kept) == list(range(len(kept)))


def test_the_gradient_of_the_surrogate_is_its_slope():
    draw = np.random.default_rng(1)
    x, t, y = draw.random((12, 3)), draw.random(12), draw.normal(size=12)
    surface = Surface((1, 1, 1), timed=True)
    squares = (x[:, None] - x[None]) ** 2
    apart, gap = np.moveaxis(squares, -1, 0), (t[:, None] - t[None]) ** 2
    theta = surface._theta + 0.1 * draw.normal(size=len(surface._theta))
    _, gradient = surface._misfit(theta, apart, gap, y)
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = 1e-5
        above, below = (surface._misfit(theta + sign * step, apart, gap, y)[0] for sign in (1, -1))
        assert gradient[place] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-5)


def test_the_surrogate_goes_through_what_it_saw():
    draw = np.random.default_rng(2)
    x, t = draw.random((20, 2)), np.ones(20)
    y = np.sin(3 * x[:, 0]) + x[:, 1]
    surface = Surface((1, 1), timed=False)
    surface.learn(x, t, y, refit=True)
    [mean], [deviation] = surface.predict(x, np.ones(1))
    assert np.abs(mean - y).max() < 0.05
    far = surface.predict(np.array([[5.0, 5.0]]), np.ones(1))[1][0]
    assert far > 3 * deviation.max()


@settings(max_examples=50)
@given(st.integers(1, 64), st.floats(1e-3, 1.0), st.sampled_from("abc"))
def test_points_come_back_from_their_genes(width, rate, kind):
    coder = Coder(DIMENSIONS)
    point = coder.point(coder.code({"width": width, "rate": rate, "kind": kind}))
    assert (point["width"], point["kind"]) == (width, kind)
    assert point["rate"] == pytest.approx(rate)
    assert [type(value) for value in point.values()] == [int, float, str]


@given(points)
def test_what_is_dominated_is_beaten_in_one_goal_and_in_none_better(rows):
    rows = np.array(rows, float).reshape(-1, 3)
    beaten = dominated_by(rows, rows)
    for row, is_beaten in zip(rows, beaten, strict=True):
        others = [other for other in rows if (other <= row).all() and (other < row).any()]
        assert bool(others) == bool(is_beaten)


def curve(step):
    """A wide net is dear and good; the rate has an optimum; longer is better, with less and less gained."""
    width, epochs = step.point["width"], RUNGS[step.rung]
    skill = (1 - 1 / (1 + width**0.7)) * math.exp(-0.2 * math.log(step.point["rate"] / 0.05) ** 2)
    return skill * (1 - math.exp(-0.3 * epochs)) * (0.9 if step.point["kind"] == "c" else 1.0), 0.01 * width * epochs


def covered(strategy, seed, purse_s=60.0):
    """Hypervolume of the front that a purse buys, and how many trials were trained in full."""
    engine = Engine(DIMENSIONS, GOALS, rungs=RUNGS, strategy=strategy, seed=seed, landmarks=({"width": 1},))
    spent_s, paid_s = 0.0, {}
    while spent_s < purse_s and (step := engine.ask()) is not None:
        accuracy, seconds = curve(step)
        price = seconds - paid_s.get(step.trial, 0.0)
        paid_s[step.trial], spent_s = seconds, spent_s + price
        engine.tell(step, (accuracy, seconds), price=price)
    return engine.hypervolume((0.0, 20.0)), engine


def test_a_purse_buys_more_than_chance_does():
    ours = [covered(Pareto(), seed)[0] for seed in range(3)]
    chance = [covered(Random(), seed)[0] for seed in range(3)]
    assert min(ours) > max(chance)


def test_few_trials_are_trained_in_full():
    _, engine = covered(Pareto(), 0)
    trials = {step.trial for step, _ in engine.results}
    full = {step.trial for step, _ in engine.results if step.rung == len(RUNGS) - 1}
    assert 0 < len(full) < len(trials) / 2


def test_what_the_front_beats_at_every_plausible_score_is_hopeless():
    def quote(point):
        return [(math.nan, 0.01 * point["width"])]

    engine = Engine(DIMENSIONS, GOALS, strategy=Pareto(), quote=quote, quotes=8)
    for _ in range(40):
        step = engine.ask()
        # Narrow nets are as good as wide ones, so that wide ones are beaten as soon as that is known.
        engine.tell(step, (0.9 - 0.001 * math.log(step.point["width"]), 0.01 * step.point["width"]), price=1.0)
    wide = {"width": 64, "rate": 0.1, "kind": "a"}
    searcher = engine._searcher

    def hopeless(point):
        genes = np.array([searcher._coder.code(point)])
        mean, deviation, _ = searcher._forecast.at(genes, searcher._targets(), exact=True)
        return bool(searcher._hopeless(genes, mean, deviation).all())

    before = searcher.dropped
    assert hopeless(wide)
    assert searcher.dropped == before + 1
    assert not hopeless({**wide, "width": 1})
    begun = [step.point["width"] for step, _ in engine.results]
    assert np.median(begun[20:]) <= 4


def test_the_twenty_lines_of_the_documentation_run(capsys):
    text = (pathlib.Path(__file__).parents[3] / "docs" / "engine.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    exec(code, {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 5
    assert "trial" in lines[0]


def test_a_finite_space_is_searched_to_its_last_candidate():
    tiny = (Categorical("kind", ("a", "b"), "a"), Integer("width", 1, 2, 1))
    engine = Engine(tiny, GOALS, rungs=(1, 3), strategy=Pareto())
    while (step := engine.ask()) is not None:
        value = 0.1 * step.point["width"] + 0.3 * step.rung + 0.05 * (step.point["kind"] == "a")
        engine.tell(step, (value, float(step.point["width"])), price=1.0)
    assert len({step.trial for step, _ in engine.results}) == 4
