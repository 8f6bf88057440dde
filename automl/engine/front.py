"""Which points nothing beats, and how much of the plane they cover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl.parts import Goal

Values = Sequence[float]


def as_losses(values: Values, goals: Sequence[Goal]) -> tuple[float, ...]:
    """The same point with every goal to be made small."""
    return tuple(-value if goal.direction == "maximize" else value for value, goal in zip(values, goals, strict=True))


def dominates(left: Values, right: Values, goals: Sequence[Goal]) -> bool:
    """Whether `left` is at least as good as `right` in every goal and better in one."""
    ours, theirs = as_losses(left, goals), as_losses(right, goals)
    return ours != theirs and all(our <= their for our, their in zip(ours, theirs, strict=True))


def front_indices(points: Sequence[Values], goals: Sequence[Goal]) -> list[int]:
    """Indices of the points that no other point dominates, in the order given.

    Of points with equal values the first is kept.
    """
    losses = [as_losses(point, goals) for point in points]
    kept: list[int] = []
    # Sorted by all goals in turn, a point can only be dominated (or repeated) by one that comes before it.
    for index in sorted(range(len(losses)), key=lambda i: (losses[i], i)):
        if not any(all(a <= b for a, b in zip(losses[k], losses[index], strict=True)) for k in kept):
            kept.append(index)
    return sorted(kept)


def cheapest_first(points: Sequence[Values], goals: Sequence[Goal]) -> list[int]:
    """Indices of the points that no other point dominates, the cheapest first: the last goal decides."""
    return sorted(front_indices(points, goals), key=lambda index: as_losses(points[index], goals)[-1])


def hypervolume(points: Sequence[Values], reference: Values, goals: Sequence[Goal]) -> float:
    """Volume between the points and a reference point that is worse than all of them.

    Points that are not better than the reference in every goal add nothing. Computed by slicing the last goal
    (While et al. 2006, "A faster algorithm for calculating hypervolume", HSO), which is quick enough for the
    hundreds of points and the two to four goals of a study.

    Args:
        points: One point a trial, in the order of `goals`.
        reference: A point in the same order.
        goals: Directions.

    Returns:
        The volume, in the product of the goals' units; 0 when there are no points.
    """
    corner = as_losses(reference, goals)
    inside = [
        loss
        for loss in (as_losses(point, goals) for point in points)
        if all(value < limit for value, limit in zip(loss, corner, strict=True))
    ]
    return _volume(sorted(set(inside)), corner)


def _volume(losses: list[tuple[float, ...]], corner: tuple[float, ...]) -> float:
    if not losses:
        return 0.0
    if len(corner) == 1:
        return corner[0] - min(loss[0] for loss in losses)
    by_last = sorted(losses, key=lambda loss: loss[-1])
    total = 0.0
    for index, loss in enumerate(by_last):
        upper = by_last[index + 1][-1] if index + 1 < len(by_last) else corner[-1]
        if upper > loss[-1]:
            slab = sorted({other[:-1] for other in by_last[: index + 1]})
            total += (upper - loss[-1]) * _volume(slab, corner[:-1])
    return total
