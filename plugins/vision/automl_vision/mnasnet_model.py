"""A network of the space ``mnasnet``, of timm's layers and a skip by pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

from automl_vision.mnasnet import BLOCKS, MOST_HALVINGS, OPERATORS, halvings, layer_count
from automl_vision.models import HEAD_CHANNELS, mobile

if TYPE_CHECKING:
    import torch

    from automl.parts import Config, DataSpec

DIVISOR = 4
"""Of the channels: with 8, a quarter of MobileNetV2 would have the same channels under all three factors."""

SUFFIXES = {"identity": "skip", "pool": "noskip", "none": "noskip"}


class PooledSkip(nn.Module):
    """A layer with a skip that pools: the average of 3x3 pixels, its channels cut or filled with zeros.

    Args:
        layer: One of timm's without a skip of its own; its ``drop_path`` drops it in stochastic depth.
        stride: Of the layer.
    """

    def __init__(self, layer: nn.Module, stride: int) -> None:
        super().__init__()
        self.layer = layer
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to what the layer makes of it."""
        branch = self.layer.drop_path(self.layer(x))
        pooled = functional.avg_pool2d(x, 3, self.stride, padding=1, count_include_pad=False)
        lacking = branch.shape[1] - pooled.shape[1]
        return branch + functional.pad(pooled, (0, 0, 0, 0, 0, lacking))


def mnasnet(config: Config, spec: DataSpec) -> nn.Module:
    """From standardised pixels ``(batch, channels, resolution_px, resolution_px)`` to logits ``(batch, classes)``.

    Args:
        config: The dimensions of the seven blocks, ``width`` and ``depth`` (factors), ``resolution_px``, ``drop_rate``
            and ``drop_path_rate``.
        spec: Channels of the images; the classes.
    """
    stem_stride, *strides = _strides(config["resolution_px"])
    numbers = range(1, len(BLOCKS) + 1)
    stages = [[_notation(config, number, stride)] for number, stride in zip(numbers, strides, strict=True)]
    body = mobile(stages, config, spec, head_channels=HEAD_CHANNELS, activation=nn.ReLU6, divisor=DIVISOR)
    body.conv_stem.stride = (stem_stride, stem_stride)
    for number, stride in zip(numbers, strides, strict=True):
        if config[f"block{number}_skip"] == "pool":
            first, *others = body.blocks[number - 1]
            body.blocks[number - 1] = nn.Sequential(
                PooledSkip(first, stride), *(PooledSkip(layer, 1) for layer in others)
            )
    return body


def _strides(resolution_px: int) -> list[int]:
    """Of the stem and of each block; of a small input the earliest do not halve it."""
    kept = halvings(resolution_px)
    strides, passed = [2, *(block.stride for block in BLOCKS)], 0
    for place, stride in enumerate(strides):
        if stride > 1 and passed < MOST_HALVINGS - kept:
            strides[place] = 1
            passed += 1
    return strides


def _notation(config: Config, number: int, stride: int) -> str:
    """A block in timm's notation, such as ``ir_r3_k5_s2_c32_e6_se0.25_noskip``."""

    def chosen(name: str) -> float:
        return config.get(f"block{number}_{name}", 0)

    op = config[f"block{number}_op"]
    words = [OPERATORS[op], f"r{layer_count(config, number)}", f"k{chosen('kernel')}", f"s{stride}"]
    words.append(f"c{round(BLOCKS[number - 1].channels * chosen('filters'))}")
    words += [f"e{chosen('expansion')}"] if op == "mbconv" else []
    words += [f"se{chosen('se')}"] if chosen("se") else []
    return "_".join([*words, SUFFIXES[config[f"block{number}_skip"]]])
