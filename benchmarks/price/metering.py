"""What metering costs: the same small trainings with and without an open meter, in turn.

    OMP_NUM_THREADS=1 python benchmarks/price/metering.py [pairs]

Prints which meters work here and why others do not, how long opening them takes (once a process, billed to nobody),
what entering, reading and leaving a meter costs, and the overhead over trainings of about a second each, metered as a
trial is: once around, and read after every epoch. CPU time is compared: other programs lengthen wall time.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time

import torch
from torch import nn

from automl.price import energy
from automl.price.meter import Meter

EPOCHS, STEPS = 10, 60
READINGS, LONG_S = 300, 2.0


def train(meter: Meter | None) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 14 * 14, 10))
    optimizer = torch.optim.AdamW(model.parameters())
    images, labels = torch.rand(32, 3, 16, 16), torch.randint(10, (32,))
    for _ in range(EPOCHS):
        for _ in range(STEPS):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        if meter is not None:
            meter.tag()


def timed(metered: bool) -> float:
    start = time.process_time()
    if metered:
        with Meter() as meter:
            train(meter)
        meter.tag()
    else:
        train(None)
    return time.process_time() - start


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    torch.set_num_threads(1)
    start = time.perf_counter()
    energy.warm_up()
    opened_s = time.perf_counter() - start
    reader = energy.reader()
    machine = platform.processor() or platform.machine()
    print(f"{machine}, Python {platform.python_version()}, torch {torch.__version__}")
    print(f"meter: {reader.how if reader else 'none'} ({reader.method if reader else '-'})")
    for problem in energy.problems():
        print(f"not here: {problem}")
    print(f"opening: {opened_s:.2f} s")

    start = time.perf_counter()
    for _ in range(READINGS):
        with Meter():
            pass
    entered_s = (time.perf_counter() - start) / READINGS
    with Meter() as meter:
        reads = []
        while len(reads) < READINGS or sum(reads) < LONG_S:
            start = time.perf_counter()
            meter.tag()
            reads.append(time.perf_counter() - start)
    # The mean, not the median: once a second a reading asks for the memory of the process, which is slower.
    slow_s = max(reads)
    print(
        f"enter and leave: {1e6 * entered_s:.0f} us; a reading: median {1e6 * statistics.median(reads):.0f} us, "
        f"the slowest of two seconds {1e3 * slow_s:.1f} ms"
    )
    share = (entered_s + EPOCHS * statistics.median(reads) + slow_s) / 1.0
    print(f"so a trial of a second and {EPOCHS} epochs pays {100 * share:.2f}%")

    timed(metered=True), timed(metered=False)
    # In turn, and which goes first in turn as well.
    order = [(True, False) if number % 2 else (False, True) for number in range(pairs)]
    overheads = []
    for first, second in order:
        spent = {first: timed(first), second: timed(second)}
        overheads.append(100 * (spent[True] / spent[False] - 1))
    quarters = statistics.quantiles(overheads, n=4)
    print(
        f"overhead: median {statistics.median(overheads):+.2f}% of CPU time over {pairs} pairs of trainings of "
        f"{spent[False]:.2f} s (quartiles {quarters[0]:+.2f}% to {quarters[2]:+.2f}%)"
    )


if __name__ == "__main__":
    main()
