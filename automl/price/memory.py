"""Peak memory of this process, window by window, as the kernel keeps it."""

from __future__ import annotations

import re
import threading
from pathlib import Path

PROC = Path("/proc/self")
RESET_PEAK = "5"
KIB = 1024

_lock = threading.Lock()
_open: list[Peak] = []


class Peak:
    """The most memory that was resident since the window was opened.

    Linux keeps one high-water mark a process and lets it be set back. Before a window that opens does so, those that
    are open already take note of the mark, so that windows may be nested.

    Args:
        proc: The kernel's folder of this process.
    """

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._noted = 0
        self.how = "peak resident memory of this process"
        with _lock:
            for other in _open:
                other.note()
            try:
                (proc / "clear_refs").write_text(RESET_PEAK)
            except OSError:
                self.how += " since it began, as the mark cannot be set back here"
            _open.append(self)

    def note(self) -> None:
        """Takes in the mark as it stands."""
        self._noted = max(self._noted, _high_water(self._proc) or 0)

    def bytes(self) -> int | None:
        """Until now; None where nothing tells."""
        self.note()
        return self._noted or None

    def close(self) -> None:
        """Ends the window."""
        with _lock:
            if self not in _open:
                return
            place = _open.index(self)
            # The kernel's sums lag a little: what was seen in here was there in the windows around it.
            for around in _open[:place]:
                around._noted = max(around._noted, self._noted)  # noqa: SLF001 - one of us
            _open.pop(place)


def _high_water(proc: Path) -> int | None:
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", (proc / "status").read_text(), re.MULTILINE)
    except OSError:
        found = None
    if found:
        return int(found[1]) * KIB
    try:
        import resource
        import sys
    except ImportError:
        return None
    # Kilobytes on Linux, bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else KIB)
