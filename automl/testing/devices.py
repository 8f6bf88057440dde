"""What holds for every device; a plugin author subclasses the suite.

A device is an instance of the host's class, so the suite has to be told which plugin brings it::

    class TestMine(DeviceSuite):
        part = MINE
        plugin = "automl_mine"
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from automl.parts.device import PRECISIONS
from automl.price.calibration import DEFAULT
from automl.price.roofline import price_on
from automl.price.work import Count, Load, Work
from automl.testing.parts import PartSuite

if TYPE_CHECKING:
    from automl.parts import Device

LONGEST_OVERHEAD_S = 1e-2
"""No machine needs longer for a call of an operator; a larger figure is likely in microseconds."""

SMALLEST_PEAK = 1e6
"""FLOP/s and bytes/s; a smaller figure is likely in GFLOP/s or GB/s."""

MOST_DRAW = 1.25
"""Times the data sheet's limit, which a device may exceed for a moment, but not on average by more."""

PASS = Count(1e6, 1e5, 1e4, profile=(Load(1e6, 1e5, 10),))
"""A pass of a small model."""


class DeviceSuite(PartSuite):
    """Tests that every device passes.

    Attributes:
        part: The device under test.
    """

    part: ClassVar[Device]

    def test_peaks_are_plain_flops_per_second(self) -> None:
        """There is one at least, of known precisions, without prefixes."""
        peaks = self.part.peak_flops_per_s
        assert peaks, "there is no peak"
        assert set(peaks) <= set(PRECISIONS), f"{', '.join(peaks)} are not all of {', '.join(PRECISIONS)}"
        for precision, peak in peaks.items():
            assert SMALLEST_PEAK < peak < math.inf, f"the {precision} peak of {peak} is not in FLOP/s"

    def test_a_narrower_number_is_no_slower(self) -> None:
        """A device that is slower in fp16 or int8 than in fp32 would run such models in fp32."""
        peaks = self.part.peak_flops_per_s
        slower = [name for name in peaks if peaks[name] < peaks.get("fp32", 0.0)]
        assert not slower, f"{', '.join(slower)} is slower than fp32"

    def test_memory_and_overhead_are_in_plain_units(self) -> None:
        """Bytes a second, bytes and seconds."""
        device = self.part
        assert SMALLEST_PEAK < device.bandwidth_bytes_per_s < math.inf, "the bandwidth is not in bytes a second"
        assert 0 < device.overhead_s < LONGEST_OVERHEAD_S, f"an overhead of {device.overhead_s} is not in seconds"
        memory = device.memory_bytes
        assert memory is None or SMALLEST_PEAK < memory < math.inf, f"{memory} is not a memory in bytes"

    def test_what_is_unknown_is_none(self) -> None:
        """Not 0, at which a model would be free."""
        device = self.part
        for name in ("tdp_w", "draw_w", "usd_per_h", "efficiency", "bandwidth_efficiency"):
            value = getattr(device, name)
            assert value is None or 0 < value < math.inf, f"{name} is {value}"
        assert device.efficiency is None or device.efficiency <= 1, "no model exceeds the peak"

    def test_the_mean_draw_is_within_the_limit(self) -> None:
        """A draw above the TDP has likely changed places with it."""
        draw, tdp = self.part.draw_w, self.part.tdp_w
        assert draw is None or tdp is None or draw <= MOST_DRAW * tdp, f"it draws {draw} W of {tdp} W"

    def test_source_is_told(self) -> None:
        """A figure without a source cannot be checked."""
        assert self.part.source.strip(), "there is no source"

    def test_a_model_can_be_priced_on_it(self) -> None:
        """Seconds always; energy and money exactly where watts and rent are known."""
        device = self.part
        tag = price_on(device, Work(PASS, PASS, model_bytes=1e5), efficiency=DEFAULT)
        assert tag["wall_s"].value > 0
        assert ("energy_wh" in tag) == (device.tdp_w is not None or device.draw_w is not None)
        assert ("money_usd" in tag) == (device.usd_per_h is not None)
