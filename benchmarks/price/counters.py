"""Compares the project's counts with fvcore, thop and ptflops, on models of timm without weights.

    python benchmarks/price/counters.py > counters.md

The three print MACs; here every number is in FLOPs, two to a multiply-add. They need real models, ours none. Where a
ratio is off by more than 1% the parts that explain it are measured one by one, and what
they leave unexplained is shown.
"""

from __future__ import annotations

import contextlib
import io
import logging
import time
import warnings
from typing import Any

import timm
import torch

from automl.price.flops import count, multiply_add_flops

MODELS = {
    "resnet18": 224,
    "resnet50": 224,
    "resnext50_32x4d": 224,
    "seresnet50": 224,
    "densenet121": 224,
    "vgg16_bn": 224,
    "mobilenetv2_100": 224,
    "mobilenetv3_large_100": 224,
    "efficientnet_b0": 224,
    "tf_efficientnetv2_s": 300,
    "regnety_016": 224,
    "ghostnet_100": 224,
    "convnext_tiny": 224,
    "vit_tiny_patch16_224": 224,
    "deit_small_patch16_224": 224,
    "swin_tiny_patch4_window7_224": 224,
    "coatnet_0_rw_224": 224,
    "poolformer_s12": 224,
    "mixer_s32_224": 224,
    "resmlp_12_224": 224,
}
TOLERANCE = 0.01
PRODUCTS = ("conv", "linear", "matmul", "bmm", "addmm", "einsum", "baddbmm")


def ours(name: str, side: int) -> tuple[Any, float]:
    start = time.perf_counter()
    prediction = count(lambda: timm.create_model(name), (3, side, side)).prediction
    return prediction, time.perf_counter() - start


def by_fvcore(model: torch.nn.Module, x: torch.Tensor) -> tuple[float, dict[str, float], dict[str, int]]:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(model, x)
    total = 2.0 * analysis.total()
    counted = {name: 2.0 * macs for name, macs in analysis.by_operator().items()}
    return total, counted, dict(analysis.unsupported_ops())


def by_thop(model: torch.nn.Module, x: torch.Tensor) -> tuple[float, dict[str, float]]:
    import thop

    macs, _, tree = thop.profile(model, (x,), verbose=False, ret_layer_info=True)
    kinds = {name: type(module).__name__ for name, module in model.named_modules()}
    sums: dict[str, float] = {}
    _leaves(tree, "", kinds, sums)
    return 2.0 * macs, sums


def _leaves(tree: dict[str, Any], prefix: str, kinds: dict[str, str], sums: dict[str, float]) -> None:
    for name, (macs, _, below) in tree.items():
        path = f"{prefix}{name}"
        if below:
            _leaves(below, f"{path}.", kinds, sums)
        else:
            kind = kinds.get(path, "?")
            sums[kind] = sums.get(kind, 0.0) + 2.0 * macs


def by_ptflops(model: torch.nn.Module, side: int, backend: str, *, products_only: bool = False) -> float:
    from ptflops import get_model_complexity_info

    others = {
        type(layer)
        for layer in model.modules()
        if not list(layer.children()) and not isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))
    }
    macs, _ = get_model_complexity_info(
        model,
        (3, side, side),
        as_strings=False,
        print_per_layer_stat=False,
        backend=backend,
        ignore_modules=list(others) if products_only else [],
    )
    return 2.0 * (macs or 0)


def is_off(ratio: float) -> bool:
    return abs(ratio - 1) > TOLERANCE


def attention_of(by_operator: dict[str, float]) -> float:
    """FLOPs of products of two activations, which no layer owns."""
    return sum(flops for name, flops in by_operator.items() if "attention_for" in name or name in {"bmm", "baddbmm"})


def hidden_layers(model: torch.nn.Module, x: torch.Tensor) -> dict[str, float]:
    """FLOPs that counters by exact class of layer miss: subclasses, and what lies in a timm `Attention` (ptflops)."""
    from timm.models.vision_transformer import Attention

    inside = {id(layer) for module in model.modules() if type(module) is Attention for layer in module.modules()}
    sums = {"subclass": 0.0, "attention": 0.0}

    def hook(layer: Any, _: Any, output: torch.Tensor) -> None:
        flops = 2.0 * output.numel() * layer.weight[0].numel()
        sums["subclass"] += flops * (type(layer) not in (torch.nn.Conv2d, torch.nn.Linear))
        sums["attention"] += flops * (id(layer) in inside)

    for layer in model.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            layer.register_forward_hook(hook)
    model(x)
    return sums


