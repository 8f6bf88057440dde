"""What a candidate would add to the front: exact expected gain of hypervolume under independent normal losses.

All goals are losses here: less is better.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Array = npt.NDArray[np.float64]

ROOT_TWO_PI = math.sqrt(2 * math.pi)


def dominated_by(points: Array, others: Array) -> npt.NDArray[np.bool_]:
    """Which points some other is as good as in every goal and better in one."""
    no_worse = (others[None] <= points[:, None]).all(-1)
    return (no_worse & (others[None] < points[:, None]).any(-1)).any(1)


def undominated(points: Array) -> list[int]:
    """Indices of the points that no other dominates."""
    return np.flatnonzero(~dominated_by(points, points)).tolist()


def boxes(front: Array, reference: Array) -> tuple[Array, Array]:
    """The part of the space before `reference` that no point of the front dominates, cut into boxes.

    Slices the last goal as the hypervolume algorithm HSO does (While et al. 2006). Returns lower and upper corners.
    """
    front = front[(front < reference).all(1)]
    front = front[undominated(front)] if len(front) else front
    if len(reference) == 1:
        return np.array([[-np.inf]]), np.array([front.min(0) if len(front) else reference])
    front = front[np.argsort(front[:, -1])]
    if len(reference) == 2:  # noqa: PLR2004 - a staircase, for which no recursion is needed
        steps = np.r_[-np.inf, front[:, 1], reference[1]]
        upper = np.c_[np.r_[reference[0], np.minimum.accumulate(front[:, 0])], steps[1:]]
        return np.c_[np.full(len(upper), -np.inf), steps[:-1]], upper
    levels = [-np.inf, *front[:, -1], reference[-1]]
    lower, upper = [], []
    for count, (start, end) in enumerate(itertools.pairwise(levels)):
        if end > start:
            low, high = boxes(front[:count, :-1], reference[:-1])
            lower.append(np.c_[low, np.full(len(low), start)])
            upper.append(np.c_[high, np.full(len(high), end)])
    return np.concatenate(lower), np.concatenate(upper)


def thinned(front: Array, cells: int) -> Array:
    """A front of fewer points, none two of them in one cell of a grid over its range: for a first look at many."""
    if len(front) <= cells:
        return front
    low, high = front.min(0), front.max(0)
    cell = np.floor((front - low) / np.maximum(high - low, 1e-12) * cells)
    _, first = np.unique(cell[:, :-1], axis=0, return_index=True)
    return front[first]


def expected_gain(mean: Array, deviation: Array, lower: Array, upper: Array) -> Array:
    """Expected improvement of the hypervolume by independent normal losses, exact: a product over goals, box by box.

    Args:
        mean: Of the losses, ``(candidates, goals)``.
        deviation: Standard deviations, in the same shape.
        lower: Lower corners of the boxes that nothing dominates, ``(boxes, goals)``.
        upper: Their upper corners.
    """
    gain = np.ones((len(mean), len(lower)))
    for goal in range(mean.shape[1]):
        # Boxes share their edges: each is worked out once.
        edges, place = np.unique(np.concatenate([lower[:, goal], upper[:, goal]]), return_inverse=True)
        below = np.zeros((len(mean), len(edges)))
        finite = np.isfinite(edges)
        gap = edges[None, finite] - mean[:, goal, None]
        spread = np.maximum(deviation[:, goal, None], 1e-12)
        z = gap / spread
        # Expectation of how far the loss lies below the edge.
        below[:, finite] = gap * ndtr(z) + spread * np.exp(-0.5 * np.minimum(z * z, 1600.0)) / ROOT_TWO_PI
        gain *= np.maximum(below[:, place[len(lower) :]] - below[:, place[: len(lower)]], 0.0)
    return gain.sum(-1)
