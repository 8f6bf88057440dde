"""How a search got on, trial by trial."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from automl.engine.front import front_indices, hypervolume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.engine.record import Record
    from automl.parts import Goal

MARGIN = 0.1
"""How far beyond the worst value the reference lies, as a part of the range seen."""


def hypervolume_history(records: Sequence[Record], goals: Sequence[Goal]) -> list[float]:
    """The part of the plane that the front covers after each trial, between 0 and 1.

    Logarithmic goals are measured by their logarithm to base 10, where all their values allow it. The plane is
    the box between the best value of each goal over all records and the reference: the worst value of each goal,
    moved away by a tenth of the range, so that the ends of the front count too. A goal in which all records agree
    has width 1. Box and reference are those of all records, so that the history never falls; for the same reason
    histories of different studies, or of one study at different times, are not to be compared.

    Args:
        records: Finished trials in the order they finished; a failed one changes nothing.
        goals: The goals of the study, in the order of the records' values.

    Returns:
        One number a record; 0 before the first that succeeded. With one goal it is the best so far on the scale
        from reference to best.
    """
    points = _measured(records, goals)
    scored = [point for point in points if point is not None]
    if not scored:
        return [0.0] * len(points)
    reference, box = [], 1.0
    for goal, values in zip(goals, zip(*scored, strict=True), strict=True):
        spread = max(values) - min(values)
        away = MARGIN * spread or 1.0
        reference.append(min(values) - away if goal.direction == "maximize" else max(values) + away)
        box *= spread + away
    history: list[float] = []
    kept: list[tuple[float, ...]] = []
    for point in points:
        volume = history[-1] if history else 0.0
        if point is not None:
            candidates = [*kept, point]
            front = [candidates[index] for index in front_indices(candidates, goals)]
            if front != kept:
                kept = front
                # Rounding may not make it fall, nor rise above the whole.
                volume = min(1.0, max(volume, hypervolume(kept, reference, goals) / box))
        history.append(volume)
    return history


def _measured(records: Sequence[Record], goals: Sequence[Goal]) -> list[tuple[float, ...] | None]:
    """Each record's values, logarithmic goals by their logarithm; None for failed trials."""
    rows = [record.values for record in records]
    scored = [row for row in rows if row is not None]
    log = [goal.log and all(row[index] > 0 for row in scored) for index, goal in enumerate(goals)]
    return [
        row and tuple(math.log10(value) if is_log else value for value, is_log in zip(row, log, strict=True))
        for row in rows
    ]
