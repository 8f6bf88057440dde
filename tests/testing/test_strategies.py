"""The strategy suite passes on the toy strategies, and catches strategies that break the contract."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import random

import pytest

import automl.testing.strategies
import automl.testing.strategy_run
from automl.parts import Step
from automl.testing.strategies import LANDMARKS, StrategySuite
from automl.testing.strategy_run import Run
from automl.testing.toy_strategy import ToyHalving, ToyRandom

PLUGIN = "automl.testing.toy:PLUGIN"


class TestToyRandom(StrategySuite):
    part = ToyRandom()
    plugin = PLUGIN


class TestToyHalving(StrategySuite):
    part = ToyHalving()
    plugin = PLUGIN


class Searcher:
    """Another searcher, to be bent."""

    def __init__(self, inner, problem):
        self.inner, self.problem = inner, problem
        self.asked = 0
        self.told = []

    def ask(self, *, new=True):
        self.asked += 1
        return self.inner.ask(new=new)

    def tell(self, step, outcome):
        self.told.append((step, outcome))
        self.inner.tell(step, outcome)


def broken(searcher, part=ToyRandom):
    """A strategy whose searcher is of that class."""

    class Broken(part):
        def start(self, problem):
            return searcher(super().start(problem), problem)

    Broken.__name__ = searcher.__name__
    return Broken()


def moved(step, **values):
    return step and dataclasses.replace(step, point={**step.point, **values})


class Moody(Searcher):
    """Draws from chance that no seed decides."""

    def ask(self, *, new=True):
        while True:
            step = super().ask(new=new)
            if step is None or random.random() < 0.5:
                return step


class Outside(Searcher):
    def ask(self, *, new=True):
        step = super().ask(new=new)
        return moved(step, rate=2.0) if step and "rate" in step.point else step


class Loose(Searcher):
    """Whole numbers as floats."""

    def ask(self, *, new=True):
        step = super().ask(new=new)
        return moved(step, depth=float(step.point["depth"])) if step and "depth" in step.point else step


class Incomplete(Searcher):
    def ask(self, *, new=True):
        step = super().ask(new=new)
        return step and dataclasses.replace(step, point=dict(list(step.point.items())[1:]))


class Beyond(Searcher):
    def ask(self, *, new=True):
        step = super().ask(new=new)
        return step and dataclasses.replace(step, rung=len(self.problem.rungs))


class Repeating(Searcher):
    """Proposes the first point again, under a new number."""

    def ask(self, *, new=True):
        step = super().ask(new=new)
        return moved(step, **self.told[0][0].point) if step and self.told else step


class Renumbering(Searcher):
    def ask(self, *, new=True):
        step = super().ask(new=new)
        return step and dataclasses.replace(step, trial=0)


class Forward(Searcher):
    """Asks nobody whether a point may be begun."""

    def __init__(self, inner, problem):
        willing = dataclasses.replace(problem, admits=lambda point: True)
        super().__init__(ToyRandom().start(willing), problem)


class Unheeding(Searcher):
    """Asks, and begins the point whatever the answer."""

    def __init__(self, inner, problem):
        def admits(point):
            problem.admits(point)
            return True

        super().__init__(ToyRandom().start(dataclasses.replace(problem, admits=admits)), problem)


class Waiting(Searcher):
    """One step at a time."""

    def ask(self, *, new=True):
        return super().ask(new=new) if self.asked == len(self.told) else None


class Discouraged(Searcher):
    """Ends at the first failure."""

    def ask(self, *, new=True):
        return None if any(outcome.values is None for _, outcome in self.told) else super().ask(new=new)


class Deaf(Searcher):
    """Takes no notice of steps it was not asked for."""

    def tell(self, step, outcome):
        if self.asked:
            super().tell(step, outcome)


class Touchy(Searcher):
    """Cannot be told what it was not asked for."""

    def __init__(self, inner, problem):
        super().__init__(inner, problem)
        self.known = set()

    def ask(self, *, new=True):
        step = super().ask(new=new)
        self.known |= {step.trial} if step else set()
        return step

    def tell(self, step, outcome):
        assert step.trial in self.known, "who is that?"
        super().tell(step, outcome)


class Eager(Searcher):
    def ask(self, *, new=True):
        return super().ask()


class Endless(Searcher):
    """Ends for one question only."""

    def ask(self, *, new=True):
        step = super().ask(new=new)
        if step is None and self.asked % 2 == 0 and self.told:
            last = self.told[-1][0]
            return Step(max(told.trial for told, _ in self.told) + 1, last.point, last.rung)
        return step


class Unprepared(Searcher):
    """Knows no landmark."""

    def __init__(self, inner, problem):
        super().__init__(ToyRandom().start(dataclasses.replace(problem, landmarks=())), problem)


class Backwards(Searcher):
    """The last landmark first."""

    def __init__(self, inner, problem):
        super().__init__(ToyRandom().start(dataclasses.replace(problem, landmarks=problem.landmarks[::-1])), problem)


class Emptying(Searcher):
    """Changes landmarks that are not its own."""

    def __init__(self, inner, problem):
        super().__init__(inner, problem)
        for landmark in problem.landmarks:
            landmark["rate"] = 0.5


class Narrow(Searcher):
    """Divides by the width of a range."""

    def __init__(self, inner, problem):
        super().__init__(inner, problem)
        numbers = [d for d in problem.dimensions if hasattr(d, "low")]
        assert all(d.high > d.low for d in numbers), "no range"


class Frozen(Searcher):
    """Steps of a stopped trial go on from the rung that was first told."""

    def ask(self, *, new=True):
        step = super().ask(new=new)
        return dataclasses.replace(step, from_rung=0) if step and step.from_rung else step


class Stubborn(Searcher):
    """Goes on with trials that failed."""

    def tell(self, step, outcome):
        super().tell(step, dataclasses.replace(outcome, values=outcome.values or (0.0,) * len(self.problem.goals)))


class Sharing(Searcher):
    """One state for all searchers."""

    count = 0

    def ask(self, *, new=True):
        type(self).count += 1
        for _ in range(self.count % 3):
            super().ask(new=new)
        return super().ask(new=new)


class Curious(Searcher):
    """Takes a score for known because its price is."""

    def ask(self, *, new=True):
        step = super().ask(new=new)
        if step and self.problem.quote:
            assert all(value == value for value in self.problem.quote(step.point)[0]), "not a number"  # noqa: PLR0124
        return step


class Lying(ToyRandom):
    stops = True


class Silent(ToyHalving):
    stops = False


class Lax(ToyRandom):
    def variant(self, text):
        return self


class Needy(Searcher):
    """Takes a point of no dimension for none."""

    def ask(self, *, new=True):
        step = super().ask(new=new)
        return step if step and step.point else None


CASES = [
    (broken(Moody), "test_the_same_outcomes_give_the_same_steps", ((1,),)),
    (broken(Outside), "test_steps_keep_to_the_contract", None),
    (broken(Loose), "test_steps_keep_to_the_contract", None),
    (broken(Incomplete), "test_steps_keep_to_the_contract", None),
    (broken(Beyond), "test_steps_keep_to_the_contract", None),
    (broken(Repeating), "test_steps_keep_to_the_contract", None),
    (broken(Renumbering), "test_steps_keep_to_the_contract", None),
    (broken(Forward), "test_steps_keep_to_the_contract", None),
    (broken(Unheeding), "test_refused_points_are_left_out", ()),
    (broken(Unheeding), "test_nothing_admitted_is_an_end_too", ()),
    (broken(Waiting), "test_asks_do_not_wait", "goals"),
    (broken(Discouraged), "test_failures_do_not_stop_it", ((1,),)),
    (broken(Stubborn, ToyHalving), "test_failures_do_not_stop_it", ((1, 3, 9),)),
    (broken(Deaf), "test_goes_on_where_another_searcher_stopped", "contract"),
    (broken(Deaf), "test_goes_on_with_the_history_of_another_strategy", ()),
    (broken(Touchy), "test_goes_on_with_a_step_that_a_killed_search_left", ()),
    (broken(Eager), "test_nothing_new_when_nothing_new_is_wanted", ((1,),)),
    (broken(Endless), "test_a_finite_space_has_an_end", ()),
    (broken(Unprepared), "test_landmarks_come_first", ()),
    (broken(Backwards), "test_landmarks_come_first", ()),
    (broken(Emptying), "test_the_problem_is_left_as_it_was", ()),
    (broken(Narrow), "test_dimensions_of_a_single_value", ((1,),)),
    (broken(Narrow), "test_only_single_values", ()),
    (broken(Needy), "test_no_dimension_at_all", ()),
    (broken(Frozen, ToyHalving), "test_steps_keep_to_the_contract", "rungs"),
    (broken(Sharing), "test_two_searchers_know_nothing_of_each_other", ()),
    (broken(Curious), "test_prices_known_beforehand", ()),
    (Lying(), "test_the_last_rung_is_where_it_says", ()),
    (Silent(), "test_the_last_rung_is_where_it_says", ()),
]

GOALS = automl.testing.strategy_run.GOALS
ARGUMENTS = {None: (GOALS[:2], (1,)), "contract": (GOALS[:2], (1,)), "rungs": (GOALS[:2], (1, 3, 9)), "goals": (GOALS,)}


@pytest.mark.parametrize(("part", "test", "given"), CASES, ids=[f"{type(c[0]).__name__}-{c[1]}" for c in CASES])
def test_what_is_wrong_is_caught(part, test, given):
    given = given if isinstance(given, tuple) else ARGUMENTS[given]
    suite = TestToyHalving if isinstance(part, ToyHalving) else TestToyRandom
    getattr(suite(), test)(*given)
    with pytest.raises(AssertionError):
        getattr(type("Wrong", (suite,), {"part": part})(), test)(*given)


def test_a_variant_of_any_name_is_caught():
    wrong = type("Wrong", (TestToyRandom,), {"part": Lax()})()
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        wrong.test_an_unknown_variant_is_told()


def test_every_test_of_the_suite_catches_something():
    own = {name for name in vars(StrategySuite) if name.startswith("test_")}
    assert own - {test for _, test, _ in CASES} == {"test_an_unknown_variant_is_told"}


def test_history_made_elsewhere_is_sound():
    run = Run(ToyRandom(), rungs=(1, 3), landmarks=LANDMARKS)
    run.made_elsewhere([(0, 0), (0, 1), (1, 0)])
    assert [(step.trial, step.rung, step.from_rung) for step in run.told] == [(0, 0, None), (0, 1, 0), (1, 0, None)]
    assert run.told[0].point == run.told[1].point != run.told[2].point


@pytest.mark.parametrize("module", [automl.testing.strategies, automl.testing.strategy_run])
def test_every_assert_carries_its_message(module):
    """pytest rewrites the asserts of test files alone; those of a library say nothing by themselves."""
    asserts = [n for n in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(n, ast.Assert)]
    assert asserts
    bare = [ast.unparse(node) for node in asserts if node.msg is None]
    assert [text for text in bare if not text.startswith("assert isinstance(")] == []
