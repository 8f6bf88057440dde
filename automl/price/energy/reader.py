"""What an energy meter is: a counter that only grows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Protocol

from automl.price.tag import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence


class EnergyReader(Protocol):
    """A counter of energy.

    Attributes:
        method: One of `automl.price.tag.METHODS`.
        how: A word on it.
    """

    method: str
    how: str

    def read_wh(self) -> float:
        """Wh since some moment in the past; never less than the time before."""


class Unavailable(Exception):  # noqa: N818 - a state of the machine, not a fault
    """This machine does not have such a meter; the message says why, in a sentence."""


class Both:
    """Several meters of different parts of the machine as one."""

    def __init__(self, readers: Sequence[EnergyReader]) -> None:
        self._readers = readers
        # Method and words of a sum are those of a price tag's.
        total = functools.reduce(Figure.plus, (Figure(0.0, reader.method, reader.how) for reader in readers))
        self.method, self.how = total.method, total.how

    def read_wh(self) -> float:
        """The sum."""
        return sum(reader.read_wh() for reader in self._readers)
