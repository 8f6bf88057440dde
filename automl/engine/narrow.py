"""Fixing, narrowing and widening the dimensions of a space: ``NAME=VALUE``, ``NAME=A,B,C``, ``NAME=LO..HI``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from automl.errors import UsageError, unknown_name
from automl.parts import Categorical, Dimension, Float, Integer, Trial

Value = str | int | float | bool


@dataclasses.dataclass(frozen=True)
class Choices:
    """A few values, or the only one."""

    values: tuple[Value, ...]


@dataclasses.dataclass(frozen=True)
class Range:
    """All values from low to high, both included; low < high."""

    low: float
    high: float


Narrowing = Mapping[str, Choices | Range]


def split_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """``["phi=-4..0", "normalizer=bn"]`` as ``{"phi": "-4..0", "normalizer": "bn"}``.

    Raises:
        UsageError: One has no ``=``, an empty side, or repeats a name.
    """
    found: dict[str, str] = {}
    for assignment in assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        if not (name and equals and text):
            raise UsageError(f"{assignment!r} is not of the form NAME=VALUE, NAME=A,B,C or NAME=LO..HI.")
        if name in found:
            raise UsageError(f"Dimension {name!r} is set twice, to {found[name]!r} and to {text!r}.")
        found[name] = text
    return found


def parse_narrowing(
    texts: Mapping[str, str], dimensions: Sequence[Dimension], space: str
) -> dict[str, Choices | Range]:
    """What the user asked for, checked against the dimensions of the space.

    A dimension that a space declares with one value is fixed to it unless the user asks for others.

    Args:
        texts: Text by name of the dimension.
        dimensions: The dimensions of the space.
        space: Its name, for messages.

    Raises:
        UsageError: An unknown dimension (with the near names), a value of another type, or one out of limits.
    """
    known = {dimension.name: dimension for dimension in dimensions}
    narrowing: dict[str, Choices | Range] = {
        name: Choices((dimension.default,)) for name, dimension in known.items() if dimension.fixed
    }
    for name, text in texts.items():
        if name not in known:
            raise unknown_name(f"dimension of space {space}", name, known)
        narrowing[name] = _parse(text, known[name])
    return narrowing


def opened(names: Iterable[str], dimensions: Sequence[Dimension]) -> dict[str, str]:
    """The wish to vary some dimensions within all their limits, in the user's words; what is unknown is left out."""
    known = {dimension.name: dimension for dimension in dimensions}
    return {name: _all_of(known[name]) for name in names if name in known}


def _all_of(dimension: Dimension) -> str:
    if isinstance(dimension, Categorical):
        return ",".join(map(str, dimension.limits or dimension.choices))
    low, high = dimension.limits or (dimension.low, dimension.high)
    return f"{low!r}..{high!r}"


def _parse(text: str, dimension: Dimension) -> Choices | Range:
    if ".." in text and not isinstance(dimension, Categorical):
        low, high = (_number(part, dimension) for part in text.split("..", 1))
        if low > high:
            raise UsageError(f"The range {text} of {dimension.name!r} ends before it starts.")
        return Range(low, high) if low < high else Choices((low,))
    values = [_value(part.strip(), dimension) for part in text.split(",")]
    return Choices(tuple(dict.fromkeys(values)))


def _value(text: str, dimension: Dimension) -> Value:
    if not isinstance(dimension, Categorical):
        return _number(text, dimension)
    choices = dimension.limits or dimension.choices
    for choice in choices:
        if text == str(choice) or (isinstance(choice, bool) and text.lower() == str(choice).lower()):
            return choice
    raise unknown_name(f"choice of {dimension.name!r}", text, map(str, choices))


def _number(text: str, dimension: Float | Integer) -> float:
    kind, words = (int, "a whole number") if isinstance(dimension, Integer) else (float, "a number")
    try:
        value = kind(text)
    except ValueError:
        raise UsageError(f"{text!r} is not {words}, which {dimension.name!r} takes.") from None
    low, high = dimension.limits or (dimension.low, dimension.high)
    if not math.isfinite(value) or not low <= value <= high:
        raise UsageError(f"{dimension.name}={text} is out of range: {dimension.name!r} takes {low:g} to {high:g}.")
    return value


class NarrowedTrial:
    """A trial as a space sees it, with the user's wishes in force.

    A dimension fixed to one value is answered here and never reaches the sampler.
    """

    def __init__(self, trial: Trial, narrowing: Narrowing) -> None:
        self._trial = trial
        self._narrowing = narrowing

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A real number in the range asked for, or in the user's."""
        wish = self._narrowing.get(name)
        if isinstance(wish, Choices):
            return float(self._choose(name, wish))
        if isinstance(wish, Range):
            low, high = wish.low, wish.high
        return self._trial.suggest_float(name, low, high, step=step, log=log)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number in the range asked for, or in the user's."""
        wish = self._narrowing.get(name)
        if isinstance(wish, Choices):
            return int(self._choose(name, wish))
        if isinstance(wish, Range):
            low, high = int(wish.low), int(wish.high)
        return self._trial.suggest_int(name, low, high, step=step, log=log)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices, or of the user's."""
        wish = self._narrowing.get(name)
        return self._choose(name, wish) if isinstance(wish, Choices) else self._trial.suggest_categorical(name, choices)

    def _choose(self, name: str, wish: Choices) -> Any:
        if len(wish.values) == 1:
            return wish.values[0]
        return self._trial.suggest_categorical(name, wish.values)


def starting_point(
    landmark: Mapping[str, Any], dimensions: Sequence[Dimension], narrowing: Narrowing
) -> dict[str, Any]:
    """A landmark with its gaps filled by defaults, moved to where the user's wishes allow; fixed ones left out."""
    point: dict[str, Any] = {}
    for dimension in dimensions:
        value = landmark.get(dimension.name, dimension.default)
        wish = narrowing.get(dimension.name)
        if isinstance(wish, Choices):
            if len(wish.values) == 1:
                continue
            value = value if value in wish.values else wish.values[0]
        elif isinstance(wish, Range):
            value = type(value)(min(max(value, wish.low), wish.high))
        point[dimension.name] = value
    return point
