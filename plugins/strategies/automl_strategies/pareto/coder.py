"""Points as rows of numbers that a model can learn from and a pool can be mutated in."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from automl.parts import Categorical, Integer
from automl_strategies.plain import SMALL
from automl_strategies.points import all_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from automl.parts import Dimension, Point

Array = npt.NDArray[np.float64]

CROSSED, HALF = 0.3, 0.5
"""Part of the children that have two parents, and of their genes that come from the second."""


class Coder:
    """Points as rows of genes: a position from 0 to 1, or the index of a choice."""

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self._dimensions = tuple(dimensions)
        self._choices = np.array([len(d.choices) if isinstance(d, Categorical) else 0 for d in dimensions])
        self.widths = tuple(int(max(n, 1)) for n in self._choices)

    def sample(self, rng: np.random.Generator, count: int) -> Array:
        """Rows drawn evenly over the space."""
        return self._snap(rng.random((count, len(self._dimensions))) * np.maximum(self._choices, 1))

    def mutate(self, rng: np.random.Generator, parents: Array, count: int) -> Array:
        """Children of random parents: some dimensions from a second parent, one or a few moved."""
        shape = (count, len(self._dimensions))
        genes = parents[rng.integers(len(parents), size=count)].copy()
        other = parents[rng.integers(len(parents), size=count)]
        crossed = (rng.random((count, 1)) < CROSSED) & (rng.random(shape) < HALF)
        genes[crossed] = other[crossed]
        moved = rng.random(shape) < rng.choice([1.0, 2.0, 3.0], (count, 1)) / shape[1]
        step = rng.normal(size=shape) * 10 ** rng.uniform(-2.0, -0.3, (count, 1))
        near = np.clip(genes + step, 0.0, 1.0)
        drawn = rng.random(shape) * np.maximum(self._choices, 1)
        return self._snap(np.where(moved, np.where(self._choices > 0, drawn, near), genes))

    def _snap(self, genes: Array) -> Array:
        """The genes of the point that will truly be built."""
        for column, dimension in enumerate(self._dimensions):
            if isinstance(dimension, Categorical):
                genes[:, column] = np.minimum(np.floor(genes[:, column]), self._choices[column] - 1)
            elif isinstance(dimension, Integer):
                genes[:, column] = _position(dimension, np.round(_value(dimension, genes[:, column])))
        return genes

    def encode(self, genes: Array) -> Array:
        """Genes as coordinates in which two choices are one apart."""
        parts = []
        for column, choices in enumerate(self._choices):
            values = genes[:, column]
            parts.append(np.eye(choices)[values.astype(int)] / math.sqrt(2) if choices else values[:, None])
        return np.concatenate(parts, axis=1)

    def point(self, genes: Array) -> Point:
        """The point of a row of genes."""
        point: Point = {}
        for gene, dimension in zip(genes.tolist(), self._dimensions, strict=True):
            if isinstance(dimension, Categorical):
                point[dimension.name] = dimension.choices[int(gene)]
            elif isinstance(dimension, Integer):
                value = round(float(_value(dimension, gene)))
                point[dimension.name] = min(max(value, dimension.low), dimension.high)
            else:
                point[dimension.name] = min(max(float(_value(dimension, gene)), dimension.low), dimension.high)
        return point

    def rest(self) -> Iterator[Array]:
        """Every row there is, where they are few; none where there are many or endlessly many."""
        values = [all_values(dimension) for dimension in self._dimensions]
        finite = [each for each in values if each is not None]
        if len(finite) < len(values) or math.prod(map(len, finite)) > SMALL:
            return
        genes = [
            range(len(each)) if isinstance(dimension, Categorical) else [_position(dimension, value) for value in each]
            for dimension, each in zip(self._dimensions, finite, strict=True)
        ]
        for row in itertools.product(*genes):
            yield self._snap(np.array([row], float))[0]

    def code(self, point: Mapping[str, Any]) -> Array:
        """Genes of a point; what it leaves out takes its default."""
        row = []
        for dimension in self._dimensions:
            value = point.get(dimension.name, dimension.default)
            categorical = isinstance(dimension, Categorical)
            row.append(dimension.choices.index(value) if categorical else _position(dimension, value))
        return self._snap(np.array([row], float))[0]


def _value(dimension: Any, position: Any) -> Any:
    low, high = dimension.low, dimension.high
    return low * (high / low) ** position if dimension.log else low + position * (high - low)


def _position(dimension: Any, value: Any) -> Any:
    low, high = dimension.low, dimension.high
    if high == low:
        return 0.0 * value
    return np.log(value / low) / math.log(high / low) if dimension.log else (value - low) / (high - low)
