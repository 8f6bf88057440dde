"""A machine one may not own, as a row of a catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from automl.parts.base import Part

if TYPE_CHECKING:
    from collections.abc import Mapping

PRECISIONS = ("fp32", "fp16", "bf16", "int8")
"""Number formats a device may have a peak for."""


class Device(Part):
    """What a device can do at best, and what it draws and costs: enough to price a model on it by the roofline.

    Args:
        name: What people type, such as ``"t4"``.
        summary: One line.
        peak_flops_per_s: Dense peak by precision, in FLOP/s (for ``int8``: operations per second).
        bandwidth_bytes_per_s: Of its main memory.
        overhead_s: Seconds an operator costs whatever its size: the launch of a kernel, the interpreter.
        efficiency: Part of the peak that real models reach; None where nobody has measured it.
        bandwidth_efficiency: Part of the bandwidth that real models reach; above 1 where caches serve most of the
            traffic; None where nobody has measured it.
        memory_bytes: Of its main memory; None where unknown.
        tdp_w: What it may draw, in watts, by its data sheet. Not what it draws.
        draw_w: What it has been measured to draw under load, on average, in watts; None where nobody has published it.
        usd_per_h: Rent of one such device; None where unknown.
        price_year: Year of the rent.
        source: Where the figures come from.
    """

    kind: ClassVar[str] = "device"

    def __init__(  # noqa: PLR0913 - a row of a table has many columns
        self,
        name: str,
        summary: str,
        *,
        peak_flops_per_s: Mapping[str, float],
        bandwidth_bytes_per_s: float,
        overhead_s: float,
        efficiency: float | None = None,
        bandwidth_efficiency: float | None = None,
        memory_bytes: float | None = None,
        tdp_w: float | None = None,
        draw_w: float | None = None,
        usd_per_h: float | None = None,
        price_year: int | None = None,
        source: str = "",
    ) -> None:
        self.name = name
        self.summary = summary
        self.peak_flops_per_s = dict(peak_flops_per_s)
        self.bandwidth_bytes_per_s = bandwidth_bytes_per_s
        self.overhead_s = overhead_s
        self.efficiency = efficiency
        self.bandwidth_efficiency = bandwidth_efficiency
        self.memory_bytes = memory_bytes
        self.tdp_w = tdp_w
        self.draw_w = draw_w
        self.usd_per_h = usd_per_h
        self.price_year = price_year
        self.source = source
