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
    levels = [-np.inf, *front[:, -1], reference[-1]]
    lower, upper = [], []
    for count, (start, end) in enumerate(itertools.pairwise(levels)):
        if end > start:
            low, high = boxes(front[:count, :-1], reference[:-1])
            lower.append(np.c_[low, np.full(len(low), start)])
            upper.append(np.c_[high, np.full(len(high), end)])
    return np.concatenate(lower), np.concatenate(upper)


def expected_gain(mean: Array, deviation: Array, lower: Array, upper: Array) -> Array:
    """Expected improvement of the hypervolume by independent normal losses, exact: a product over goals, box by box."""

    def below(corner: Array) -> Array:
        """Expectation of how far a loss lies below the corner, (n, boxes, goals)."""
        gap = np.where(np.isfinite(corner), corner, 0.0)[None] - mean[:, None]
        z = gap / np.maximum(deviation[:, None], 1e-12)
        density = np.exp(-0.5 * np.clip(z, -40, 40) ** 2) / math.sqrt(2 * math.pi)
        return np.where(np.isfinite(corner)[None], gap * ndtr(z) + deviation[:, None] * density, 0.0)

    return np.maximum(below(upper) - below(lower), 0.0).prod(-1).sum(-1)
