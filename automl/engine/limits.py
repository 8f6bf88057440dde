"""Limits that a model must keep to; its price before training tells whether it does."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING

from automl.engine.budget import NUMBER, PREFIXES
from automl.errors import UsageError
from automl.price.named import LATENCY_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from automl.engine.settings import Settings

LATENCY_UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
SIZES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


@dataclasses.dataclass(frozen=True)
class Limit:
    """The most of one figure that a model may have.

    Attributes:
        figure: Name of the figure, as objectives use it.
        most: In the unit of the figure.
        text: What the user typed.
    """

    figure: str
    most: float
    text: str

    def broken(self, figures: Mapping[str, float]) -> str:
        """How a candidate of these figures breaks the limit, in a few words; empty when it keeps it.

        Raises:
            KeyError: The figure is not known.
        """
        return "" if figures[self.figure] <= self.most else f"over {self.text}"


def parse_count(text: str, unit: str = "") -> float:
    """``500k``, ``5M``, ``1e6``, ``2GFLOPs`` as a number.

    Raises:
        UsageError: It is no such amount.
    """
    found = re.fullmatch(rf"{NUMBER}\s*(?P<prefix>[a-zA-Z]?)({unit})?", text.strip())
    if not found or found["prefix"] not in PREFIXES or found["prefix"] == "m":
        raise UsageError(f"A limit is a number from above 0, as in 500k, 5M or 1e6, not {text!r}.")
    return _positive(float(found["number"]) * PREFIXES[found["prefix"]], text)


def parse_latency(text: str) -> tuple[str, float]:
    """Figure and milliseconds of ``20ms@t4``.

    Raises:
        UsageError: It is no such time, or names no device: a latency of the machine at hand is known after training
            only, when the price has been paid.
    """
    time, at, device = text.strip().partition("@")
    found = re.fullmatch(rf"{NUMBER}\s*(?P<unit>us|ms|s)", time.strip())
    if not found or not at or not device.strip():
        raise UsageError(
            "A latency is a time and a device, as in 20ms@t4, or 20ms@this-machine after `automl calibrate`; "
            f"not {text!r}."
        )
    return f"{LATENCY_MS}@{device.strip()}", _positive(float(found["number"]) * LATENCY_UNITS_MS[found["unit"]], text)


def parse_size(text: str) -> float:
    """Bytes of ``10MB``, ``512kB``, ``4MiB``.

    Raises:
        UsageError: It is no such size.
    """
    found = re.fullmatch(rf"{NUMBER}\s*(?P<prefix>[kMG]|[KMG]i)?B", text.strip())
    if not found:
        raise UsageError(f"A size is a number of bytes, as in 10MB, 512kB or 4MiB, not {text!r}.")
    return _positive(float(found["number"]) * SIZES[found["prefix"] or ""], text)


def _positive(value: float, text: str) -> float:
    if not 0 < value < math.inf:
        raise UsageError(f"A limit is more than 0, and {text!r} is not.")
    return value


PARSERS: dict[str, Callable[[str], tuple[str, float]]] = {
    "max_params": lambda text: ("parameters", parse_count(text)),
    "max_flops": lambda text: ("prediction_flops", parse_count(text, "FLOPs")),
    "max_latency": parse_latency,
    "max_model_size": lambda text: ("model_bytes", parse_size(text)),
}
"""Figure and amount from what was typed, by name of the setting."""


def limits_of(settings: Settings) -> tuple[Limit, ...]:
    """The limits that a search's settings ask for.

    Raises:
        UsageError: One cannot be read.
    """
    typed = {name: getattr(settings, name) for name in PARSERS}
    return tuple(
        Limit(*PARSERS[name](text), f"--{name.replace('_', '-')} {text}")
        for name, text in typed.items()
        if text is not None
    )
