"""The roofline, operator by operator, and its fit to measured times."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from automl.price.work import Load

FIRST_STEP, LAST_STEP = 0.5, 1e-4
"""Of the search for the best roof, in natural logarithms: from a factor of 1.6 down to a hundredth of a percent."""

SMALL_ERROR = 0.1
"""Up to about here errors are squared, beyond they count as they are: a model that lives in a cache and runs three
times faster than its memory traffic tells must not spoil the predictions for all others."""

WIDEST = math.log(100.0)
"""How far from its start the search may go: a figure that the times say nothing of would wander off."""


@dataclasses.dataclass(frozen=True)
class Roof:
    """What a machine reaches, not what its data sheet says.

    Attributes:
        flops_per_s: Floating-point operations a second, where arithmetic is the bottleneck.
        bytes_per_s: Bytes a second, where the way to memory is.
        overhead_s: Seconds an operator call costs whatever its size.
    """

    flops_per_s: float
    bytes_per_s: float
    overhead_s: float

    def seconds(self, loads: Iterable[Load]) -> float:
        """Time for `loads` one after the other.

        Each takes as long as its arithmetic or its memory traffic, whichever is slower (Williams et al. 2009), and its
        calls on top.
        """
        return sum(
            max(load.flops / self.flops_per_s, load.moved_bytes / self.bytes_per_s) + load.calls * self.overhead_s
            for load in loads
        )


Sample = tuple["Sequence[Load]", float]
"""The loads of a model and the seconds that it was measured to take."""


def fit(samples: Sequence[Sample], start: Roof) -> Roof:
    """The roof under which the samples' times are predicted best: the least sum of logarithmic errors.

    A pattern search over the logarithms of the three figures: all 26 neighbours are tried, the best is taken, and where
    none is better the step is halved. It needs no derivative, which the roofline's edge does not have. It begins at
    several multiples of `start`, because from one side of that edge the other cannot be seen. A figure that no
    sample depends on stays where it began.

    Args:
        samples: Four or more, some bound by arithmetic, some by memory, some by the number of calls.
        start: A guess within a factor of a hundred.
    """
    origin = tuple(math.log(value) for value in dataclasses.astuple(start))
    loss = functools.partial(_loss, samples)
    ends = [
        _descend(loss, origin, (origin[0] + more, origin[1] + less, origin[2]))
        for more, less in ((0.0, 0.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0))
    ]
    # Rounded, so that of equally good ends the first is taken.
    return _roof(min(ends, key=lambda end: round(loss(end), 9)))


Point = tuple[float, ...]


def _roof(point: Point) -> Roof:
    return Roof(*map(math.exp, point))


def _loss(samples: Sequence[Sample], point: Point) -> float:
    roof = _roof(point)
    errors = (math.log(roof.seconds(loads) / measured_s) for loads, measured_s in samples)
    return sum(math.hypot(error, SMALL_ERROR) - SMALL_ERROR for error in errors)


def _descend(loss: functools.partial[float], origin: Point, point: Point) -> Point:
    best, step = loss(point), FIRST_STEP
    while step > LAST_STEP:
        # Of equally good moves `min` takes the first: the one that changes the fewest figures.
        moves = sorted(itertools.product((-step, 0.0, step), repeat=len(point)), key=lambda move: sum(map(abs, move)))
        near = [tuple(a + b for a, b in zip(point, move, strict=True)) for move in moves]
        near = [other for other in near if all(abs(a - b) <= WIDEST for a, b in zip(other, origin, strict=True))]
        found, value = min(((other, loss(other)) for other in near), key=lambda pair: pair[1])
        # Not merely less: rounding alone must not lead it along a figure that nothing depends on.
        if value < best * (1 - 1e-9):
            point, best = found, value
        else:
            step /= 2
    return point
