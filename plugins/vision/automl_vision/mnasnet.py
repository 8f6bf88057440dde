"""The space ``mnasnet``: the factorised hierarchical block space of the NAS baseline, around MobileNetV2."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from automl.parts import Categorical, Config, DataSpec, Dimension, Float, Trial
from automl_vision.scaling import (
    BASELINE_PX,
    SMALLEST_PX,
    ScaledSpace,
    are_thumbnails,
    scaled,
    scaling_dimensions,
    side_px,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

MOST_HALVINGS = 5


@dataclasses.dataclass(frozen=True)
class Block:
    """A group of layers that are alike (a block in the paper's words) as MobileNetV2 has it.

    Attributes:
        op: Operator of its layers, one of `OPERATORS`.
        repeats: Number of its layers.
        channels: That leave each layer.
        stride: Of its first layer.
    """

    op: str
    repeats: int
    channels: int
    stride: int


BLOCKS = (
    Block("sepconv", 1, 16, 1),
    Block("mbconv", 2, 24, 2),
    Block("mbconv", 3, 32, 2),
    Block("mbconv", 4, 64, 2),
    Block("mbconv", 3, 96, 1),
    Block("mbconv", 3, 160, 2),
    Block("mbconv", 1, 320, 1),
)
"""Sandler et al. 2018, arXiv:1801.04381, table 2."""

OPERATORS = {"conv": "cn", "sepconv": "ds", "mbconv": "ir"}
"""Convolution, depthwise separable convolution and inverted bottleneck, by timm's abbreviations."""

KERNELS = (3, 5)
EXPANSIONS = (6, 3)
SE_RATIOS = (0.0, 0.25)
SKIPS = ("identity", "pool", "none")
FILTERS = (1.0, 0.75, 1.25)
LAYERS = (0, -1, 1)

THUMBNAIL_WIDTH = 0.25


class MnasNet(ScaledSpace):
    """Seven blocks, each with an operator, a kernel and so on of its own (Tan et al. 2019, arXiv:1807.11626, 4.1).

    A block's layers are alike. For each block are searched: the operator, its kernel, squeeze-and-excitation, the skip
    over each layer, the channels as a factor of MobileNetV2's, and one layer more or less than it has. The default of
    every dimension makes MobileNetV2. Two things the paper leaves open: the expansion of an inverted bottleneck is 6 or
    3, as in the network it found; a skip by pooling takes the average of 3x3 pixels at the layer's stride, fills the
    channels that it lacks with zeros and leaves out those too many. A plain convolution is without
    squeeze-and-excitation, as it is in timm.

    The input is halved five times at 224 pixels, and less often where it is smaller, so that at least 4 pixels are
    left; the earliest strides go first. Channels go to multiples of 4, so that the factors differ in narrow networks
    too. On thumbnails the network is a quarter as wide by default.
    """

    name = "mnasnet"
    summary = "MnasNet's block space: operator, kernel, expansion, SE, skip, filters and layers of seven blocks"

    def architecture(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """The dimensions of every block, ``block1_op`` to ``block7_layers``."""
        return tuple(dimension for number in range(1, len(BLOCKS) + 1) for dimension in _dimensions(number).values())

    def scaling(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Phi and all else fixed by default: the blocks are what is searched."""
        phi = Float("phi", 0.0, 0.0, 0.0, limits=(-40.0, 8.0), summary="compound coefficient")
        if are_thumbnails(spec):
            return scaling_dimensions(phi, side_px(spec), base_width=THUMBNAIL_WIDTH)
        return scaling_dimensions(phi, BASELINE_PX)

    def stride(self, spec: DataSpec) -> int:
        """By as much as the input is halved."""
        return 2 ** halvings(side_px(spec)) if are_thumbnails(spec) else super().stride(spec)

    def suggest(self, trial: Trial, spec: DataSpec) -> Config:
        """The dimensions, without those that a block's operator has no use for."""
        config: Config = {}
        for dimension in self.dimensions(spec):
            if not _is_idle(dimension.name, config):
                config[dimension.name] = dimension.suggest(trial)
        return config | scaled(config)

    def landmarks(self, spec: DataSpec) -> Sequence[Config]:
        """MobileNetV2, and from its neighbourhood the cheapest and something between."""
        few = {"filters": 0.75, "layers": -1}
        separable = {"op": "sepconv", **few}
        return [_everywhere(separable), _everywhere({"expansion": 3, **few}), _everywhere({"expansion": 3}), {}]

    def body(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """The network of timm's blocks."""
        from automl_vision.mnasnet_model import mnasnet

        return mnasnet(config, spec)

    def particulars(self, config: Config) -> list[str]:
        """For each block the first letter of its operator, its kernel and its layers."""
        numbers = range(1, len(BLOCKS) + 1)
        return [
            " ".join(
                f"{config[f'block{n}_op'][0]}{config[f'block{n}_kernel']}x{layer_count(config, n)}" for n in numbers
            )
        ]


def layer_count(config: Config, number: int) -> int:
    """Layers of a block, counted from 1, before scaling: at least one."""
    return max(1, BLOCKS[number - 1].repeats + config[f"block{number}_layers"])


def halvings(resolution_px: int) -> int:
    """How often the input is halved: five times at most, and so that at least 4 pixels are left."""
    return next((n for n in range(MOST_HALVINGS, 0, -1) if resolution_px >= SMALLEST_PX * 2**n), 0)


def _dimensions(number: int) -> dict[str, Categorical]:
    """The dimensions of a block, counted from 1, by their names without the block's; the default comes first."""
    block = BLOCKS[number - 1]
    others = tuple(op for op in OPERATORS if op != block.op)
    # The only layer of a block cannot be taken away.
    layers = LAYERS if block.repeats > 1 else tuple(n for n in LAYERS if n >= 0)
    choices: dict[str, tuple[tuple[Any, ...], str]] = {
        "op": ((block.op, *others), "operator"),
        "kernel": (KERNELS, "side of the kernel"),
        "expansion": (EXPANSIONS, "of an mbconv"),
        "se": (SE_RATIOS, "squeeze-excitation ratio"),
        "skip": (SKIPS, "over each layer"),
        "filters": (FILTERS, f"times {block.channels} channels"),
        "layers": (layers, f"added to {block.repeats}"),
    }
    return {
        name: Categorical(f"block{number}_{name}", values, values[0], summary=f"block {number}: {summary}")
        for name, (values, summary) in choices.items()
    }


def _is_idle(name: str, config: Config) -> bool:
    """Whether the operator of a dimension's block, chosen before, makes no use of it."""
    block, _, what = name.partition("_")
    op = config.get(f"{block}_op")
    return (what == "expansion" and op != "mbconv") or (what == "se" and op == "conv")


def _everywhere(choices: dict[str, Any]) -> Config:
    """One choice for all blocks, where it is one of theirs."""
    blocks = [_dimensions(number) for number in range(1, len(BLOCKS) + 1)]
    return {
        block[name].name: value for block in blocks for name, value in choices.items() if value in block[name].choices
    }
