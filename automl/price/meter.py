"""Measures what a piece of work costs while it runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from automl.price import cpu, energy, memory
from automl.price.tag import Figure, PriceTag

if TYPE_CHECKING:
    from types import TracebackType


class Meter:
    """Seconds, energy and peak memory between entering and leaving; readable in between; meters may be nested.

    Energy needs `automl.price.energy.warm_up` beforehand. A meter never fails the work it measures: what it cannot
    read is absent from its tag.
    """

    def __enter__(self) -> Self:
        self._reader = energy.reader()
        self._memory = memory.Peak()
        self._end: PriceTag | None = None
        self._wall, self._cpu, self._wh = time.perf_counter(), cpu.cpu_s(), self._read_wh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end = self.tag()
        self._memory.close()

    def tag(self) -> PriceTag:
        """What has been spent so far, or until the end."""
        if self._end is not None:
            return self._end
        cpu_s = max(0.0, cpu.cpu_s() - self._cpu)
        figures = {
            "wall_s": Figure(time.perf_counter() - self._wall, "measured", "wall clock"),
            "cpu_s": Figure(cpu_s, "measured", cpu.HOW),
        }
        wh = self._read_wh()
        if self._reader is not None and wh is not None and self._wh is not None:
            figures["energy_wh"] = Figure(max(0.0, wh - self._wh), self._reader.method, self._reader.how)
        peak = self._memory.bytes()
        if peak is not None:
            figures["memory_bytes"] = Figure(float(peak), "measured", self._memory.how)
        return PriceTag(figures)

    def _read_wh(self) -> float | None:
        if self._reader is None:
            return None
        try:
            return self._reader.read_wh()
        except Exception as error:  # noqa: BLE001 - the work goes on without its energy
            energy.report(f"An energy meter has stopped working ({self._reader.how}): {type(error).__name__}: {error}.")
            self._reader = None
            return None
