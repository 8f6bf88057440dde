"""The price tag: figures with unit and method, and the arithmetic on them."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

UNITS = {
    "flops": "FLOPs",
    "wall_s": "s",
    "cpu_s": "s",
    "energy_wh": "Wh",
    "carbon_g": "gCO2e",
    "money_usd": "USD",
}
"""Quantities a tag may hold and their units. FLOPs are floating-point operations, two to a multiply-add."""

METHODS = ("counted", "measured", "catalogue", "estimated")
"""How a figure was obtained, strongest first."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """One amount and how it was obtained.

    Attributes:
        value: The amount in the unit of its quantity; finite, not negative.
        method: One of `METHODS`.
        how: A word on the method: the tool, the formula, the table.
    """

    value: float
    method: str
    how: str = ""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r} is none of {', '.join(METHODS)}")
        if not math.isfinite(self.value) or self.value < 0:
            raise ValueError(f"a price figure is finite and not negative, not {self.value!r}")

    def __add__(self, other: Figure) -> Figure:
        """The sum keeps the weaker method, and both words on how where they differ."""
        weaker = max(self, other, key=lambda figure: METHODS.index(figure.method))
        hows = dict.fromkeys(how for part in (self.how, other.how) for how in part.split("; ") if how)
        return Figure(self.value + other.value, weaker.method, "; ".join(hows))

    def __mul__(self, factor: float) -> Figure:
        return dataclasses.replace(self, value=self.value * factor)


@dataclasses.dataclass(frozen=True)
class PriceTag(Mapping[str, Figure]):
    """Figures by quantity. What is not known is absent, never 0."""

    figures: Mapping[str, Figure] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for quantity in self.figures:
            if quantity not in UNITS:
                raise ValueError(f"quantity {quantity!r} is none of {', '.join(UNITS)}")

    def __getitem__(self, quantity: str) -> Figure:
        return self.figures[quantity]

    def __iter__(self) -> Iterator[str]:
        return iter(self.figures)

    def __len__(self) -> int:
        return len(self.figures)

    def __hash__(self) -> int:
        return hash(frozenset(self.figures.items()))

    def __add__(self, other: PriceTag) -> PriceTag:
        """Adds what both know: a sum with an unknown part is unknown."""
        return PriceTag({name: self[name] + other[name] for name in self if name in other})

    def __mul__(self, factor: float) -> PriceTag:
        """The price of `factor` such things."""
        return PriceTag({name: figure * factor for name, figure in self.items()})

    __rmul__ = __mul__

    @classmethod
    def total(cls, tags: Iterable[PriceTag]) -> PriceTag:
        """The sum of `tags`; an empty tag when there are none."""
        listed = list(tags)
        return functools.reduce(operator.add, listed) if listed else cls()

    def to_json(self) -> dict[str, dict[str, Any]]:
        """A dict of JSON types, each figure with its unit."""
        return {
            name: {"value": figure.value, "unit": UNITS[name], "method": figure.method, "how": figure.how}
            for name, figure in self.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Mapping[str, Any]]) -> PriceTag:
        """The inverse of `to_json`."""
        return cls({name: Figure(item["value"], item["method"], item["how"]) for name, item in data.items()})


def lifetime(training: PriceTag, prediction: PriceTag, predictions: int) -> PriceTag:
    """What a model costs over its life: one training and `predictions` predictions."""
    return training + prediction * predictions
