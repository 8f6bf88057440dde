"""RAPL: the energy counters of Intel's and AMD's processors, where the kernel shows them."""

from __future__ import annotations

import re
from pathlib import Path

from automl.price.energy.reader import Unavailable

POWERCAP = Path("/sys/class/powercap")
UJ_PER_WH = 3.6e9


class _Zone:
    """One counter, which starts again from 0 at its end."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "energy_uj"
        self._range = int((folder / "max_energy_range_uj").read_text())
        self._last = int(self._file.read_text())
        self._total = 0

    def read_uj(self) -> int:
        now = int(self._file.read_text())
        # The counter steps from its range back to 0.
        self._total += now - self._last if now >= self._last else now + self._range - self._last
        self._last = now
        return self._total


class Rapl:
    """Processor packages and, where they are apart, memory.

    The counters are the machine's: what other programs draw meanwhile is in them. A counter that runs round more than
    once between two readings (at 100 W after some 40 minutes) loses a round; trials are read at least once an epoch.

    Args:
        powercap: The kernel's folder.

    Raises:
        Unavailable: The kernel shows no counters, or to root alone.
    """

    method = "measured"

    def __init__(self, powercap: Path = POWERCAP) -> None:
        packages = sorted(path for path in powercap.glob("intel-rapl:*") if re.fullmatch(r"intel-rapl:\d+", path.name))
        # psys is the whole platform, packages included; core and uncore are parts of their package.
        packages = [path for path in packages if _name(path).startswith("package")]
        memories = [path for path in sorted(powercap.glob("intel-rapl:*:*")) if _name(path) == "dram"]
        if not packages:
            raise Unavailable("RAPL: the kernel shows no energy counters, as in most virtual machines.")
        try:
            self._zones = [_Zone(path) for path in (*packages, *memories)]
        except PermissionError as error:
            raise Unavailable(
                f"RAPL: only root may read {error.filename}; `sudo chmod a+r {powercap}/intel-rapl*/energy_uj` lets "
                "everybody, until the next boot."
            ) from error
        except (OSError, ValueError) as error:
            raise Unavailable(f"RAPL: a counter cannot be read ({error}).") from error
        parts = f"{len(packages)} processor package{'s' if len(packages) > 1 else ''}" + (
            ", memory" if memories else ""
        )
        self.how = f"RAPL counters of the whole machine ({parts})"

    def read_wh(self) -> float:
        """Since it was opened."""
        return sum(zone.read_uj() for zone in self._zones) / UJ_PER_WH


def _name(folder: Path) -> str:
    try:
        return (folder / "name").read_text().strip()
    except OSError:
        return ""
