"""Checks of an installation: what was found, whether it is well, and what to do where it is not.

Nothing here imports what it checks: versions are read from metadata, and torch is tried in a process of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.doctor import home as homes
from automl.doctor import machine, software, torch_pair
from automl.doctor import meters as energy_meters
from automl.doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from automl.host import Host

__all__ = ["Check", "examine"]


def examine(home: Path, host: Host) -> Iterator[Check]:
    """All checks in turn; none of them raises.

    Args:
        home: The home that searches would use.
        host: The plugins.
    """
    checks: list[Callable[[], Iterable[Check]]] = [
        software.python,
        software.packages,
        lambda: software.requirements(["automl-host", *(plugin.source.distribution for plugin in host.plugins)]),
        torch_pair.torch_and_gpu,
        machine.cores,
        machine.memory,
        energy_meters.meters,
        lambda: homes.writable_home(home),
        lambda: homes.databases(home),
        lambda: software.plugins(host),
    ]
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - whatever it raises is told, not passed on
            yield Check("doctor", "fail", f"a check failed: {type(error).__name__}: {error}", "report this as a bug")
