"""The front and its hypervolume, against slow and obvious ways to find them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.engine.front import as_losses, dominates, front_indices, hypervolume
from automl.parts import Goal

ACCURACY = Goal("accuracy", "maximize")
PRICE = Goal("lifetime_flops", "minimize")
GOALS = (ACCURACY, PRICE, Goal("loss", "minimize"), Goal("margin", "maximize"))

# Few distinct values, so that ties and repetitions are common.
coordinates = st.one_of(st.integers(0, 4).map(float), st.floats(0, 4, allow_nan=False))


@st.composite
def clouds(draw, most=8, dimensions=(1, 2, 3, 4)):
    """Goals and points."""
    number = draw(st.sampled_from(dimensions))
    points = draw(st.lists(st.tuples(*[coordinates] * number), max_size=most))
    return GOALS[:number], points


def reference(goals):
    """Worse than every point in every goal."""
    return [-1.0 if goal.direction == "maximize" else 5.0 for goal in goals]


@given(clouds(most=12))
def test_no_dominated_point_in_and_none_left_out(cloud):
    goals, points = cloud
    kept = front_indices(points, goals)
    for index, point in enumerate(points):
        beaten = any(dominates(other, point, goals) for other in points)
        repeats = point in points[:index]
        assert (index in kept) == (not beaten and not repeats)
    assert kept == sorted(kept)


@given(clouds(most=6, dimensions=(2, 3)), st.randoms())
def test_the_front_does_not_depend_on_the_order(cloud, random):
    goals, points = cloud
    shuffled = random.sample(points, len(points))
    assert {points[i] for i in front_indices(points, goals)} == {shuffled[i] for i in front_indices(shuffled, goals)}


@given(clouds(most=3))
def test_domination_is_a_strict_order(cloud):
    goals, points = cloud
    for a, b, c in itertools.product(points, repeat=3):
        assert not dominates(a, a, goals)
        assert not (dominates(a, b, goals) and dominates(b, a, goals))
        if dominates(a, b, goals) and dominates(b, c, goals):
            assert dominates(a, c, goals)


def test_domination_follows_the_directions():
    goals = (ACCURACY, PRICE)
    assert dominates((0.9, 10), (0.8, 10), goals)
    assert dominates((0.9, 10), (0.9, 11), goals)
    assert not dominates((0.9, 10), (0.8, 9), goals)
    assert as_losses((0.9, 10), goals) == (-0.9, 10)


def by_inclusion_and_exclusion(points, corner, goals):
    """Sum over all subsets: sign times the volume of the box they have in common. Exact, and exponential."""
    losses = [as_losses(point, goals) for point in points]
    limit = as_losses(corner, goals)
    total = []
    for size in range(1, len(losses) + 1):
        for chosen in itertools.combinations(losses, size):
            worst = [max(values) for values in zip(*chosen, strict=True)]
            sides = [max(0.0, end - start) for start, end in zip(worst, limit, strict=True)]
            total.append((-1) ** (size + 1) * math.prod(sides))
    return math.fsum(total)


@given(clouds(most=6))
def test_hypervolume_by_inclusion_and_exclusion(cloud):
    goals, points = cloud
    corner = reference(goals)
    wanted = by_inclusion_and_exclusion(points, corner, goals)
    assert hypervolume(points, corner, goals) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@given(clouds(most=7))
def test_hypervolume_grows_with_points_and_only_by_the_front(cloud):
    goals, points = cloud
    corner = reference(goals)
    volumes = [hypervolume(points[:count], corner, goals) for count in range(len(points) + 1)]
    assert volumes[0] == 0
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(volumes))
    front = [points[index] for index in front_indices(points, goals)]
    assert hypervolume(front, corner, goals) == pytest.approx(volumes[-1], rel=1e-12)


def test_points_that_do_not_beat_the_reference_add_nothing():
    goals = (ACCURACY, PRICE)
    assert hypervolume([(0.5, 10), (0.4, 2), (0.9, 12)], (0.5, 10), goals) == 0
    assert hypervolume([(0.6, 8), (0.5, 1)], (0.5, 10), goals) == pytest.approx(0.2)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_hypervolume_agrees_with_optuna(dimensions, seed):
    from optuna._hypervolume import compute_hypervolume

    goals = tuple(Goal(f"loss_{index}", "minimize") for index in range(dimensions))
    points = np.random.default_rng(seed).random((40, dimensions))
    corner = np.full(dimensions, 0.9)
    # Optuna wants points inside the reference; ours may lie anywhere.
    inside = points[(points < corner).all(axis=1)]
    assert hypervolume(points.tolist(), corner.tolist(), goals) == pytest.approx(compute_hypervolume(inside, corner))
