"""Energy: the best meter this machine has, opened once a process, before anything is billed."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from automl.price.energy.reader import Both, EnergyReader, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EnergyReader", "problems", "reader", "reopen", "report", "use_reader", "warm_up"]

VARIABLE = "AUTOML_ENERGY"
OFF = "off"

_opened: list[EnergyReader | None] = []
_problems: list[str] = []


def warm_up() -> None:
    """Opens the meters; that takes seconds the first time in a process and nothing afterwards.

    It is to be called before work that is billed: a `Meter` reads what is open and opens nothing.
    """
    if not _opened:
        _opened.append(_open())


def reopen() -> None:
    """Opens the meters anew, as a fork has to: they count from where they were opened."""
    _opened.clear()
    warm_up()


def reader() -> EnergyReader | None:
    """The meter in force; None where there is none, or before `warm_up`."""
    return _opened[-1] if _opened else None


def problems() -> tuple[str, ...]:
    """Why each meter that does not work here does not, a sentence each; empty before `warm_up`."""
    return tuple(_problems)


def report(problem: str) -> None:
    """Notes that a meter has stopped working."""
    if problem not in _problems:
        _problems.append(problem)


@contextlib.contextmanager
def use_reader(other: EnergyReader | None) -> Iterator[None]:
    """Puts another meter, or none, in the place of this machine's within the block."""
    _opened.append(other)
    try:
        yield
    finally:
        _opened.pop()


def _open() -> EnergyReader | None:
    """GPU by NVIDIA's counters; processor by RAPL's, or by CodeCarbon's estimate where there are none."""
    from automl.price.energy.estimated import Estimated
    from automl.price.energy.nvidia import Nvidia
    from automl.price.energy.rapl import Rapl

    if os.environ.get(VARIABLE, "").lower() == OFF:
        report(f"Energy is not metered, as {VARIABLE}={OFF} asks.")
        return None
    gpu = _first(Nvidia)
    processor = _first(Rapl, Estimated)
    if processor is None:
        # The GPU alone would pass for the whole.
        return None
    return processor if gpu is None else Both([gpu, processor])


def _first(*kinds: Callable[[], EnergyReader]) -> EnergyReader | None:
    for kind in kinds:
        try:
            return kind()
        except Unavailable as error:
            report(str(error))
    return None
