"""The energy counters of NVIDIA's GPUs, read through Zeus (You et al. 2023, NSDI)."""

from __future__ import annotations

import contextlib
import io

from automl.price.energy.reader import Unavailable

MJ_PER_WH = 3.6e6


class Nvidia:
    """All GPUs that this process may use.

    The counters are the GPUs' own: what other programs make of them meanwhile is in it.

    Raises:
        Unavailable: There is no GPU, Zeus is not installed, or the GPUs have no counter.
    """

    method = "measured"

    def __init__(self) -> None:
        import torch

        if not torch.cuda.is_available():
            raise Unavailable("NVIDIA: torch sees no GPU.")
        try:
            # Zeus greets on stdout machines that are not AMD's.
            with contextlib.redirect_stdout(io.StringIO()):
                from zeus.device import get_gpus

                self._gpus = get_gpus()
        except ImportError as error:
            raise Unavailable(f"NVIDIA: Zeus is not installed ({error}): pip install 'automl-host[gpu]'.") from error
        except Exception as error:
            raise Unavailable(f"NVIDIA: Zeus does not find the GPUs ({type(error).__name__}: {error}).") from error
        try:
            self._start = self._read_mj()
        except Exception as error:
            raise Unavailable(
                f"NVIDIA: the GPUs have no energy counter, which came with Volta ({type(error).__name__}: {error})."
            ) from error
        count = len(self._gpus)
        self.how = f"NVIDIA counters of {count} GPU{'s' if count > 1 else ''} by Zeus"

    def read_wh(self) -> float:
        """Since it was opened."""
        return (self._read_mj() - self._start) / MJ_PER_WH

    def _read_mj(self) -> float:
        return float(sum(self._gpus.get_total_energy_consumption(index) for index in range(len(self._gpus))))
