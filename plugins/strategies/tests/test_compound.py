from __future__ import annotations

import math

import pytest
from automl_strategies.compound import Compound

from automl.errors import UsageError
from automl.parts import Categorical, Float, Goal
from automl.testing.parts import PartSuite
from automl.testing.strategy_run import Run

SCALING = (
    Float("alpha", 1.0, 2.0, 1.2),
    Float("beta", 1.0, math.sqrt(2), 1.1),
    Float("gamma", 1.0, math.sqrt(2), 1.15),
    Float("phi", -40.0, 8.0, -8.0),
    Categorical("normalizer", ("bn", "gn"), "bn"),
)
GOALS = (Goal("accuracy", "maximize"), Goal("flops", "minimize", log=True))
GRID = 15


class TestCompound(PartSuite):
    part = Compound()


class Scaled(Run):
    """A made-up network: deeper is worth most, then resolution; FLOPs are rounded up to steps."""

    def __init__(self, *, quotes=True, rounding=1.0, **more):
        self.rounding = rounding
        super().__init__(Compound(), dimensions=SCALING, goals=GOALS, quotes=quotes, **more)

    def flops(self, point):
        growth = (point["alpha"] * point["beta"] ** 2 * point["gamma"] ** 2) ** point["phi"]
        return math.ceil(100 * growth / self.rounding) * self.rounding

    def _values(self, step):
        if self._fail is not None and self._fail(step):
            return None
        point = step.point
        worth = 3 * math.log(point["alpha"]) + 2 * math.log(point["gamma"]) + math.log(point["beta"])
        shares = [math.log(point["alpha"]), math.log(point["beta"]), math.log(point["gamma"])]
        return (min(shares) * 20 + worth * 0.1 + point["phi"] * 0.01, float(self.flops(point)))

    def _quote(self, point):
        return [(math.nan, float(self.flops(point)))] * len(self.problem.rungs)


def coefficients(step):
    return tuple(step.point[name] for name in ("alpha", "beta", "gamma"))


def test_the_baseline_comes_first_and_then_a_grid_that_doubles_its_price():
    run = Scaled().go(1 + GRID)
    baseline, *grid = run.told
    assert baseline.point["phi"] == 0
    assert {step.point["phi"] for step in grid} == {1.0}
    assert len({coefficients(step) for step in grid}) == GRID
    for step in grid:
        assert run.flops(step.point) == pytest.approx(2 * run.flops(baseline.point), rel=0.02)


def test_without_known_prices_the_grid_keeps_to_the_rule():
    run = Scaled(quotes=False).go(1 + GRID)
    for step in run.told[1:]:
        alpha, beta, gamma = coefficients(step)
        assert alpha * beta**2 * gamma**2 == pytest.approx(2)


def test_the_grid_has_the_single_dimensions_as_corners():
    corners = {coefficients(step) for step in Scaled(quotes=False).go(1 + GRID).told[1:] if 1.0 in coefficients(step)}
    for corner in [(2.0, 1.0, 1.0), (1.0, math.sqrt(2), 1.0), (1.0, 1.0, math.sqrt(2))]:
        assert any(each == pytest.approx(corner) for each in corners)


def test_the_best_coefficients_are_frozen_and_phi_is_raised():
    run = Scaled().go(24)
    grid, family = run.told[1 : 1 + GRID], run.told[1 + GRID :]
    best = max(grid, key=lambda step: run._values(step)[0])
    assert coefficients(best) != (2.0, 1.0, 1.0)
    compound = [step for step in family if coefficients(step) == coefficients(best)]
    assert [step.point["phi"] for step in compound] == [2.0, 3.0]


@pytest.mark.parametrize("rounding", [1.0, 40.0], ids=["fine", "coarse"])
def test_beside_each_member_stand_single_dimensions_of_its_price(rounding):
    run = Scaled(rounding=rounding).go(1 + GRID + 4)
    member, *alone = run.told[1 + GRID :]
    for which, step in enumerate(alone):
        grown = [value > 1 for value in coefficients(step)]
        assert grown == [place == which for place in range(3)]
        assert abs(run.flops(step.point) - run.flops(member.point)) <= max(rounding, 0.03 * run.flops(member.point))


def test_other_dimensions_stay_at_their_default():
    assert {step.point["normalizer"] for step in Scaled().go(24).told} == {"bn"}


def test_the_family_waits_for_the_whole_grid_and_goes_on_then():
    run = Scaled()
    steps = [run.ask() for _ in range(1 + GRID)]
    assert None not in steps
    assert run.ask() is None
    for step in steps[:-1]:
        run.tell(step)
    assert run.ask() is None
    run.tell(steps[-1])
    assert run.ask().point["phi"] == 2.0


def test_a_failed_or_refused_part_of_the_grid_is_left_out():
    run = Scaled(fail=lambda step: step.trial < 10, refuse=lambda point: point["beta"] > 1.3).go(20)
    frozen = coefficients(next(step for step in run.told if step.point["phi"] == 2.0))
    grid = [step for step in run.told if step.point["phi"] == 1.0 and step.trial >= 10]
    assert frozen in {coefficients(step) for step in grid}


def test_when_all_of_the_grid_fails_it_is_over():
    run = Scaled(fail=lambda _: True).go(100)
    assert len(run.told) == 1 + GRID
    assert run.ask() is None


def test_it_ends_where_phi_does():
    run = Scaled().go(1000)
    assert max(step.point["phi"] for step in run.told) <= 8
    assert len(run.told) == 1 + GRID + 4 * 7


def test_another_searcher_goes_on_with_the_family():
    whole = Scaled().go(24).told
    run = Scaled().go(18)
    run.restart().go(24)
    assert [step.point for step in run.told] == [step.point for step in whole]
    assert [step.trial for step in run.told] == list(range(24))


def test_nothing_new_means_nothing():
    run = Scaled().go(3)
    assert run.ask(new=False) is None


def test_values_one_by_one_are_no_range():
    with pytest.raises(UsageError, match="a range of phi, not single values"):
        Compound().check((*SCALING[:3], Categorical("phi", (0.0, 1.0, 2.0), 0.0)))


def test_without_its_dimensions_it_says_so():
    with pytest.raises(UsageError) as run:
        Run(Compound(), dimensions=SCALING[1:])
    assert "alpha cannot be varied" in str(run.value)


def test_what_is_foreseen_is_no_larger_than_what_will_be_tried():
    foreseen = Compound().foresee(SCALING, 24)
    run = Scaled(quotes=False).go(24)
    assert [point["phi"] for point in foreseen] == [round(step.point["phi"], 6) for step in run.told][:16] + [
        2.0
    ] * 4 + [3.0] * 4
    for phi in (0.0, 1.0):
        point = next(point for point in foreseen if point["phi"] == phi)
        assert run.flops(point) == pytest.approx(100 * 2**phi, rel=0.02)
    assert Compound().foresee(SCALING[1:], 24) is None


def test_a_single_dimension_that_was_frozen_has_no_rival_in_itself():
    run = Scaled(refuse=lambda point: point["phi"] == 1 and max(point["beta"], point["gamma"]) > 1).go(5)
    member, *alone = run.told[2:]
    assert coefficients(member) == pytest.approx((2.0, 1.0, 1.0))
    assert [coefficients(step)[0] for step in alone] == [1.0, 1.0]
