"""Forward and backward pass of a depthwise convolution, four ways, by shape: what the rule in automl_vision is made of.

The library with channels first and with channels last, and its output with the weights' gradient found tap by tap and
by blocks (`automl_vision.depthwise_gradient`). The ways take turns; the least CPU time of all repeats counts. A star is
at what the rule takes, an exclamation mark where that takes a tenth longer than the library with channels last.

Example::

    OMP_NUM_THREADS=1 python benchmarks/training/depthwise.py --batch 32 128
    ONEDNN_MAX_CPU_ISA=AVX2 python benchmarks/training/depthwise.py
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from unittest import mock

import torch
from automl_vision import depthwise
from automl_vision.depthwise import DepthwiseConv2d, quicken
from automl_vision.depthwise_gradient import way
from torch import nn

# Channels, kernel, side and stride of depthwise layers in the default search, and of larger images.
SHAPES = [
    (48, 3, 2, 2), (144, 3, 2, 2), (96, 5, 2, 2), (384, 3, 2, 1), (384, 5, 2, 1), (528, 5, 2, 2),
    (192, 3, 3, 2), (96, 5, 3, 2), (192, 5, 3, 1), (48, 3, 4, 2), (96, 5, 4, 2), (96, 5, 4, 1),
    (144, 3, 6, 1), (144, 5, 6, 2), (24, 3, 8, 1), (48, 5, 8, 2), (96, 5, 8, 1), (96, 3, 16, 1), (96, 5, 14, 1),
    (144, 5, 28, 2),
]  # fmt: skip
WAYS = ("library, channels first", "library", "taps", "blocks")


def passes(channels: int, kernel: int, side: int, stride: int, batch: int, chosen: str) -> Callable[[], object]:
    plain = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
    conv = quicken(nn.Sequential(plain))[0]
    assert isinstance(conv, DepthwiseConv2d)
    layout = torch.contiguous_format if chosen.endswith("first") else torch.channels_last
    conv.to(memory_format=layout)
    x = torch.randn(batch, channels, side, side).contiguous(memory_format=layout).requires_grad_()
    name = chosen.partition(",")[0]

    def run() -> object:
        with mock.patch.object(depthwise, "way", lambda *_: name):  # noqa: PT008 - a mock's own call takes too long
            y = conv(x)
            return torch.autograd.grad(y, [x, conv.weight], torch.ones_like(y))

    return run


def least_ms(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            start = time.process_time()
            run()
            taken[name].append(time.process_time() - start)
    return {name: 1000 * min(seconds[1:]) for name, seconds in taken.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--batch", type=int, nargs="+", default=[128])
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--repeats", type=int, default=9)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    print(f"| channels, kernel, map, stride, batch | {' | '.join(WAYS)} |\n|---{'|---' * len(WAYS)}|")
    for (channels, kernel, side, stride), batch in itertools.product(SHAPES, given.batch):
        names = [name for name in WAYS if name != "blocks" or kernel == 5]  # noqa: PLR2004
        found = least_ms({name: passes(channels, kernel, side, stride, batch, name) for name in names}, given.repeats)
        taken = way((batch, channels, side, side), (kernel, kernel), (stride, stride))
        slow = "!" if found[taken] > 1.1 * found["library"] else ""
        cells = [f"{found[name]:.2f}{f' *{slow}' if name == taken else ''}" if name in found else "" for name in WAYS]
        print(f"| {channels}, {kernel}, {side}x{side}, {stride}, {batch} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
