"""What has been measured of the machine at hand, kept in the home, and what it tells of machines one does not own."""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
from typing import TYPE_CHECKING, Any, Self

from automl.errors import UsageError, unknown_name
from automl.files import write_json
from automl.parts import Device

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "calibration.json"
FORMAT = 1
"""Of the file; it grows when a reader of the old one would misread the new one."""

THIS_MACHINE = "this-machine"
"""Name of the machine at hand among the devices."""

LARGEST = sys.float_info.max

AGAIN = "Run `automl calibrate`"


@dataclasses.dataclass(frozen=True)
class Efficiency:
    """What part of its data sheet a device reaches.

    Attributes:
        compute: Part of the peak.
        bandwidth: Part of the bandwidth.
        how: Where the two come from.
    """

    compute: float
    bandwidth: float
    how: str


DEFAULT = Efficiency(
    0.5,
    0.8,
    # Narayanan et al. 2021 (arXiv:2104.04473) report 44 to 52% on A100s, Chowdhery et al. 2022 46% on TPU v4 chips.
    "efficiency assumed: half the peak, as large models train at, and 80% of the bandwidth, as copies run at",
)
"""For devices of which nobody has measured it, before this machine is calibrated."""


@dataclasses.dataclass(frozen=True)
class Timing:
    """A reference model: what it computes, how long it took, how long the fit says it takes."""

    model: str
    flops: float
    measured_s: float
    predicted_s: float

    @property
    def error(self) -> float:
        """Relative: 0.1 where the prediction is a tenth too long."""
        return self.predicted_s / self.measured_s - 1


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What was measured of a machine.

    Attributes:
        date: Day of the measurement, ISO 8601.
        processor: Name of its processor.
        torch: Version of torch.
        threads: Threads that torch computed with.
        memory_bytes: Of its main memory.
        peak_flops_per_s: Of a large matrix product in fp32.
        bandwidth_bytes_per_s: Of a large copy, bytes read and written.
        operator_s: Seconds of the smallest operator.
        efficiency: Part of the peak that the reference models reach.
        bandwidth_efficiency: Part of the bandwidth that they reach.
        overhead_s: Seconds that one of their operators costs whatever its size.
        timings: The reference models.
    """

    date: str
    processor: str
    torch: str
    threads: int
    memory_bytes: float
    peak_flops_per_s: float
    bandwidth_bytes_per_s: float
    operator_s: float
    efficiency: float
    bandwidth_efficiency: float
    overhead_s: float
    timings: tuple[Timing, ...]

    def __post_init__(self) -> None:
        words = ("date", "processor", "torch")
        numbers = [value for name, value in vars(self).items() if name not in {*words, "timings"}]
        numbers += [value for timing in self.timings for value in (timing.flops, timing.measured_s, timing.predicted_s)]
        texts = [getattr(self, name) for name in words] + [timing.model for timing in self.timings]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a name is no text")
        if not self.timings or not all(0 < number <= LARGEST for number in numbers):
            raise ValueError("there is no timing, or a figure is not positive")

    @property
    def median_error(self) -> float:
        """Of the predictions for the reference models, relative, without its sign."""
        return statistics.median(abs(timing.error) for timing in self.timings)

    @property
    def title(self) -> str:
        """The machine in a few words."""
        return f"{self.processor}, {self.threads} thread{'' if self.threads == 1 else 's'}"

    def device(self) -> Device:
        """The machine as a device."""
        return Device(
            THIS_MACHINE,
            f"{self.title}, calibrated {self.date}",
            peak_flops_per_s={"fp32": self.peak_flops_per_s},
            bandwidth_bytes_per_s=self.bandwidth_bytes_per_s,
            overhead_s=self.overhead_s,
            efficiency=self.efficiency,
            bandwidth_efficiency=self.bandwidth_efficiency,
            memory_bytes=self.memory_bytes,
            source=f"automl calibrate, median error {self.median_error:.0%} of {len(self.timings)} models",
        )

    def borrowed(self) -> Efficiency:
        """The efficiency to assume of a device of which nobody has measured it.

        No more than 1: that a machine's caches hold small models says nothing of another's bandwidth.
        """
        how = f"efficiency borrowed from the calibration of this machine ({self.title}, {self.date})"
        return Efficiency(min(1.0, self.efficiency), min(1.0, self.bandwidth_efficiency), how)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {"format": FORMAT, **vars(self), "timings": [vars(timing) for timing in self.timings]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        if data["format"] != FORMAT:
            raise ValueError(f"it has format {data['format']!r}, not {FORMAT}")
        timings = tuple(Timing(**timing) for timing in data["timings"])
        return cls(**{name: value for name, value in data.items() if name != "format"} | {"timings": timings})


def save_calibration(calibration: Calibration, home: Path) -> Path:
    """Puts the calibration into the home, in the place of an older one."""
    return write_json(home / FILE, calibration.to_json())


def load_calibration(home: Path) -> Calibration | None:
    """The calibration in the home; None where there is none.

    Raises:
        UsageError: The file cannot be read or is damaged.
    """
    path = home / FILE
    try:
        return Calibration.from_json(json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise UsageError(f"The calibration {path} cannot be used ({cause}). {AGAIN} again.") from error


def find_device(name: str, home: Path) -> Device:
    """The device that a person means: one of the catalogue's, or ``this-machine``.

    Raises:
        UsageError: There is none of that name, or this machine has not been calibrated.
    """
    from automl.host import get_host

    if name == THIS_MACHINE:
        calibration = load_calibration(home)
        if calibration is None:
            raise UsageError(f"This machine has not been measured: there is no {home / FILE}. {AGAIN} first.")
        return calibration.device()
    host = get_host()
    known = [device.name for device in host.parts(Device)]
    if name not in known:
        raise unknown_name(Device.kind, name, [*known, THIS_MACHINE])
    return host.part(Device, name)


def efficiency_of(device: Device, calibration: Calibration | None) -> Efficiency:
    """What part of its data sheet `device` reaches: its own figures, else this machine's, else `DEFAULT`."""
    assumed = DEFAULT if calibration is None else calibration.borrowed()
    compute, bandwidth = device.efficiency, device.bandwidth_efficiency
    if compute is None and bandwidth is None:
        return assumed
    how = "efficiency fitted to its own timings" if device.name == THIS_MACHINE else "efficiency by its own source"
    if compute is None or bandwidth is None:
        how += f", the {'arithmetic' if compute is None else 'bandwidth'}'s not: {assumed.how}"
    return Efficiency(
        assumed.compute if compute is None else compute, assumed.bandwidth if bandwidth is None else bandwidth, how
    )
