"""Energy where nothing measures it: CodeCarbon's model of this process, offline."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from automl.price import cpu
from automl.price.energy.reader import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

S_PER_H = 3600.0
MEMORY_EVERY_S = 1.0
"""Asking for the memory of a process and its children takes two milliseconds; it is asked no more often."""


class Estimated:
    """CodeCarbon's process mode, integrated exactly.

    CodeCarbon takes the processor's TDP times the share of its hardware threads that the process kept busy, plus watts
    for the memory the process holds. It samples that share every few seconds; since the model is linear in it, the
    energy is TDP / threads x CPU seconds whatever the sampling, and short trials get it right too. CPU seconds are
    those of this process and of its children. What the machine draws when idle is nobody's in this
    model.

    The processor's TDP is guessed from its name; for an unknown one CodeCarbon assumes 4 W a thread. Comparisons with
    wall-plug meters found such estimates up to 40% off.

    Raises:
        Unavailable: CodeCarbon is not installed, or does not work here.
    """

    method = "estimated"

    def __init__(self) -> None:
        try:
            with _silence():
                from codecarbon.core.cpu import TDP
                from codecarbon.core.util import count_cpus
                from codecarbon.external.ram import RAM

                found: Any = TDP()  # type: ignore[no-untyped-call]
                self._memory: Any = RAM(tracking_mode="process")
                threads = count_cpus()
            known = _is_known(found)
            self._w_per_thread = float(found.tdp) / threads
            self._memory_w = self._ask_memory_w()
        except ImportError as error:
            raise Unavailable(f"CodeCarbon is not installed ({error}): pip install codecarbon.") from error
        except Exception as error:
            raise Unavailable(f"CodeCarbon does not work here ({type(error).__name__}: {error}).") from error
        guess = "by its name" if known else "a guess, as CodeCarbon does not know it"
        self.how = (
            f"CodeCarbon {importlib.metadata.version('codecarbon')} in process mode: CPU seconds x "
            f"{self._w_per_thread:.3g} W a thread ({found.model}, {guess}), {self._memory_w:.3g} W for memory"
        )
        self._lock = threading.Lock()
        self._asked = self._at = time.monotonic()
        self._cpu_s = cpu.cpu_s()
        self._total_wh = 0.0

    def read_wh(self) -> float:
        """Since it was opened."""
        with self._lock:
            now, cpu_s = time.monotonic(), cpu.cpu_s()
            processor_wh = self._w_per_thread * max(0.0, cpu_s - self._cpu_s) / S_PER_H
            self._total_wh += processor_wh + self._memory_w * (now - self._at) / S_PER_H
            self._at, self._cpu_s = now, cpu_s
            if now - self._asked >= MEMORY_EVERY_S:
                self._memory_w, self._asked = self._ask_memory_w(), now
            return self._total_wh

    def _ask_memory_w(self) -> float:
        with _silence():
            return float(self._memory.total_power().W)


def _is_known(found: Any) -> bool:
    """Whether CodeCarbon's table has the processor."""
    with _silence(), contextlib.suppress(Exception):
        return found._get_cpu_power_from_registry(found.model) is not None  # noqa: SLF001 - it tells it nowhere else
    return False


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """CodeCarbon and what it imports talk on stdout and through logging of machines they do not know."""
    logger = logging.getLogger("codecarbon")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
