"""Points of a space: drawn, counted, told apart and visited in a shuffled order."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from automl.parts import Categorical, Integer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from automl.parts import Dimension, Point

Key = tuple[object, ...]
"""What makes two points one."""

FLOAT_LEVELS = 5
"""Values of a grid along a continuous dimension, both ends included."""

MAX_INTEGER_LEVELS = 10
"""A range of at most so many whole numbers enters a grid as it is; a longer one is thinned to `FLOAT_LEVELS`."""


def key(point: Point, dimensions: Sequence[Dimension]) -> Key:
    """Equal for equal points, whether a whole number stands there as ``1`` or as ``1.0``."""
    return tuple(repr(point[d.name]) if isinstance(d, Categorical) else float(point[d.name]) for d in dimensions)


def typed(point: Point, dimensions: Sequence[Dimension]) -> Point:
    """The same point with a float for each `Float` and an int for each `Integer`."""
    return {d.name: _cast(d, point[d.name]) for d in dimensions}


def fits(point: Point, dimensions: Sequence[Dimension]) -> bool:
    """Whether every value lies within its dimension."""
    return all(
        point[d.name] in d.choices if isinstance(d, Categorical) else d.low <= point[d.name] <= d.high
        for d in dimensions
    )


def drawn(dimensions: Sequence[Dimension], draw: random.Random) -> Point:
    """A point by chance, uniform along each dimension, or uniform in the logarithm where ratios matter."""
    return {d.name: _value(d, draw) for d in dimensions}


def all_values(dimension: Dimension) -> Sequence[object] | None:
    """Every value of a dimension; None where there is a continuum."""
    if isinstance(dimension, Categorical):
        return dimension.choices
    if isinstance(dimension, Integer):
        return range(dimension.low, dimension.high + 1)
    return [float(dimension.low)] if dimension.low == dimension.high else None


def levels(dimension: Dimension) -> Sequence[object]:
    """The values of a grid along a dimension, evenly spaced, or by even ratios where ratios matter."""
    values = all_values(dimension)
    if values is not None and (isinstance(dimension, Categorical) or len(values) <= MAX_INTEGER_LEVELS):
        return values
    assert not isinstance(dimension, Categorical)
    low, high = dimension.low, dimension.high
    shares = [index / (FLOAT_LEVELS - 1) for index in range(FLOAT_LEVELS)]
    between = [low * (high / low) ** share if dimension.log else low + (high - low) * share for share in shares]
    spaced = [float(low), *between[1:-1], float(high)]
    if isinstance(dimension, Integer):
        return sorted({round(value) for value in spaced})
    return sorted({min(max(value, float(low)), float(high)) for value in spaced})


class Cells:
    """Every combination of values, each once, in an order that the seed decides; none is kept in memory.

    Args:
        dimensions: What is combined.
        values: The values of each.
        seed: Decides the order.
    """

    def __init__(self, dimensions: Sequence[Dimension], values: Sequence[Sequence[object]], seed: int) -> None:
        self._names = [dimension.name for dimension in dimensions]
        self._values = values
        self._seed = seed
        self.count = math.prod(len(each) for each in values)

    def __iter__(self) -> Iterator[Point]:
        return (self._point(self._shuffled(place)) for place in _counted(self.count))

    def _point(self, index: int) -> Point:
        point = {}
        for name, values in zip(self._names, self._values, strict=True):
            index, place = divmod(index, len(values))
            point[name] = values[place]
        return point

    def _shuffled(self, index: int) -> int:
        """A permutation of the cells: a Feistel network, gone round again while it leads out of the range."""
        half = max(1, ((self.count - 1).bit_length() + 1) // 2)
        while True:
            left, right = index >> half, index & ((1 << half) - 1)
            for turn in range(4):
                mixed = random.Random(f"{self._seed} {turn} {right}").getrandbits(half)
                left, right = right, left ^ mixed
            index = left << half | right
            if index < self.count:
                return index


def _counted(count: int) -> Iterator[int]:
    """``range(count)`` for a count of any length."""
    index = 0
    while index < count:
        yield index
        index += 1


def _cast(dimension: Dimension, value: Any) -> object:
    if isinstance(dimension, Categorical):
        return value
    return int(value) if isinstance(dimension, Integer) else float(value)


def _value(dimension: Dimension, draw: random.Random) -> object:
    if isinstance(dimension, Categorical):
        return draw.choice(dimension.choices)
    if isinstance(dimension, Integer):
        if not dimension.log:
            return draw.randint(dimension.low, dimension.high)
        # Half a number beyond either end, or the ends would come up half as often as their neighbours.
        low, high = math.log(dimension.low - 0.5), math.log(dimension.high + 0.5)
        return min(max(round(math.exp(draw.uniform(low, high))), dimension.low), dimension.high)
    if not dimension.log:
        return min(max(draw.uniform(dimension.low, dimension.high), float(dimension.low)), float(dimension.high))
    value = math.exp(draw.uniform(math.log(dimension.low), math.log(dimension.high)))
    return min(max(value, float(dimension.low)), float(dimension.high))
