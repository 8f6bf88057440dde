"""How well is the latency of models on this CPU predicted, that the calibration has not seen?

Calibrates this machine (or takes a calibration that is there), predicts the latency of timm models over three decades
of FLOPs, none of them among the reference models, then times them. The weights are random: nothing is downloaded::

    python benchmarks/price/latency.py --home /tmp/latency --threads 1 --out latency

writes ``latency.md`` and ``latency.png``. With one thread its CPU time is taken: other programs disturb it less
than wall time, and on an idle machine the two are the same. Batch normalization is folded into the convolution before
it, as it is counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import matplotlib as mpl
import timm
import torch
from matplotlib import pyplot as plt
from scipy.stats import spearmanr
from torch import nn

from automl.price.calibration import find_device, load_calibration, save_calibration
from automl.price.flops import count
from automl.price.measure import calibrate
from automl.price.roofline import price_on

MODELS = (
    "tinynet_e", "mobilenetv3_small_050", "lcnet_050", "mobilenetv3_large_100", "ghostnet_100", "mnasnet_100",
    "efficientnet_b0", "regnety_004", "deit_tiny_patch16_224", "mobilevit_s", "resnet18", "densenet121", "resnet50",
    "convnext_tiny", "vgg16",
)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path("runs/latency"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("latency"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clock = time.thread_time if arguments.threads == 1 else time.perf_counter
    calibration = load_calibration(arguments.home)
    if calibration is None:
        calibration = calibrate(arguments.threads, clock=clock)
        save_calibration(calibration, arguments.home)
    device = find_device("this-machine", arguments.home)
    rows = []
    built = {}
    for name in MODELS:
        model = timm.create_model(name).eval()
        size = model.default_cfg["input_size"]
        work = count(lambda name=name: timm.create_model(name), size)
        rows.append([name, work.prediction.flops, price_on(device, work)["wall_s"].value])
        built[name] = fold(model, torch.rand(1, *size)).to(memory_format=torch.channels_last), torch.rand(1, *size)
    for row, measured_s in zip(rows, measure(built, arguments.rounds, clock), strict=True):
        row.append(measured_s)
    rows.sort(key=lambda row: row[1])
    text = table(rows, calibration)
    arguments.out.with_suffix(".md").write_text(text)
    print(text)
    plot(rows, calibration, arguments.out.with_suffix(".png"))


def fold(model, example):
    """Puts every batch normalization that directly follows a convolution into that convolution's weights."""
    makers, pairs = {}, []

    def after(module, _inputs, output):
        makers[id(output)] = module, output

    def before(module, inputs):
        if id(inputs[0]) in makers:
            pairs.append((makers[id(inputs[0])][0], module))

    hooks = [module.register_forward_hook(after) for module in model.modules() if isinstance(module, nn.Conv2d)]
    hooks += [
        module.register_forward_pre_hook(before) for module in model.modules() if isinstance(module, nn.BatchNorm2d)
    ]
    with torch.no_grad():
        expected = model(example)
        for hook in hooks:
            hook.remove()
        for convolution, norm in pairs:
            fused = nn.utils.fuse_conv_bn_eval(convolution, norm)
            convolution.weight, convolution.bias = fused.weight, fused.bias
        norms = {norm for _, norm in pairs}
        for module in list(model.modules()):
            for name, child in module.named_children():
                if child in norms:
                    setattr(module, name, getattr(child, "act", nn.Identity()))
        torch.testing.assert_close(model(example), expected, rtol=1e-3, atol=1e-3)
    return model


def measure(built, rounds, clock):
    """Medians of the medians of rounds, in which the models take turns: what else runs for a while hits all alike."""
    found = {name: [] for name in built}
    with torch.inference_mode():
        for _ in range(rounds):
            for name, (model, example) in built.items():
                for _ in range(2):
                    model(example)
                seconds = []
                while len(seconds) < 3 or sum(seconds) < 0.3:  # noqa: PLR2004 - of one round
                    start = clock()
                    model(example)
                    seconds.append(clock() - start)
                found[name].append(statistics.median(seconds))
    return [statistics.median(times) for times in found.values()]


def table(rows, calibration):
    errors = [predicted / measured - 1 for _, _, predicted, measured in rows]
    rank = spearmanr([row[2] for row in rows], [row[3] for row in rows]).statistic
    lines = ["| model | GFLOPs | predicted ms | measured ms | error |", "|---|---:|---:|---:|---:|"]
    for (name, flops, predicted, measured), error in zip(rows, errors, strict=True):
        lines.append(f"| {name} | {flops / 1e9:.3g} | {1e3 * predicted:.3g} | {1e3 * measured:.3g} | {error:+.0%} |")
    error = statistics.median(map(abs, errors))
    peak, bandwidth = calibration.peak_flops_per_s / 1e9, calibration.bandwidth_bytes_per_s / 1e9
    lines += [
        "",
        f"{calibration.title}, torch {calibration.torch}, timm {timm.__version__}, batch 1, {calibration.date}.",
        f"Median absolute relative error {error:.0%}, Spearman rank correlation {rank:.3f}, {len(rows)} models.",
        (
            f"Calibration: {peak:.3g} GFLOP/s x {calibration.efficiency:.2f}, {bandwidth:.3g} GB/s x "
            f"{calibration.bandwidth_efficiency:.2f}, {calibration.overhead_s * 1e6:.3g} us a call; median error "
            f"{calibration.median_error:.0%} of the {len(calibration.timings)} reference models."
        ),
        "",
    ]
    return "\n".join(lines)


def plot(rows, calibration, path):
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(7, 6.5), layout="constrained")
    measured, predicted = [1e3 * row[3] for row in rows], [1e3 * row[2] for row in rows]
    known = [1e3 * timing.measured_s for timing in calibration.timings]
    fitted = [1e3 * timing.predicted_s for timing in calibration.timings]
    every = measured + predicted + known + fitted
    ends = [0.7 * min(every), 2 * max(every)]
    axes.plot(ends, ends, color="0.6", linewidth=1)
    axes.fill_between(ends, [end / 1.5 for end in ends], [end * 1.5 for end in ends], color="0.92", label="factor 1.5")
    axes.scatter(known, fitted, s=14, color="0.55", label="reference models (fitted)")
    axes.scatter(measured, predicted, s=20, color="tab:blue", label="timm models (not seen)")
    for place, (name, _, y, x) in enumerate(sorted(rows, key=lambda row: row[3])):
        side, step = (1, -1)[place % 2], 16 + 9 * (place % 4)
        axes.annotate(
            name, (1e3 * x, 1e3 * y), (side * 30, -side * step), textcoords="offset points", fontsize=6,
            ha="left" if side > 0 else "right", va="center", arrowprops={"arrowstyle": "-", "linewidth": 0.4},
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel="measured ms", ylabel="predicted ms")
    axes.set_title(f"Latency of one prediction, {calibration.title}", fontsize=10)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
