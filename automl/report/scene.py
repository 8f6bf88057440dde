"""What every picture of a study shows, worked out once: two axes, the trials as points, the front and its line."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Literal

from automl.engine.record import Record, front, trial_count
from automl.report import units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.parts import Goal

NOTHING = "No trial has finished yet: there is nothing to draw."
TRIAL = "trial"

# Values closer than this part of their size share a place: the ticks between them would need too many digits.
_SAME = 1e-7
_NOTHING = 1e-290


@dataclasses.dataclass(frozen=True)
class Axis:
    """One direction of the picture.

    Attributes:
        metric: Name of what it measures, with its unit.
        log: Whether it is logarithmic: the goal asks for it and every value allows it.
        low: Smallest value shown.
        high: Largest value shown.
    """

    metric: str
    log: bool
    low: float
    high: float

    @property
    def title(self) -> str:
        """What stands along the axis."""
        return units.axis_title(self.metric)

    def place(self, value: float) -> float:
        """Where `value` lies, in a length that grows evenly along the axis."""
        return math.log10(value) if self.log else value

    def limits(self, margin: float = 0.06) -> tuple[float, float]:
        """Both ends as `place` gives them, with room around the values; never the same twice."""
        low, high = self.place(self.low), self.place(self.high)
        size = max(abs(low), abs(high))
        if high - low <= max(_SAME * size, _NOTHING):
            room = 0.5 if self.log or self.metric == TRIAL or size <= _NOTHING else 0.05 * size
        else:
            room = margin * (high - low)
        return low - room, high + room

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """At most `most` round values within `limits`, each with its label."""
        low, high = self.limits()
        chosen = _log_ticks(low, high, most) if self.log else []
        if len(chosen) < min(2, most):
            # Less than a decade: round numbers along a straight scale say more.
            ends = (10**low, 10**high) if self.log else (low, high)
            chosen = _even_ticks(*ends, most, whole=self.metric == TRIAL)
        # Over a narrow range neighbours differ only in later digits, which all then show.
        digits = max([3, *map(_significant_digits, chosen)])
        return [(value, units.tick(self.metric, value, digits)) for value in chosen]


@dataclasses.dataclass(frozen=True)
class Scene:
    """All of the picture.

    Attributes:
        x: The price, or the number of the trial when the study has one goal.
        y: The score.
        trials: Scored trials off the front with their coordinates.
        front: Trials on the front with their coordinates, the cheapest first.
        line: Corners of the line through the front, or of the best so far; empty with three goals and more,
            where two of them alone make no front.
        shape: Whether the line first goes across (``"hv"``) or first up or down (``"vh"``).
        up: Whether a higher score is better, so that nothing lies above the front.
        tested: Trials whose test score is known, with that score as y.
        failed: Number of trials left out.
        noun: What a point is: a trial, or, where trials were stopped at rungs, a model.
    """

    x: Axis
    y: Axis
    trials: list[tuple[Record, float, float]]
    front: list[tuple[Record, float, float]]
    line: list[tuple[float, float]]
    shape: Literal["hv", "vh"]
    up: bool
    tested: list[tuple[Record, float, float]]
    failed: int
    noun: str = "trial"

    @property
    def title(self) -> str:
        """What the picture is of, in a line."""
        scored = len(self.trials) + len(self.front)
        trials = f"{scored} {self.noun}{'' if scored == 1 else 's'}" + (
            f" ({self.failed} more failed)" if self.failed else ""
        )
        score, price = units.title(self.y.metric), units.title(self.x.metric)
        if self.x.metric == TRIAL:
            return f"Best {score} of {trials}"
        return f"Front of {score} against {price}: {len(self.front)} of {trials}"

    def corners(self) -> list[tuple[float, float]]:
        """`line` with the corners of its steps written out."""
        path: list[tuple[float, float]] = []
        for x, y in self.line:
            if path:
                last_x, last_y = path[-1]
                path.append((x, last_y) if self.shape == "hv" else (last_x, y))
            path.append((x, y))
        return path


def scene(records: Sequence[Record], goals: Sequence[Goal]) -> Scene | None:
    """The picture of a study, price across and score up; None when no trial has a score.

    With more than two goals the first and the last are shown. With one goal its value is shown by trial number.
    """
    scored = [(record, record.values) for record in records if record.values is not None]
    if not scored:
        return None
    score, price = goals[0], goals[-1] if len(goals) > 1 else None
    points = {
        id(record): (record, values[-1] if price else float(record.number), values[0]) for record, values in scored
    }
    best = [points[id(record)] for record in front([record for record, _ in scored], goals)]
    kept = {record.name for record, _, _ in best}
    listed = list(points.values())
    # A test score belongs beside the validation score, not on an axis of FLOPs.
    tested = [
        (record, x, record.test_score)
        for record, x, _ in listed
        if record.test_score is not None and not units.unit(score.metric)
    ]
    line = []
    if price is None:
        line = _best_so_far(listed, score)
    elif len(goals) == 2:  # noqa: PLR2004 - the two that are drawn
        line = sorted((x, y) for _, x, y in best)
    return Scene(
        x=_axis(price, [x for _, x, _ in listed]),
        y=_axis(score, [y for _, _, y in [*listed, *tested]]),
        trials=[point for point in listed if point[0].name not in kept],
        front=best,
        line=line,
        shape="vh" if price is not None and price.direction == "maximize" else "hv",
        up=score.direction == "maximize",
        tested=tested,
        failed=len(records) - len(scored),
        noun="trial" if trial_count(records) == len(records) else "model",
    )


def _best_so_far(points: Sequence[tuple[Record, float, float]], goal: Goal) -> list[tuple[float, float]]:
    pick = max if goal.direction == "maximize" else min
    line: list[tuple[float, float]] = []
    for _, x, y in sorted(points, key=lambda point: point[1]):
        line.append((x, pick(y, line[-1][1]) if line else y))
    return line


def _axis(goal: Goal | None, values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    if goal is None:
        return Axis(TRIAL, log=False, low=low, high=high)
    return Axis(goal.metric, log=goal.log and low > 0, low=low, high=high)


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten, with 3 or 2 and 5 between them where there is room, or only some of them where there is not."""
    first, last = math.floor(low), math.ceil(high)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        values = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        inside = [value for value in values if low <= math.log10(value) <= high]
        if len(inside) <= most:
            return inside
    stride = math.ceil(len(inside) / most)
    return inside[::stride]


def _even_ticks(low: float, high: float, most: int, *, whole: bool) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two values."""
    power = math.floor(math.log10((high - low) / max(1, most)))
    for step in (factor * 10.0**exponent for exponent in (power, power + 1, power + 2) for factor in (1, 2, 5)):
        if whole and step < 1:
            continue
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first + 1 <= most:
            # Rounded, because 3 * 0.1 is not 0.3.
            return [float(f"{index * step:.12g}") for index in range(first, last + 1)]
    return []


def _significant_digits(value: float) -> int:
    return len(f"{abs(value):.11e}".partition("e")[0].rstrip("0").replace(".", ""))
