"""The heavy half of the faulty space."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import torch

from automl.testing.faulty import ONCE
from automl.testing.toy_training import perceptron

HOARD_BYTES = 1 << 26


class Faulty(torch.nn.Module):
    """A perceptron that goes wrong.

    Args:
        fault: One of `automl.testing.faulty.FAULTS`.
        features: Numbers in an example.
        classes: Logits.
    """

    def __init__(self, fault: str, features: int, classes: int) -> None:
        super().__init__()
        self._fault = fault
        self.inner = perceptron(features, 4, classes, "relu")

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Logits, or what the fault is."""
        if self._fault != "none" and self.training and points.device.type != "meta":
            points = points * self._go_wrong()
        logits: torch.Tensor = self.inner(points)
        return logits[:1] if self._fault == "shape" and self.training and points.device.type != "meta" else logits

    def _go_wrong(self) -> float:
        if self._fault == "raise":
            raise RuntimeError("as it was told")
        if self._fault == "memory":
            raise MemoryError
        if self._fault == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        if self._fault == "segfault":
            ctypes.string_at(0)
        if self._fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._fault == "exit":
            os._exit(3)
        while self._fault == "hang" or (self._fault == "once" and _is_first()):
            time.sleep(60)
        hoard = []
        while self._fault == "hoard":
            hoard.append(b"\1" * HOARD_BYTES)
            time.sleep(0.01)
        return {"nan": float("nan"), "inf": float("inf")}.get(self._fault, 1.0)


def _is_first() -> bool:
    try:
        Path(os.environ[ONCE]).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
