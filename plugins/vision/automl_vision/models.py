"""Builds models with timm, and puts in front of them what turns raw pixels into their input."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.efficientnet import EfficientNet
from torch import nn
from torch.nn import functional

from automl.errors import UsageError
from automl.training.swap import swap_normalizers
from automl_vision.depthwise import quicken

if TYPE_CHECKING:
    from automl.parts import Config, DataSpec, Normalizer
    from automl_vision.pretrained import Weights

B0 = [
    ["ds_r1_k3_s1_e1_c16_se0.25"],
    ["ir_r2_k3_s2_e6_c24_se0.25"],
    ["ir_r2_k5_s2_e6_c40_se0.25"],
    ["ir_r3_k3_s2_e6_c80_se0.25"],
    ["ir_r3_k5_s1_e6_c112_se0.25"],
    ["ir_r4_k5_s2_e6_c192_se0.25"],
    ["ir_r1_k3_s1_e6_c320_se0.25"],
]
"""EfficientNet-B0's stages in timm's notation: repeats, kernel, stride, expansion, channels, squeeze-excitation."""

MOBILENET_V1 = [
    ["dsa_r1_k3_s1_c64"],
    ["dsa_r2_k3_s2_c128"],
    ["dsa_r2_k3_s2_c256"],
    ["dsa_r6_k3_s2_c512"],
    ["dsa_r2_k3_s2_c1024"],
]
"""MobileNet's stages (Howard et al. 2017, table 1)."""

MOBILENET_V2 = [
    ["ds_r1_k3_s1_c16"],
    ["ir_r2_k3_s2_e6_c24"],
    ["ir_r3_k3_s2_e6_c32"],
    ["ir_r4_k3_s2_e6_c64"],
    ["ir_r3_k3_s1_e6_c96"],
    ["ir_r3_k3_s2_e6_c160"],
    ["ir_r1_k3_s1_e6_c320"],
]
"""MobileNetV2's stages (Sandler et al. 2018, table 2)."""

STEM_CHANNELS, HEAD_CHANNELS = 32, 1280


class Pixels(nn.Module):
    """From raw pixels in the data's own size to standardised pixels in the model's: what is exported takes files.

    Args:
        size_px: Height and width the model wants, one number for both; the images are resized bilinearly to them.
        mean: Mean of each channel.
        std: Standard deviation of each channel.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, size_px: int | tuple[int, int], mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.size_px = (size_px, size_px) if isinstance(size_px, int) else size_px
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images ``(batch, channels, height, width)`` to ``(batch, channels, *size_px)``."""
        images = (images - self.mean) / self.std
        height, width = self.size_px
        if images.shape[-2:] == (height, width):
            return images
        # Without antialiasing a large image made small would keep a few of its pixels and drop the rest.
        shrinks = images.shape[-1] > width or images.shape[-2] > height
        return functional.interpolate(images, (height, width), mode="bilinear", align_corners=False, antialias=shrinks)


def size_of(spec: DataSpec, resolution_px: int) -> tuple[int, int]:
    """Height and width in the proportions of the data's images, the longer side `resolution_px`, neither below 1."""
    height, width = spec.input_shape[-2:]
    factor = resolution_px / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def with_pixels(body: nn.Module, config: Config, spec: DataSpec, normalizer: Normalizer | None) -> nn.Module:
    """A network with its normalizer, its convolutions made quick and raw pixels made its input.

    Args:
        body: From standardised pixels ``(batch, channels, height, width)``.
        config: ``resolution_px``, of the longer side.
        spec: Mean and deviation of the images.
        normalizer: Takes the place of batch normalization; None leaves timm's own.
    """
    size = size_of(spec, config["resolution_px"])
    if normalizer is not None:
        body = swap_normalizers(body, normalizer, (spec.input_shape[0], *size))
    channels = spec.input_shape[0]
    mean, std = spec.mean or (0.0,) * channels, spec.std or (1.0,) * channels
    return nn.Sequential(Pixels(size, mean, std), quicken(body))


