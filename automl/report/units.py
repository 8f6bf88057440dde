"""Figures for people: prefixes, percentages and durations instead of bare floats."""

from __future__ import annotations

import math

from automl.price.tag import UNITS

PREFIXES = {
    -12: "p", -9: "n", -6: "µ", -3: "m", 0: "",
    3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E", 21: "Z", 24: "Y", 27: "R", 30: "Q",
}  # fmt: skip
"""SI prefixes by power of ten."""

UNKNOWN = "-"
"""What stands in a table for a figure nobody has."""

FRACTIONS = {
    "accuracy", "auc", "auprc", "auroc", "average_precision", "dice", "error_rate", "f1", "iou", "precision",
    "recall", "sensitivity", "specificity",
}  # fmt: skip
"""Metrics between 0 and 1 that people read as percentages, alone or with words before them (``balanced_accuracy``)."""

_WORDS = {"flops": "FLOPs", "cpu": "CPU", "gpu": "GPU", "val": "validation"}
_SUFFIXES = {"flops": "FLOPs", "s": "s", "ms": "ms", "wh": "Wh", "g": "g", "usd": "USD", "bytes": "B"}
_COUNTED = "parameters"
_BYTES = {
    "moved": ["bytes", "moved"],
    "model": ["model", "size"],
    "activation": ["activation", "memory"],
    "memory": ["peak", "memory"],
}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_PROSE_FROM_S = 2 * _MINUTE


def unit(name: str) -> str:
    """The unit a metric's name ends with, ``""`` for a score.

    ``lifetime_flops`` -> ``FLOPs``, ``wall_s`` -> ``s``, ``energy_wh`` -> ``Wh``, ``carbon_g`` -> ``gCO2e``,
    ``latency_ms@t4`` -> ``ms``.
    """
    name = name.partition("@")[0]
    for quantity, known in UNITS.items():
        if name == quantity or name.endswith(f"_{quantity}"):
            return known
    head, _, last = name.rpartition("_")
    return _SUFFIXES.get(last, "") if head else ""


def is_fraction(name: str) -> bool:
    """Whether a metric lies between 0 and 1 and is read as a percentage: ``val_accuracy``, ``balanced_accuracy``."""
    return any(name == known or name.endswith(f"_{known}") for known in FRACTIONS)


def si(value: float, unit: str = "", *, space: str = " ", digits: int = 3) -> str:
    """A few significant digits with an SI prefix: ``2.11 MFLOPs``, ``14.2 s``; longer times in words.

    Args:
        value: The amount in `unit`.
        unit: ``"s"`` for times; ``"USD"`` for money, which takes no prefix; anything else as it is written.
        space: What stands between number and unit.
        digits: How many significant digits, at least 3.
    """
    if not math.isfinite(value):
        return str(value)
    if unit == "s" and abs(value) >= _PROSE_FROM_S:
        return _duration(value)
    if unit == "USD":
        return f"{_money(value)}{space}{unit}"
    number, prefix = _scaled(value, digits)
    tail = f"{prefix}{unit}"
    return f"{number}{space}{tail}" if tail else number


def fraction(value: float) -> str:
    """A part of 1 as a percentage, ``97.1%``.

    More decimals appear near the ends: only 1 itself reads 100%, since a model that errs once in ten thousand errs.
    """
    percent = 100 * value
    for decimals in range(1, 7):
        text = f"{percent:.{decimals}f}"
        if float(text) not in {0.0, 100.0} or float(text) == percent:
            return f"{text}%"
    return f"{percent:.1f}%"


def metric(name: str, value: float | None) -> str:
    """`value` as the metric `name` is read: price figures with their unit, fractions in percent, other scores bare.

    Scores keep four significant digits. What is None or not a number reads as a dash.
    """
    if value is None or math.isnan(value):
        return UNKNOWN
    known = unit(name)
    if known == "ms":
        return si(value / 1000, "s")
    if known:
        return si(value, known)
    if is_count(name):
        return si(value, space="")
    if is_fraction(name) and 0 <= value <= 1:
        return fraction(value)
    return f"{value:.4g}"


def is_count(name: str) -> bool:
    """Whether a metric is a number of things: ``parameters``."""
    figure = name.partition("@")[0]
    return figure == _COUNTED or figure.endswith(f"_{_COUNTED}")


def count(value: int | None) -> str:
    """A number of things, such as parameters: ``4.01M``."""
    return UNKNOWN if value is None else si(value, space="")


def title(name: str) -> str:
    """A metric's name in words, without the unit its figures carry anyhow.

    ``lifetime_flops`` -> ``lifetime FLOPs``, ``wall_s`` -> ``wall time``, ``test_accuracy`` -> ``test accuracy``,
    ``latency_ms@t4`` -> ``latency on t4``.
    """
    figure, _, device = name.partition("@")
    words = figure.split("_")
    known = unit(name)
    if known and known != "FLOPs":
        words.pop()
        if known == "s" and words[-1] not in {"time", "latency", "duration"}:
            words.append("time")
    if known == "B" and words:
        words = [*words[:-1], *_BYTES.get(words[-1], [words[-1]])]
    text = " ".join(_WORDS.get(word, word) for word in words if word)
    return f"{text} on {device}" if device else text


def axis_title(name: str) -> str:
    """`title` with the unit of the bare numbers along an axis: ``lifetime energy (Wh)``."""
    known = unit(name)
    return f"{title(name)} ({known})" if known and known != "FLOPs" else title(name)


def tick(name: str, value: float, digits: int = 3) -> str:
    """A short label for a place along an axis of the metric `name`: ``10M``, ``97.5%``."""
    if unit(name) or is_count(name):
        return si(value, space="", digits=digits)
    # Without a prefix three digits would turn 1000 into 1e+03.
    digits = max(6, digits)
    return f"{100 * value:.{digits}g}%" if is_fraction(name) else f"{value:.{digits}g}"


def _scaled(value: float, digits: int) -> tuple[str, str]:
    """The number before the prefix, and the prefix; a power of ten where there is no prefix left."""
    # Rounded before the prefix is chosen: 999,900 is 1 M, not 1,000 k.
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = 3 * (int(exponent) // 3)
    if power not in PREFIXES:
        return f"{value:.{digits}g}", ""
    return f"{float(mantissa) * 10 ** (int(exponent) - power):.{digits}g}", PREFIXES[power]


def _money(value: float) -> str:
    size = abs(value)
    if size >= 1e12:  # noqa: PLR2004 - more digits than anyone reads
        return f"{value:.3g}"
    if size >= 1000:  # noqa: PLR2004 - cents no longer matter
        return f"{value:,.0f}"
    return f"{value:.2f}" if size >= 0.01 else f"{value:.2g}"  # noqa: PLR2004 - a cent


def _duration(value: float) -> str:
    """Minutes and seconds, hours and minutes, or days and hours: two figures are as much as anyone reads."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    if value >= 1000 * _DAY:
        return f"{sign}{value / _DAY:.3g} d"
    seconds, minutes, hours = round(value), round(value / _MINUTE), round(value / _HOUR)
    if seconds < _HOUR:
        parts = (seconds // 60, "min", seconds % 60, "s")
    elif minutes < 24 * 60:
        parts = (minutes // 60, "h", minutes % 60, "min")
    else:
        parts = (hours // 24, "d", hours % 24, "h")
    large, large_unit, small, small_unit = parts
    return f"{sign}{large} {large_unit}" + (f" {small} {small_unit}" if small else "")
