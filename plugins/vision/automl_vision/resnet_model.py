"""ResNet of timm's stages and blocks, in any width, depth and number of stages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from timm.layers import ClassifierHead, DropPath, calculate_drop_path_rates, create_conv2d, get_norm_act_layer
from timm.models._efficientnet_builder import round_channels
from timm.models.resnetv2 import Bottleneck, PreActBasic, PreActBottleneck, ResNetStage
from torch import nn

from automl_vision.resnet import LARGE_STEM

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from automl.parts import Config, DataSpec
    from automl_vision.resnet import Baseline

EXPANSION = 4
"""Channels that leave a bottleneck to channels of its 3x3 convolution."""


class Basic(nn.Module):
    """Two 3x3 convolutions and a shortcut, the activation after the sum (He et al. 2016, figure 5 left).

    timm has this block only with its activations hidden in code, where no normalizer that brings its own can reach
    them. Arguments as `timm.models.resnetv2.ResNetStage` gives them.
    """

    def __init__(
        self,
        in_chs: int,
        out_chs: int,
        *,
        stride: int,
        proj_layer: Callable[..., nn.Module] | None,
        drop_path_rate: float,
        conv_layer: Callable[..., nn.Module],
        norm_layer: Callable[..., nn.Module],
        **_: Any,
    ) -> None:
        super().__init__()
        layers = {"conv_layer": conv_layer, "norm_layer": norm_layer}
        reshapes = stride != 1 or in_chs != out_chs
        project = proj_layer if reshapes else None
        self.downsample = project(in_chs, out_chs, stride=stride, preact=False, **layers) if project else nn.Identity()
        self.conv1 = conv_layer(in_chs, out_chs, 3, stride=stride)
        self.norm1 = norm_layer(out_chs)
        self.conv2 = conv_layer(out_chs, out_chs, 3)
        self.norm2 = norm_layer(out_chs, apply_act=False)
        self.drop_path = DropPath(drop_path_rate) if drop_path_rate else nn.Identity()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, in_chs, height, width)`` to ``(batch, out_chs, height / stride, width / stride)``."""
        branch = self.norm2(self.conv2(self.norm1(self.conv1(x))))
        return self.act(self.drop_path(branch) + self.downsample(x))


class ResNet(nn.Module):
    """A ResNet scaled in width and depth.

    Args:
        config: ``width``, ``depth`` (factors), ``preactivation``, ``stem``, ``drop_rate``, ``drop_path_rate``.
        spec: Channels of the images; the classes.
        baseline: What is scaled.
    """

    def __init__(self, config: Config, spec: DataSpec, baseline: Baseline) -> None:
        super().__init__()
        preactivation = config["preactivation"]
        widths = [round_channels(baseline.channels * 2**i, config["width"]) for i in range(len(baseline.repeats))]
        repeats = [math.ceil(count * config["depth"]) for count in baseline.repeats]
        norm_layer = get_norm_act_layer(nn.BatchNorm2d, nn.ReLU)
        self.stem = _stem(spec.input_shape[0], widths[0], config["stem"], None if preactivation else norm_layer)
        self.stages = nn.Sequential()
        channels = widths[0]
        rates = calculate_drop_path_rates(config["drop_path_rate"], repeats, stagewise=True)
        for stage, (width, count, drops) in enumerate(zip(widths, repeats, rates, strict=True)):
            out = width * EXPANSION if baseline.bottleneck else width
            self.stages.append(
                ResNetStage(
                    channels,
                    out,
                    stride=2 if stage else 1,
                    dilation=1,
                    depth=count,
                    bottle_ratio=1 / EXPANSION if baseline.bottleneck else 1,
                    block_dpr=drops,
                    block_fn=_block(baseline, preactivation=preactivation),
                    act_layer=nn.ReLU,
                    conv_layer=create_conv2d,
                    norm_layer=norm_layer,
                )
            )
            channels = out
        self.norm = norm_layer(channels) if preactivation else nn.Identity()
        self.head = ClassifierHead(channels, len(spec.classes), drop_rate=config["drop_rate"])
        self.apply(_initialise)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images ``(batch, channels, height, width)`` to logits ``(batch, classes)``."""
        return self.head(self.norm(self.stages(self.stem(images))))


def _block(baseline: Baseline, *, preactivation: bool) -> Callable[..., nn.Module]:
    if baseline.bottleneck:
        return PreActBottleneck if preactivation else Bottleneck
    return PreActBasic if preactivation else Basic


def _stem(channels: int, width: int, kind: str, norm_layer: Callable[..., nn.Module] | None) -> nn.Sequential:
    """The first convolution; with pre-activation the first block normalizes what it gives."""
    large = kind == LARGE_STEM
    layers = [create_conv2d(channels, width, 7, stride=2) if large else create_conv2d(channels, width, 3)]
    layers += [norm_layer(width)] if norm_layer else []
    layers += [nn.MaxPool2d(3, stride=2, padding=1)] if large else []
    return nn.Sequential(*layers)


def _initialise(module: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, by the outputs, as torchvision and timm do."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
