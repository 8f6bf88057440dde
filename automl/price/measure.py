"""Measures the machine at hand for a calibration: three peaks, and the reference models."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import platform
import re
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from automl.price.calibration import Calibration, Timing
from automl.price.roof import Roof, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch

    from automl.price.reference import Reference
    from automl.price.work import Load

    Clock = Callable[[], float]
    Tell = Callable[[str], None]

NUMBER_BYTES = 4
LEAST_RUNS, WARM_UPS = 3, 2


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        product: Rows and columns of the matrices of the large product.
        copied: Numbers in the large copy: more than any cache holds.
        rounds: Times that each reference model has its turn.
        turn_s: Seconds of a turn, at least.
        quick: Whether only the small models are timed.
    """

    product: int = 1024
    copied: int = 2**26
    rounds: int = 5
    turn_s: float = 0.2
    quick: bool = False


QUICK = Effort(product=256, copied=2**20, rounds=2, turn_s=0.01, quick=True)
"""To try the command out: the caches hold it all, so the figures are too good."""


def calibrate(
    threads: int | None = None,
    effort: Effort | None = None,
    *,
    clock: Clock = time.perf_counter,
    tell: Tell = lambda _text: None,
) -> Calibration:
    """Measures the machine: some 30 seconds, longer on a small one.

    Predictions are timed one example at a time in evaluation mode, maps in channels_last, as models are run here.

    Args:
        threads: Threads to compute with; as torch has set them when None. They are set back at the end.
        effort: How much is measured.
        clock: Returns seconds.
        tell: Is told what is being measured, a few words at a time.
    """
    import psutil
    import torch

    from automl.price.reference import references

    effort = effort or Effort()
    models = references(quick=effort.quick)
    loads = [_count(model, tell) for model in models]
    with _threads(threads) as used, torch.inference_mode():
        tell("a large matrix product")
        peak = _product_flops_per_s(effort, clock)
        tell("a large copy")
        bandwidth = _copy_bytes_per_s(effort, clock)
        tell("the smallest operator")
        operator_s = _operator_s(effort, clock)
        seconds = _time(models, effort, clock, tell)
    # The copy's pace is that of memory, the start of the search: small models live in the caches, beyond it.
    roof = fit(list(zip(loads, seconds, strict=True)), Roof(peak, bandwidth, operator_s))
    timings = tuple(
        Timing(model.name, sum(load.flops for load in profile), measured_s, roof.seconds(profile))
        for model, profile, measured_s in zip(models, loads, seconds, strict=True)
    )
    return Calibration(
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        processor=processor(),
        torch=torch.__version__,
        threads=used,
        memory_bytes=float(psutil.virtual_memory().total),
        peak_flops_per_s=peak,
        bandwidth_bytes_per_s=bandwidth,
        operator_s=operator_s,
        efficiency=roof.flops_per_s / peak,
        bandwidth_efficiency=roof.bytes_per_s / bandwidth,
        overhead_s=roof.overhead_s,
        timings=timings,
    )


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor, as far as the system tells it."""
    with contextlib.suppress(OSError):
        if named := re.search(r"^(?:model name|Model)\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE):
            return named[1].strip()
    return platform.processor() or platform.machine() or "unknown processor"


@contextlib.contextmanager
def _threads(wanted: int | None) -> Iterator[int]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(wanted or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def _product_flops_per_s(effort: Effort, clock: Clock) -> float:
    import torch

    a, b, out = (torch.ones(effort.product, effort.product) for _ in range(3))
    fastest = min(_turn(lambda: torch.mm(a, b, out=out), 5 * effort.turn_s, clock))
    return 2 * effort.product**3 / fastest


def _copy_bytes_per_s(effort: Effort, clock: Clock) -> float:
    import torch

    source, target = (torch.ones(effort.copied) for _ in range(2))
    fastest = min(_turn(lambda: target.copy_(source), 5 * effort.turn_s, clock))
    return 2 * NUMBER_BYTES * effort.copied / fastest


def _operator_s(effort: Effort, clock: Clock) -> float:
    import torch

    x, calls = torch.ones(16), 100

    def run() -> None:
        for _ in range(calls):
            torch.relu(x)

    return statistics.median(_turn(run, effort.turn_s, clock)) / calls


def _count(model: Reference, tell: Tell) -> Sequence[Load]:
    from automl.price.flops import count

    tell(f"the operations of {model.name}")
    return count(model.build, model.input_shape).prediction.profile


def _time(models: Sequence[Reference], effort: Effort, clock: Clock, tell: Tell) -> list[float]:
    """Median seconds of each model. Taken in turns, so that what else the machine does for a while hits all alike."""
    import torch

    built = [(model, _prepare(model), torch.rand(1, *model.input_shape)) for model in models]
    medians: dict[str, list[float]] = {model.name: [] for model in models}
    for turn in range(effort.rounds):
        for model, module, example in built:
            tell(f"{model.name}, round {turn + 1} of {effort.rounds}")
            medians[model.name].append(statistics.median(_turn(lambda: module(example), effort.turn_s, clock)))  # noqa: B023 - called at once
    return [statistics.median(found) for found in medians.values()]


def _prepare(model: Reference) -> torch.nn.Module:
    import torch

    return model.build().eval().to(memory_format=torch.channels_last)


def _turn(run: Callable[[], object], turn_s: float, clock: Clock) -> list[float]:
    """Seconds of single runs, one after the other for `turn_s` after a few to warm up."""
    for _ in range(WARM_UPS):
        run()
    seconds: list[float] = []
    while len(seconds) < LEAST_RUNS or sum(seconds) < turn_s:
        start = clock()
        run()
        # A coarse clock may stand still over a fast run.
        seconds.append(max(clock() - start, 1e-9))
    return seconds
