"""The engine alone, on a black box that trains nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl import Categorical, Engine, Float, Goal, Integer
from automl.engine.engine import DROPPED
from automl.errors import UsageError
from automl.testing.toy_strategy import ToyHalving, ToyRandom

DIMENSIONS = (Integer("width", 1, 64, 8, log=True), Float("rate", 0.01, 1.0, 0.1, log=True))
GOALS = (Goal("accuracy", "maximize"), Goal("seconds", "minimize", log=True))
RUNGS = (1, 3, 9)


def outcome(step, rungs=RUNGS):
    """Wider is better and dearer; longer as well."""
    epochs, width = rungs[step.rung], step.point["width"]
    return 1 - 1 / (1 + width * epochs), 0.1 * width * epochs


def run(engine, steps):
    asked = []
    while len(asked) < steps and (step := engine.ask()) is not None:
        accuracy, seconds = outcome(step, engine.rungs)
        engine.tell(step, (accuracy, seconds), price=seconds)
        asked.append(step)
    return asked


def test_trials_go_on_from_rung_to_rung():
    engine = Engine(DIMENSIONS, GOALS, rungs=RUNGS, strategy=ToyHalving())
    steps = run(engine, 30)
    trials = {step.trial for step in steps}
    assert len(trials) < len(steps)
    for trial in trials:
        path = [(step.from_rung, step.rung) for step in steps if step.trial == trial]
        assert path == [(None, 0), (0, 1), (1, 2)][: len(path)]


def test_the_front_runs_over_trials_and_rungs():
    engine = Engine(DIMENSIONS, GOALS, rungs=RUNGS, strategy=ToyHalving())
    run(engine, 40)
    prices = [values[1] for _, values in engine.front]
    scores = [values[0] for _, values in engine.front]
    assert prices == sorted(prices)
    assert scores == sorted(scores)
    assert {step.rung for step, _ in engine.front} >= {0, 2}


def test_full_trainings_alone_count_where_a_rung_is_no_result():
    engine = Engine(DIMENSIONS, GOALS, rungs=RUNGS, strategy=ToyHalving(), every_rung=False)
    run(engine, 40)
    assert {step.rung for step, _ in engine.results} == {2}
    assert len(engine.results) < 40


def test_never_the_same_candidate_twice_even_from_another_point():
    engine = Engine(DIMENSIONS, GOALS, strategy=ToyRandom(), key=lambda point: str(min(point["width"], 4)))
    steps = run(engine, 100)
    assert sorted(min(step.point["width"], 4) for step in steps) == [1, 2, 3, 4]
    assert engine.ask() is None
    assert engine.unpaid == {}


def test_what_breaks_a_limit_is_refused_unpaid_and_counted():
    engine = Engine(
        DIMENSIONS, GOALS, strategy=ToyRandom(), refuse=lambda point: "too wide" if point["width"] > 8 else ""
    )
    assert all(step.point["width"] <= 8 for step in run(engine, 20))
    assert engine.unpaid["too wide"] > 0


def test_what_a_strategy_drops_is_told():
    class Dropping(ToyRandom):
        def start(self, problem):
            searcher = super().start(problem)
            searcher.dropped = 3
            return searcher

    assert Engine(DIMENSIONS, GOALS, strategy=Dropping()).unpaid == {DROPPED: 3}


def test_landmarks_come_first_their_gaps_filled():
    engine = Engine(DIMENSIONS, GOALS, strategy=ToyRandom(), landmarks=[{"width": 1}, {"rate": 1.0}])
    assert [step.point for step in run(engine, 2)] == [{"width": 1, "rate": 0.1}, {"width": 8, "rate": 1.0}]


def test_steps_may_be_in_flight_together():
    engine = Engine(DIMENSIONS, GOALS, strategy=ToyRandom())
    first, second = engine.ask(), engine.ask()
    assert engine.in_flight == (first, second)
    assert first.point != second.point
    engine.tell(second, None, price=1.0)
    assert engine.in_flight == (first,)
    assert engine.front == []


def test_an_engine_that_is_told_the_past_goes_on_where_it_ended():
    whole = Engine(DIMENSIONS, GOALS, rungs=RUNGS, strategy=ToyHalving())
    steps = run(whole, 20)
    again = Engine(DIMENSIONS, GOALS, rungs=RUNGS, strategy=ToyHalving())
    for step in steps[:12]:
        accuracy, seconds = outcome(step)
        again.tell(step, (accuracy, seconds), price=seconds)
    begun = {(step.trial, tuple(step.point.items())) for step in steps[:12] if step.from_rung is None}
    more = run(again, 8)
    assert not begun & {(step.trial, tuple(step.point.items())) for step in more if step.from_rung is None}
    assert [step for step in more if step.from_rung is not None]


def test_no_new_candidate_when_none_is_wanted():
    engine = Engine(DIMENSIONS, GOALS, rungs=RUNGS, strategy=ToyHalving())
    run(engine, 9)
    begun = len({step.trial for step, _ in engine.results})
    while (step := engine.ask(new=False)) is not None:
        assert step.from_rung is not None
        engine.tell(step, outcome(step), price=1.0)
    assert len({step.trial for step, _ in engine.results}) == begun


@pytest.mark.parametrize(
    ("dimensions", "goals", "rungs"),
    [
        (DIMENSIONS, (), (1,)),
        (DIMENSIONS, GOALS, ()),
        (DIMENSIONS, GOALS, (0, 3)),
        (DIMENSIONS, GOALS, (3, 3)),
        ((Categorical("width", (1, 2), 1), *DIMENSIONS), GOALS, (1,)),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(dimensions, goals, rungs):
    with pytest.raises(UsageError):
        Engine(dimensions, goals, rungs=rungs, strategy=ToyRandom())


@pytest.mark.parametrize(("values", "price"), [((0.5,), 1.0), ((0.5, math.nan), 1.0), ((0.5, 1.0), -1.0)])
def test_an_outcome_that_makes_no_sense_is_refused(values, price):
    engine = Engine(DIMENSIONS, GOALS, strategy=ToyRandom())
    step = engine.ask()
    with pytest.raises(UsageError):
        engine.tell(step, values, price=price)
    assert engine.in_flight == (step,)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(1e-3, 1e3)), min_size=1, max_size=8))
def test_the_hypervolume_grows_with_every_result_and_takes_logarithms(points):
    engine = Engine(DIMENSIONS, GOALS, strategy=ToyRandom())
    before = 0.0
    for point in points:
        engine.tell(engine.ask(), point, price=1.0)
        now = engine.hypervolume((-0.01, 1e4))
        assert now >= before - 1e-12
        before = now
    score, seconds = points[0]
    assert before >= (score + 0.01) * math.log(1e4 / seconds) * (1 - 1e-9)
