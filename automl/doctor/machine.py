"""Checks of the machine: cores, memory."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from automl.doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL_MEMORY_GB = 2


def cores(cgroup: Path = Path("/sys/fs/cgroup")) -> Iterator[Check]:
    """Cores that this process may use."""
    present = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else present
    text = f"{usable} usable of {present}"
    quota, period = [*_read(cgroup / "cpu.max").split(), "", ""][:2]
    if quota.isdecimal() and int(quota) / int(period) < usable:
        text += f", with time for {int(quota) / int(period):.1f} of them (container limit)"
    yield Check("cores", "ok", text)


def memory(cgroup: Path = Path("/sys/fs/cgroup"), meminfo: Path = Path("/proc/meminfo")) -> Iterator[Check]:
    """Memory that this process may use, within the limits of its container."""
    free = re.search(r"^MemAvailable:\s+(\d+) kB", _read(meminfo), re.MULTILINE)
    free_gb = int(free[1]) * 1024 / 1e9 if free else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    text, least_gb = f"{free_gb:.1f} GB available", free_gb
    limit = _read(cgroup / "memory.max") or _read(cgroup / "memory" / "memory.limit_in_bytes")
    # Without a limit the file says "max", or a number larger than any memory.
    if limit.isdecimal() and int(limit) / 1e9 < free_gb:
        least_gb = int(limit) / 1e9
        text += f", of which the container may use {least_gb:.1f} GB"
    if least_gb < SMALL_MEMORY_GB:
        yield Check("memory", "warn", text, f"close other programs; a search takes about {SMALL_MEMORY_GB} GB")
    else:
        yield Check("memory", "ok", text)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
