"""How much a study may cost besides a number of trials; whichever limit is reached first ends the search."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING

from automl.errors import UsageError
from automl.price.tag import UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.price.tag import PriceTag

SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
"""Units of a time, by what is typed after the number."""

PREFIXES = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "Z": 1e21}
"""SI prefixes before a unit of a price."""

QUANTITIES = {"Wh": "energy_wh", "USD": "money_usd", "gCO2e": "carbon_g", "FLOPs": "flops"}
"""The quantity of each unit that a budget may be given in."""

MOST = 1e100
"""Of any amount: what is reckoned from a larger one would be infinite."""

NUMBER = r"(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"


def parse_time_s(text: str) -> float:
    """Seconds of ``90s``, ``10m``, ``1.5h``, ``2d``.

    Raises:
        UsageError: It is no such time, or none at all.
    """
    found = re.fullmatch(rf"{NUMBER}\s*(?P<unit>[a-z]*)", text.strip())
    if found and found["unit"] in SECONDS and 0 < (seconds := float(found["number"]) * SECONDS[found["unit"]]) < MOST:
        return seconds
    raise UsageError(f"A time is a number and one of s, m, h, d, as in 10m or 1.5h, not {text!r}.")


def parse_budget(text: str) -> tuple[str, float]:
    """Quantity and amount of ``5Wh``, ``2USD``, ``100gCO2e``, ``1e15FLOPs``, with an SI prefix perhaps.

    Raises:
        UsageError: It is no such amount.
    """
    found = re.fullmatch(rf"{NUMBER}\s*(?P<prefix>[a-zA-Z]?)(?P<unit>Wh|USD|gCO2e|FLOPs)", text.strip())
    if found and found["prefix"] in PREFIXES:
        amount = float(found["number"]) * PREFIXES[found["prefix"]]
        if 0 < amount < MOST:
            return QUANTITIES[found["unit"]], amount
    raise UsageError(f"A budget is an amount and its unit, as in 5Wh, 2USD, 100gCO2e or 1e15FLOPs, not {text!r}.")


@dataclasses.dataclass(frozen=True)
class Budget:
    """The most a study may cost, all its sittings together.

    Attributes:
        limits: By quantity of the price tag, in its unit.
    """

    limits: Mapping[str, float]

    @classmethod
    def of(cls, time: str | None, budgets: Sequence[str]) -> Budget:
        """From what a person typed; of two limits of one quantity the lower one counts.

        Raises:
            UsageError: A text is no time or no amount.
        """
        limits = {} if time is None else {"wall_s": parse_time_s(time)}
        for text in budgets:
            quantity, amount = parse_budget(text)
            limits[quantity] = min(amount, limits.get(quantity, math.inf))
        return cls(limits)

    def spent(self, bill: PriceTag) -> str:
        """Which limit the bill has reached, in words; empty while there is room in all of them."""
        for quantity, limit in self.limits.items():
            if quantity in bill and bill[quantity].value >= limit:
                unit = UNITS[quantity]
                return f"the budget of {limit:.4g} {unit} is spent ({bill[quantity].value:.4g} {unit})"
        return ""

    def affords(self, bill: PriceTag, trial: PriceTag) -> int | None:
        """How many more trials of such a mean price there is room for, the one that reaches a limit included.

        Returns:
            None when no limit is of a quantity that both tags know.
        """
        rooms = [
            max(0.0, limit - (bill[quantity].value if quantity in bill else 0.0)) / trial[quantity].value
            for quantity, limit in self.limits.items()
            if quantity in trial and trial[quantity].value > 0
        ]
        return math.ceil(min(rooms)) if rooms else None
