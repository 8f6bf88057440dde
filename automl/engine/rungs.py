"""Amounts of training at which candidates are compared."""

from __future__ import annotations

import itertools
import re

from automl.errors import UsageError

ETA = 3
"""A rung is this many times the one before, as in ASHA (Li et al. 2020)."""

OFF = "off"


def default_rungs(epochs: int) -> tuple[int, ...]:
    """Rungs from a full training backwards, each a third of the next: 25 gives 1, 3, 8, 25."""
    rungs = [epochs]
    while rungs[-1] > 1:
        rungs.append(max(1, round(rungs[-1] / ETA)))
    return tuple(reversed(rungs))


def parse_rungs(text: str, epochs: int) -> tuple[int, ...]:
    """Rungs a person typed: ``1,5,25``, or ``off`` for full trainings only. A full training is always the last.

    Raises:
        UsageError: They are no whole numbers, do not rise, or go beyond `epochs`.
    """
    if text.strip() == OFF:
        return (epochs,)
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d{1,9}", part) for part in parts):
        raise UsageError(f"Rungs are epochs, as in 1,5,{max(epochs, 6)}, or {OFF!r}; not {text!r}.")
    rungs = [int(part) for part in parts]
    if rungs[0] < 1 or any(a >= b for a, b in itertools.pairwise(rungs)) or rungs[-1] > epochs:
        raise UsageError(f"Rungs rise from 1 to the {epochs} epochs of a full training; {text!r} do not.")
    return tuple(rungs) if rungs[-1] == epochs else (*rungs, epochs)
