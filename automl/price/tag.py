"""The price tag: figures with unit and method, and the arithmetic on them."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SUMS = {
    "flops": "FLOPs",
    "moved_bytes": "B",
    "wall_s": "s",
    "cpu_s": "s",
    "energy_wh": "Wh",
    "carbon_g": "gCO2e",
    "money_usd": "USD",
}
"""Quantities that are spent, and add up. FLOPs are floating-point operations, two to a multiply-add."""

PEAKS = {
    "parameters": "",
    "model_bytes": "B",
    "activation_bytes": "B",
    "memory_bytes": "B",
}
"""Quantities that are held for a while: of two things done one after the other, the larger counts."""

UNITS = {**SUMS, **PEAKS}
"""Quantities a tag may hold and their units."""

METHODS = ("counted", "measured", "catalogue", "estimated")
"""How a figure was obtained, strongest first."""

Years = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Figure:
    """One amount and how it was obtained.

    Attributes:
        value: The amount in the unit of its quantity; finite, not negative.
        method: One of `METHODS`.
        how: A word on the method: the tool, the formula, the table.
        without: Names of what is known to be missing from the amount, such as operators for which there is no
            formula. An amount that lacks something is a lower bound.
        years: First and last year of the prices in an amount of money; None where none is known.
    """

    value: float
    method: str
    how: str = ""
    without: tuple[str, ...] = ()
    years: Years | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r} is none of {', '.join(METHODS)}")
        if not math.isfinite(self.value) or self.value < 0:
            raise ValueError(f"a price figure is finite and not negative, not {self.value!r}")

    def __mul__(self, factor: float) -> Figure:
        return dataclasses.replace(self, value=self.value * factor)

    def plus(self, other: Figure, *, peak: bool = False) -> Figure:
        """Both amounts in one: their sum, or the larger of two peaks.

        It keeps the weaker method, and both words on how where they differ.
        """
        weaker = max(self, other, key=lambda figure: METHODS.index(figure.method))
        hows = dict.fromkeys(how for part in (self.how, other.how) for how in part.split("; ") if how)
        known = [year for figure in (self, other) for year in figure.years or ()]
        return Figure(
            max(self.value, other.value) if peak else self.value + other.value,
            weaker.method,
            "; ".join(hows),
            tuple(sorted({*self.without, *other.without})),
            (min(known), max(known)) if known else None,
        )

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types, without what is empty."""
        data: dict[str, Any] = {"value": self.value, "method": self.method, "how": self.how}
        if self.without:
            data["without"] = list(self.without)
        if self.years:
            data["years"] = list(self.years)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Figure:
        """The inverse of `to_json`; other keys are ignored."""
        years = data.get("years")
        return cls(
            data["value"],
            data["method"],
            data["how"],
            tuple(data.get("without", ())),
            (years[0], years[1]) if years else None,
        )


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
        """The price of both, one after the other, of what both know: a sum with an unknown part is unknown."""
        shared = [name for name in self if name in other]
        return PriceTag({name: self[name].plus(other[name], peak=name in PEAKS) for name in shared})

    def __mul__(self, factor: float) -> PriceTag:
        """The price of `factor` such things, one after the other."""
        return PriceTag({name: figure if name in PEAKS else figure * factor for name, figure in self.items()})

    __rmul__ = __mul__

    def __or__(self, other: PriceTag) -> PriceTag:
        """More figures for the same thing; where both know one, the other's is taken."""
        return PriceTag({**self.figures, **other.figures})

    @classmethod
    def total(cls, tags: Iterable[PriceTag]) -> PriceTag:
        """The sum of `tags`; an empty tag when there are none."""
        listed = list(tags)
        return functools.reduce(operator.add, listed) if listed else cls()

    def only(self, quantities: Iterable[str]) -> PriceTag:
        """The figures of these quantities, where they are known."""
        return PriceTag({name: self[name] for name in quantities if name in self})

    def to_json(self) -> dict[str, dict[str, Any]]:
        """A dict of JSON types, each figure with its unit."""
        return {name: {"unit": UNITS[name], **figure.to_json()} for name, figure in self.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Mapping[str, Any]]) -> PriceTag:
        """The inverse of `to_json`."""
        return cls({name: Figure.from_json(item) for name, item in data.items()})


def lifetime(training: PriceTag, prediction: PriceTag, predictions: int) -> PriceTag:
    """What a model costs over its life: one training and `predictions` predictions."""
    return training + prediction * predictions
