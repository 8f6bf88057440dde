"""Measures what a piece of work costs while it runs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Self

from automl.price.tag import Figure, PriceTag

if TYPE_CHECKING:
    from types import TracebackType


class Meter:
    """Seconds of wall clock and CPU between entering and leaving; readable in between."""

    def __enter__(self) -> Self:
        self._wall, self._cpu = time.perf_counter(), _cpu_s()
        self._end: tuple[float, float] | None = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end = time.perf_counter(), _cpu_s()

    def tag(self) -> PriceTag:
        """What has been spent so far, or until the end."""
        wall, cpu = self._end or (time.perf_counter(), _cpu_s())
        return PriceTag(
            {
                "wall_s": Figure(wall - self._wall, "measured", "wall clock"),
                "cpu_s": Figure(max(0.0, cpu - self._cpu), "measured", "CPU time of this process, all threads"),
            }
        )


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system
