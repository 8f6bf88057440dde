"""Which trial of a front to take, and why, in a sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from automl.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.engine.record import Record
    from automl.parts import Goal

WAYS = ("best", "knee", "cheapest")


def pick(front: Sequence[Record], goals: Sequence[Goal], way: str, min_score: float | None = None) -> Record:
    """One trial of a front.

    ``best`` has the best score. ``cheapest`` has the lowest price, the last goal, among those whose score reaches
    `min_score`. ``knee`` is where more price stops paying: the trial furthest from the straight line between the ends
    of the front, both goals scaled to the front's range and logarithmic ones by their logarithm (the maximum distance
    rule of Das 1999, "On characterizing the knee of the Pareto curve"). On a front of one or two trials the knee is
    the best.

    Args:
        front: Trials that no other beats, the cheapest first.
        goals: The goals of the study; the first is the score.
        way: One of `WAYS`.
        min_score: Trials of a worse score are left out.

    Raises:
        UsageError: There is no such way, or no trial reaches the score.
    """
    if way not in WAYS:
        raise unknown_name("way to pick a trial", way, WAYS)
    sign = 1 if goals[0].direction == "maximize" else -1
    reached = [
        record
        for record in front
        if record.values and (min_score is None or sign * record.values[0] >= sign * min_score)
    ]
    if not reached:
        score = "" if min_score is None else f" that reaches {goals[0].metric} {min_score:g}"
        raise UsageError(f"The front has no trial{score}.")
    if way == "cheapest":
        return reached[0]
    if way == "knee" and len(reached) > 2:  # noqa: PLR2004 - two ends and something between them
        return reached[_knee(reached, goals)]
    return max(reached, key=lambda record: sign * record.values[0] if record.values else 0.0)


def _knee(front: Sequence[Record], goals: Sequence[Goal]) -> int:
    """Index of the point furthest above the line between the cheapest and the best."""
    scores = _scaled([record.values[0] if record.values else 0.0 for record in front], goals[0])
    prices = _scaled([record.values[-1] if record.values else 0.0 for record in front], goals[-1])
    # Both run from 0 to 1 along the front, so that the line is the diagonal and the distance their difference.
    gains = [score + price for score, price in zip(scores, prices, strict=True)]
    return max(range(len(front)), key=lambda index: gains[index])


def _scaled(values: Sequence[float], goal: Goal) -> list[float]:
    """From 0, the worst of the front, to 1, the best."""
    if goal.log and min(values) > 0:
        values = [math.log10(value) for value in values]
    worst, best = (min(values), max(values)) if goal.direction == "maximize" else (max(values), min(values))
    return [(value - worst) / (best - worst) if best != worst else 1.0 for value in values]
