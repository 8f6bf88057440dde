"""CPU time of this process and of all that work for it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOW = "CPU time of this process and of its children, all threads"

_servers: set[int] = set()
_added: list[float] = []


def cpu_s() -> float:
    """Seconds of processor time until now; it never falls."""
    times = os.times()
    total = times.user + times.system + times.children_user + times.children_system
    # The kernel adds a child's time to its parent's when it has ended, not before.
    return total + sum(map(_tree_s, _servers)) + sum(_added)


def add(seconds: float) -> None:
    """Counts what a process of this machine that is no child of this one tells to have worked for it."""
    _added[:] = [sum(_added) + seconds]


@contextlib.contextmanager
def working(pid: int) -> Iterator[None]:
    """Counts a child that is alive, with its own children; within the block it is to end and be waited for."""
    _servers.add(pid)
    try:
        yield
    finally:
        _servers.discard(pid)


def _tree_s(pid: int) -> float:
    def taken_s(process: Any) -> float:
        times = process.cpu_times()
        ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return float(times.user + times.system + ended)

    return over_family(pid, taken_s)


def over_family(pid: int, figure: Callable[[Any], float]) -> float:
    """The sum of a figure over a process and all its descendants; those that are gone have none.

    Args:
        pid: The process.
        figure: Of a `psutil.Process`.
    """
    import psutil

    total = 0.0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (*parent.children(recursive=True), parent):
            with contextlib.suppress(psutil.Error):
                total += figure(process)
    return total
