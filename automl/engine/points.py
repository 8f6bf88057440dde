"""Points of the engine: which dimensions are left to search, and the candidate of a space that a point is."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from automl.engine.narrow import Choices, Narrowing, Range
from automl.errors import UsageError
from automl.parts import Categorical, Dimension, Float, Integer

if TYPE_CHECKING:
    import optuna

    from automl.parts import Goal


def narrowed(dimensions: Sequence[Dimension], narrowing: Narrowing) -> tuple[Dimension, ...]:
    """The dimensions that are left to search, with the user's wishes for their ranges; fixed ones left out."""
    left: list[Dimension] = []
    for dimension in dimensions:
        wish = narrowing.get(dimension.name)
        if isinstance(wish, Choices):
            if len(wish.values) > 1:
                default = dimension.default if dimension.default in wish.values else wish.values[0]
                left.append(Categorical(dimension.name, wish.values, default, summary=dimension.summary))
        elif isinstance(wish, Range) and isinstance(dimension, Integer):
            low, high = int(wish.low), int(wish.high)
            default_int = min(max(dimension.default, low), high)
            left.append(dataclasses.replace(dimension, low=low, high=high, default=default_int))
        elif isinstance(wish, Range) and isinstance(dimension, Float):
            default_float = min(max(dimension.default, wish.low), wish.high)
            left.append(dataclasses.replace(dimension, low=wish.low, high=wish.high, default=default_float))
        else:
            left.append(dimension)
    return tuple(left)


def distribution(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    """A dimension in Optuna's words."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Categorical):
        return CategoricalDistribution(dimension.choices)
    if isinstance(dimension, Integer):
        return IntDistribution(dimension.low, dimension.high, log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def optuna_value(goal: Goal, value: float) -> float:
    """A value of a goal in Optuna's words, its logarithm where the goal spans orders of magnitude.

    Samplers and plots weigh a goal by its range: on a linear scale all cheap models would look alike.
    """
    return math.log10(max(value, sys.float_info.min)) if goal.log else value


class PointTrial:
    """A trial whose answers are given: a space makes of them the candidate of that point.

    A space may ask for a part of a dimension's range only, where one dimension depends on another; the given value is
    then moved to the nearest one that was asked for.

    Args:
        point: A value by dimension.
        dimensions: What was searched, to know the place of a choice among its fellows.
    """

    def __init__(self, point: Mapping[str, Any], dimensions: Sequence[Dimension]) -> None:
        self._point = point
        self._choices = {d.name: list(d.choices) for d in dimensions if isinstance(d, Categorical)}

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The given number, within low and high."""
        value = min(max(float(self._given(name)), low), high)
        return value if step is None else min(low + step * round((value - low) / step), high)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """The given whole number, within low and high."""
        value = min(max(int(self._given(name)), low), high)
        return low + step * min(round((value - low) / step), (high - low) // step)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The given choice, or, where that is none of these, the one in its place."""
        value = self._given(name)
        if value in choices:
            return value
        return choices[self._choices[name].index(value) % len(choices)]

    def _given(self, name: str) -> Any:
        if name not in self._point:
            raise UsageError(f"The space asks for {name!r}, which is none of the dimensions it declares.")
        return self._point[name]
