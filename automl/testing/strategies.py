"""What holds for every strategy.

A plugin author subclasses the suite::

class TestMine(StrategySuite):
    part = Mine()
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, ClassVar

import pytest

from automl.errors import UsageError
from automl.parts import Categorical, Float, Goal, Integer
from automl.testing.parts import PartSuite
from automl.testing.strategy_run import GOALS, Run

if TYPE_CHECKING:
    from automl.parts import Point, Strategy

RUNGS = (1, 3, 9)
WORKERS = 4

TINY = (Categorical("kind", ("a", "b"), "a"), Integer("depth", 1, 3, 2))
POINTS_OF_TINY = 6

FLAT = (
    Float("rate", 0.5, 0.5, 0.5),
    Float("decay", 1e-3, 1e-3, 1e-3, log=True),
    Integer("depth", 3, 3, 3),
    Categorical("kind", ("a",), "a"),
    Float("share", 0.0, 1.0, 0.5),
)

LANDMARKS: tuple[Point, ...] = (
    {"rate": 1e-4, "share": 0.0, "width": 1, "depth": 0, "kind": "a", "bias": False},
    {"rate": 1.0, "share": 1.0, "width": 256, "depth": 6, "kind": "c", "bias": True},
)

goals = pytest.mark.parametrize("goals", [GOALS[:1], GOALS[:2], GOALS], ids=["1-goal", "2-goals", "3-goals"])
rungs = pytest.mark.parametrize("rungs", [(1,), RUNGS], ids=["1-rung", "3-rungs"])


class StrategySuite(PartSuite):
    """Tests that every strategy passes.

    Attributes:
        part: The strategy under test.
        steps: Steps that are asked for in most tests: more than the strategy begins with before it learns.
    """

    part: ClassVar[Strategy]
    steps: ClassVar[int] = 24

    @goals
    @rungs
    def test_steps_keep_to_the_contract(self, goals: tuple[Goal, ...], rungs: tuple[int, ...]) -> None:
        """Points within their dimensions, in their types, admitted and new; trials that rise from rung to rung."""
        run = Run(self.part, goals=goals, rungs=rungs)
        run.go(self.steps)
        assert len(run.told) == self.steps, f"a wide space was at its end after {len(run.told)} steps"

    @rungs
    def test_the_same_outcomes_give_the_same_steps(self, rungs: tuple[int, ...]) -> None:
        """Nothing but the problem and the outcomes decides."""
        one, other = (Run(self.part, rungs=rungs, seed=7).go(self.steps) for _ in range(2))
        for ours, theirs in itertools.zip_longest(one.told, other.told):
            assert ours == theirs, f"the same problem gives {ours}, and then {theirs}"

    def test_the_last_rung_is_where_it_says(self) -> None:
        """A strategy that does not stop trials trains each in full at once; one that does stops some."""
        run = Run(self.part, rungs=RUNGS).go(self.steps)
        early = [step for step in run.told if step.rung < len(RUNGS) - 1]
        if self.part.stops:
            assert early, f"{self.part.name} stops trials, it says, and trains all in full at once"
        else:
            assert not early, f"{self.part.name} stops no trial, it says, but asks for {early[:1]}"

    @goals
    def test_asks_do_not_wait(self, goals: tuple[Goal, ...]) -> None:
        """Several steps are in flight, and finish in another order than they began."""
        run = Run(self.part, goals=goals, rungs=RUNGS)
        run.go(self.steps, workers=WORKERS)
        assert run.most_in_flight == WORKERS, f"of {WORKERS} workers {run.most_in_flight} had something to do"
        assert len(run.told) >= self.steps, f"a wide space was at its end after {len(run.told)} steps"

    def test_a_finite_space_has_an_end(self) -> None:
        """Then None is the answer, and stays it."""
        run = Run(self.part, dimensions=TINY).go(10 * POINTS_OF_TINY)
        assert 1 <= len(run.told) <= POINTS_OF_TINY, f"{POINTS_OF_TINY} points give {len(run.told)} steps"
        for _ in range(2):
            step = run.ask()
            assert step is None, f"the space is exhausted, but here is {step}"

    def test_nothing_admitted_is_an_end_too(self) -> None:
        """Asked for a point where none may be begun, it gives up."""
        step = Run(self.part, dimensions=TINY, refuse=lambda _: True).ask()
        assert step is None, f"no point may be begun, but here is {step}"

    def test_refused_points_are_left_out(self) -> None:
        """Half of the space is refused; the other half is searched all the same."""
        run = Run(self.part, rungs=RUNGS, refuse=lambda point: bool(point["rate"] > 0.01), landmarks=LANDMARKS)  # noqa: PLR2004
        run.go(self.steps)
        assert len(run.told) == self.steps, f"half a space was at its end after {len(run.told)} steps"

    @rungs
    def test_failures_do_not_stop_it(self, rungs: tuple[int, ...]) -> None:
        """A trial that failed does not go on, and others do."""
        run = Run(self.part, rungs=rungs, fail=lambda step: step.trial % 2 == 0).go(self.steps)
        assert len(run.told) == self.steps, f"half of the trials failed, and it ended after {len(run.told)} steps"
        run = Run(self.part, rungs=rungs, fail=lambda _: True).go(self.steps)
        assert len(run.told) == self.steps, f"all trials failed, and it ended after {len(run.told)} steps"

    @goals
    @rungs
    def test_goes_on_where_another_searcher_stopped(self, goals: tuple[Goal, ...], rungs: tuple[int, ...]) -> None:
        """Told all steps before, a new searcher begins new trials under new numbers."""
        run = Run(self.part, goals=goals, rungs=rungs, landmarks=LANDMARKS, fail=lambda step: step.trial == 1)
        run.go(self.steps // 2)
        before = max(step.trial for step in run.told)
        run.restart().go(self.steps)
        after = [step for step in run.told[self.steps // 2 :] if step.from_rung is None and step.trial > before]
        assert after, "after a restart no new trial is begun"

    def test_goes_on_with_the_history_of_another_strategy(self) -> None:
        """Trials that were stopped at rungs, went on, or failed there."""
        run = Run(self.part, rungs=RUNGS, landmarks=LANDMARKS, fail=lambda step: step.trial == 2)  # noqa: PLR2004
        run.made_elsewhere([(0, 0), (1, 0), (0, 1), (2, 0), (3, 0), (0, 2), (1, 1)])
        told = len(run.told)
        run.go(told + self.steps)
        assert len(run.told) == told + self.steps, f"after a restart it ended after {len(run.told) - told} steps"

    def test_goes_on_with_a_step_that_a_killed_search_left(self) -> None:
        """It is told while others are in flight, to a searcher that was never asked for it."""
        run = Run(self.part, rungs=RUNGS, landmarks=LANDMARKS).go(3)
        left = run.ask()
        assert left is not None, "a wide space was at its end after 3 steps"
        run.restart()
        run.tell(left)
        run.go(len(run.told) + self.steps // 2, workers=2)

    def test_landmarks_come_first(self) -> None:
        """In their order, those that are refused left out."""
        run = Run(self.part, landmarks=LANDMARKS).go(2)
        points = tuple(step.point for step in run.told)
        assert points == LANDMARKS, f"of the landmarks {LANDMARKS} it makes {points}"
        run = Run(self.part, landmarks=LANDMARKS, refuse=lambda point: point == LANDMARKS[0]).go(1)
        assert run.told[0].point == LANDMARKS[1], f"the one admitted landmark is first, not {run.told[0].point}"

    @rungs
    def test_nothing_new_when_nothing_new_is_wanted(self, rungs: tuple[int, ...]) -> None:
        """Then trials that stopped go on, or none does."""
        run = Run(self.part, rungs=rungs)
        step = run.ask(new=False)
        assert step is None, f"nothing was begun that could go on, but here is {step}"
        run.go(self.steps // 2)
        while (step := run.ask(new=False)) is not None:
            assert step.from_rung is not None, f"nothing new was wanted, but here is {step}"
            run.tell(step)

    @rungs
    def test_dimensions_of_a_single_value(self, rungs: tuple[int, ...]) -> None:
        """A user may have narrowed all but one."""
        run = Run(self.part, dimensions=FLAT, rungs=rungs).go(self.steps)
        # A strategy may know few levels of a range.
        trials = {step.trial for step in run.told}
        assert len(trials) > 1, f"one dimension is free, and it ended after {len(trials)} trial"

    def test_only_single_values(self) -> None:
        """There is one candidate, and then no more."""
        run = Run(self.part, dimensions=FLAT[:-1]).go(3)
        assert len(run.told) == 1, f"there is one point, and {len(run.told)} steps"

    def test_no_dimension_at_all(self) -> None:
        """A user may have fixed every one: there is one candidate all the same."""
        run = Run(self.part, dimensions=()).go(3)
        assert [step.point for step in run.told] == [{}], f"there is one point, and these steps: {run.told}"

    def test_prices_known_beforehand(self) -> None:
        """The contract is kept with quotes too, of which the score is never known."""
        run = Run(self.part, rungs=RUNGS, quotes=True).go(self.steps, workers=2)
        assert run.told, "no step is worth doing"

    def test_two_searchers_know_nothing_of_each_other(self) -> None:
        """What one is told does not move the other."""
        alone = Run(self.part, seed=3).go(self.steps)
        one, other = Run(self.part, seed=3), Run(self.part, seed=4, fail=lambda step: step.trial % 3 == 0)
        for count in range(1, self.steps + 1):
            one.go(count)
            other.go(count)
        assert one.told == alone.told, "beside another searcher it goes another way"

    def test_the_problem_is_left_as_it_was(self) -> None:
        """Landmarks are points that others hold too."""
        landmarks = tuple(dict(point) for point in LANDMARKS)
        run = Run(self.part, landmarks=landmarks, rungs=RUNGS)
        before = dataclasses.replace(run.problem)
        run.go(self.steps // 2)
        assert run.problem == before, "the problem is another now"
        assert landmarks == LANDMARKS, "a landmark is another point now"

    def test_an_unknown_variant_is_told(self) -> None:
        """As the user's error."""
        with pytest.raises(UsageError):
            self.part.variant("no such variant")