def mobile(
    stages: list[list[str]],
    config: Config,
    spec: DataSpec,
    *,
    head_channels: int,
    activation: type[nn.Module],
    divisor: int = 8,
) -> EfficientNet:
    """A network of depthwise convolutions, its channels and repeats rounded as the paper's code of EfficientNet does.

    Channels go to multiples of `divisor` and never below 0.9 of the request, stem and head too; repeats are rounded up.

    Args:
        stages: In timm's notation: repeats, kernel, stride, expansion, channels, squeeze-excitation.
        config: ``width``, ``depth`` (factors), ``drop_rate`` and perhaps ``drop_path_rate``.
        spec: Shape of the images; the classes.
        head_channels: Of the last 1x1 convolution, before scaling; 0 for none.
        activation: Within the blocks; their last layer is linear.
        divisor: Of all numbers of channels.
    """
    channels = partial(round_channels, multiplier=config["width"], divisor=divisor)
    return EfficientNet(
        block_args=decode_arch_def(stages, config["depth"]),
        num_classes=len(spec.classes),
        num_features=channels(head_channels) if head_channels else 0,
        in_chans=spec.input_shape[0],
        stem_size=STEM_CHANNELS,
        round_chs_fn=channels,
        act_layer=activation,
        drop_rate=config["drop_rate"],
        drop_path_rate=config.get("drop_path_rate", 0.0),
    )


def efficientnet(config: Config, spec: DataSpec) -> nn.Module:
    """EfficientNet-B0 with width and depth scaled; arguments as of `mobile`."""
    return mobile(B0, config, spec, head_channels=HEAD_CHANNELS, activation=nn.SiLU)


def mobilenet_v1(config: Config, spec: DataSpec) -> nn.Module:
    """MobileNet with width and depth scaled; arguments as of `mobile`."""
    return mobile(MOBILENET_V1, config, spec, head_channels=0, activation=nn.ReLU6)


def mobilenet_v2(config: Config, spec: DataSpec) -> nn.Module:
    """MobileNetV2 with width and depth scaled; arguments as of `mobile`."""
    return mobile(MOBILENET_V2, config, spec, head_channels=HEAD_CHANNELS, activation=nn.ReLU6)


def set_batch_norm_eps(model: nn.Module, eps: float) -> None:
    """Sets what every batch normalization of `model` adds to the variance; other normalizers stay as they are."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps


def timm_model(
    name: str,
    channels: int,
    classes: int,
    resolution_px: int,
    *,
    weights: Weights | None = None,
    normalizer: Normalizer | None = None,
    **options: float,
) -> nn.Module:
    """An architecture of timm's, freshly initialised or with weights that were trained before.

    Args:
        name: As timm calls it.
        channels: Of the images.
        classes: Number of logits.
        resolution_px: Side of the images.
        weights: What to start from.
        normalizer: Takes the place of batch normalization; None leaves the model's own.
        options: ``drop_rate`` and ``drop_path_rate``, for models that have them.

    Raises:
        UsageError: There is none of that name, it does not take images of that side or one of the options, or the
            normalizer does not suit it.
    """
    import timm

    config = timm.models.get_pretrained_cfg(name) if timm.is_model(name) else None
    if not timm.is_model(name):
        raise UsageError(f"timm knows no model named {name!r}.")
    # Only models with a position for each patch want to know the side beforehand; the others refuse to be told.
    fixed = {"img_size": resolution_px} if config is not None and config.fixed_input_size else {}
    arguments: dict[str, Any] = {"in_chans": channels, "num_classes": classes, **fixed, **options}
    try:
        model: nn.Module = (timm.create_model if weights is None else weights.create)(name, **arguments)
    except (AssertionError, RuntimeError, ValueError, TypeError) as error:
        raise UsageError(
            f"timm's {name} does not take {channels} x {resolution_px} x {resolution_px}: {error}"
        ) from error
    return model if normalizer is None else swap_normalizers(model, normalizer)