def reasons(products: float, prediction: Any, found: dict[str, Any]) -> list[str]:
    """Why counters differ from our multiply-adds, in shares of those."""
    attention = attention_of(dict(prediction.by_operator)) / products
    hidden = {name: part / products for name, part in found["hidden"].items()}
    unknown = [f"no layers of a subclass -{hidden['subclass']:.1%}"] if hidden["subclass"] else []
    fused = [f"no fused attention -{attention:.1%}"] if attention else []
    said = []
    if is_off(found["fvcore"] / products):
        extra = {key: part / products for key, part in found["fvcore_parts"].items() if key not in PRODUCTS}
        known = [f"{key} +{part:.1%}" for key, part in extra.items() if part]
        misses = any("scaled_dot_product" in key for key in found["fvcore_misses"])
        known += fused if misses else []
        rest = found["fvcore"] / products - 1 - sum(extra.values()) + attention * misses
        said.append(f"fvcore: {', '.join(known)} (unexplained {rest:+.1%})")
    if is_off(found["thop"] / products):
        extra = {
            key: part / products for key, part in found["thop_parts"].items() if "Conv" not in key and key != "Linear"
        }
        known = [*(f"{kind} +{part:.1%}" for kind, part in extra.items() if part), *unknown, *fused]
        rest = found["thop"] / products - 1 - sum(extra.values()) + hidden["subclass"] + attention
        said.append(f"thop: {', '.join(known)} (unexplained {rest:+.1%})")
    if is_off(found["pytorch"] / products):
        known = (
            [f"no linear layers inside timm's Attention -{hidden['attention']:.1%}"] if hidden["attention"] else fused
        )
        lost = hidden["attention"] or attention
        others = (found["pytorch"] - found["pytorch_products"]) / products
        rest = found["pytorch_products"] / products - 1 + hidden["subclass"] + lost
        known = [*known, *unknown, f"norms, activations and pooling +{others:.1%}"]
        said.append(f"ptflops: {', '.join(known)} (left: {rest:+.1%}, biases and functions among it)")
    if is_off(found["aten"] / products):
        rest = found["aten"] / products - 1 + attention
        said.append(f"ptflops aten: {', '.join(fused)} (unexplained {rest:+.1%})")
    return said


def row(name: str, side: int) -> tuple[str, list[str]]:
    prediction, seconds = ours(name, side)
    products = multiply_add_flops(prediction)
    x = torch.zeros(1, 3, side, side)
    found: dict[str, Any] = {}
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        fresh = lambda: timm.create_model(name).eval()  # noqa: E731
        found["fvcore"], found["fvcore_parts"], found["fvcore_misses"] = by_fvcore(fresh(), x)
        found["thop"], found["thop_parts"] = by_thop(fresh(), x)
        found["pytorch"] = by_ptflops(fresh(), side, "pytorch")
        found["pytorch_products"] = by_ptflops(fresh(), side, "pytorch", products_only=True)
        found["aten"] = by_ptflops(fresh(), side, "aten")
        found["hidden"] = hidden_layers(fresh(), x)
    ratios = [found[counter] / products for counter in ("fvcore", "thop", "pytorch", "aten")]
    cells = [f"{products / 1e9:.3f}", f"{prediction.flops / 1e9:.3f}", f"{prediction.flops / products:.3f}"]
    cells += [f"**{ratio:.3f}**" if is_off(ratio) else f"{ratio:.3f}" for ratio in ratios]
    notes = [f"- {name}: {why}" for why in reasons(products, prediction, found)]
    return f"| {name} | {side} | {' | '.join(cells)} | {seconds:.2f} |", notes


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    print("| model | px | multiply-adds, GFLOPs | total | total / m-a | fvcore | thop | ptflops | ptflops aten | s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    notes = []
    for name, side in MODELS.items():
        line, why = row(name, side)
        print(line, flush=True)
        notes += why
    print("\nThe last columns are the others' FLOPs (twice their MACs) by our multiply-adds. Why they differ:\n")
    print("\n".join(notes))


if __name__ == "__main__":
    main()
