"""Time and memory of filter response normalization beside the layers it competes with, forward and backward.

FRN+TLU of this project, timm's ``FilterResponseNormTlu2d``, batch normalization + ReLU and group normalization + ReLU,
on one thread, in both layouts::

    python benchmarks/norms/run.py --out norms

writes ``norms.md``. The clock is the thread's CPU time: other programs disturb it less than wall time. Layers take
turns; each timed call follows one of the same layer that is not timed, as after another layer's the allocator's memory
is in another state; the least of all rounds counts.
"""

from __future__ import annotations

import argparse
import itertools
import math
import platform
import time
from pathlib import Path

import timm
import torch
from automl_norms.frn import FilterResponseNorm
from automl_norms.group import group_count
from timm.layers import FilterResponseNormTlu2d
from torch import nn

from automl.price.flops import count_call

CHANNELS = {2: 512, 4: 256, 7: 192, 8: 192, 14: 96, 16: 96, 28: 48, 32: 48, 56: 24, 112: 16}
"""By side of the map in pixels: networks halve the one as they double the other."""

BATCHES = (2, 8, 32, 128)
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
LAYERS = {
    "FRN+TLU": lambda channels: FilterResponseNorm(channels, activate=True, learns_eps=False),
    "timm's": FilterResponseNormTlu2d,
    "BN+ReLU": lambda channels: nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True)),
    "GN+ReLU": lambda channels: nn.Sequential(nn.GroupNorm(group_count(channels), channels), nn.ReLU(inplace=True)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each layer and shape, about")
    parser.add_argument("--maps", type=int, nargs="*", default=list(CHANNELS))
    parser.add_argument("--batches", type=int, nargs="*", default=list(BATCHES))
    parser.add_argument("--out", type=Path, default=Path("norms"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    text = [f"{machine()}; PyTorch {torch.__version__}, timm {timm.__version__}; one thread, float32.\n"]
    for name, layout in LAYOUTS.items():
        times = {
            (side, batch): seconds(side, batch, layout, arguments.seconds)
            for side, batch in itertools.product(arguments.maps, arguments.batches)
        }
        text += [f"### {name}\n", *time_table(times), ""]
    text += ["### Memory\n", *memory_table()]
    arguments.out.with_suffix(".md").write_text("\n".join(text) + "\n")
    print("\n".join(text))


def seconds(side, batch, layout, budget_s):
    """The least CPU seconds of a forward and a backward pass, by layer."""
    x = torch.randn(batch, CHANNELS[side], side, side).to(memory_format=layout).requires_grad_()
    gradient = torch.randn_like(x)
    steps = {name: step(build(CHANNELS[side]), x, gradient) for name, build in LAYERS.items()}
    least = dict.fromkeys(steps, math.inf)
    end = time.thread_time() + budget_s * len(steps)
    rounds = 0
    while rounds < 3 or time.thread_time() < end:  # noqa: PLR2004
        rounds += 1
        for name, run in steps.items():
            run()
            begun = time.thread_time()
            run()
            least[name] = min(least[name], time.thread_time() - begun)
    return least


def step(layer, x, gradient):
    """One forward and backward pass as a call without arguments."""
    leaves = [x, *layer.parameters()]

    def run():
        for leaf in leaves:
            leaf.grad = None
        layer(x).backward(gradient)

    return run


def time_table(times):
    """Rows of Markdown: our time, and the others' as multiples of it."""
    yield "| map | channels | batch | FRN+TLU, ms | timm's FRN+TLU | BN+ReLU | GN+ReLU |"
    yield "|---|---|---|---|---|---|---|"
    for (side, batch), least in times.items():
        own, *others = least.values()
        cells = [f"{side}x{side}", CHANNELS[side], batch, f"{1000 * own:.2f}", *(f"{o / own:.2f}" for o in others)]
        yield "| " + " | ".join(map(str, cells)) + " |"
    for name in list(LAYERS)[1:]:
        ratios = sorted(least[name] / least["FRN+TLU"] for least in times.values())
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        yield f"\n{name}: {mean:.2f} times ours in the geometric mean, {ratios[0]:.2f} to {ratios[-1]:.2f}."


def memory_table(side=14, batch=32):
    """Rows of Markdown, in sizes of the input: what is kept for the backward pass, and the peak."""
    yield f"Batch {batch}, {CHANNELS[side]} channels, {side}x{side}, in sizes of the input.\n"
    yield "| layer | kept between the passes, the input included | peak of both passes, the input not included |"
    yield "|---|---|---|"
    for name, build in LAYERS.items():
        x = torch.randn(batch, CHANNELS[side], side, side).requires_grad_()
        layer, kept = build(CHANNELS[side]), {}
        own = {tensor.data_ptr() for tensor in (*layer.parameters(), *layer.buffers())}
        with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.update({t.data_ptr(): t}) or t, same):
            out = layer(x)
        bytes_kept = sum(t.numel() * t.element_size() for pointer, t in kept.items() if pointer not in own)
        del out
        kept.clear()
        peak = count_call(step(layer, x, torch.randn_like(x))).activation_bytes
        size = x.numel() * x.element_size()
        yield f"| {name} | {bytes_kept / size:.3f} | {peak / size:.2f} |"


def same(tensor):
    return tensor


def machine():
    """The processor by its name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
