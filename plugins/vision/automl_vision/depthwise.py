"""Layers that train faster on the small maps of thumbnails, to the same numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from automl_vision.depthwise_gradient import Pair, by_blocks, by_taps, way

MOST_PIXELS = 16
"""Pixels of a map up to which a 1x1 convolution is faster as a matrix product."""


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution that trains faster on a CPU where maps are small.

    - On a 1x1 map it multiplies by the one weight that meets the pixel: all others meet padding.
    - Where the library is slow at the gradient of the weights, it is found another way (`depthwise_gradient`).

    Results are the same up to rounding. In evaluation, under autocast and on the meta device, where work is counted,
    it is the plain convolution.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to ``(batch, channels, height', width')``."""
        if not _trains(self, x):
            return super().forward(x)
        if x.shape[-2:] == (1, 1):
            row, column = self.padding
            y = x * self.weight[:, :, row, column].view(1, -1, 1, 1)
        elif _channels_last(x) and way(tuple(x.shape), _pair(self.kernel_size), _pair(self.stride)) != "library":
            y = _Depthwise.apply(x, self.weight, _pair(self.stride))
        else:
            return super().forward(x)
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution that on maps of a few pixels trains as the matrix product that it is.

    Most layers of a network on thumbnails are such, squeeze-and-excitation on pooled vectors among them; a CPU makes
    the product two to three times as fast. Otherwise as `DepthwiseConv2d`.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to ``(batch, channels', height, width)``."""
        pixels = x.shape[-2] * x.shape[-1]
        if not _trains(self, x) or pixels > MOST_PIXELS:
            return super().forward(x)
        if pixels == 1:
            return functional.linear(x.flatten(1), self.weight.flatten(1), self.bias).view(len(x), -1, 1, 1)
        if not _channels_last(x):
            return super().forward(x)
        return functional.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class SiLU(nn.SiLU):
    """SiLU that in training leaves its input alone: to change it in place, the backward pass needs a copy of it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``x * sigmoid(x)``, of any shape."""
        return functional.silu(x) if _trains(self, x) else super().forward(x)


def quicken(model: nn.Module) -> nn.Module:
    """Gives convolutions and SiLUs of `model` the class that trains faster where that gives the same, in place.

    Parameters and their names stay.
    """
    for module in model.modules():
        if type(module) is nn.SiLU:
            module.__class__ = SiLU
        elif type(module) is nn.Conv2d:
            if _is_depthwise(module):
                module.__class__ = DepthwiseConv2d
            elif _is_pointwise(module):
                module.__class__ = PointwiseConv2d
    return model


class _Depthwise(torch.autograd.Function):
    """The library's depthwise convolution, zeros padded by half of an odd kernel, with another gradient of weights."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: Pair) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return functional.conv2d(x, weight, None, stride, _half(weight), 1, len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, ctx.stride, _half(weight), [1, 1], False, [0, 0], len(weight),
                [True, False, False],
            )[0]  # fmt: skip
        if ctx.needs_input_grad[1]:
            kernel = _pair(weight.shape[-2:])
            if way(tuple(x.shape), kernel, ctx.stride) == "blocks":
                of_weight = by_blocks(x, gradient, ctx.stride)
            else:
                of_weight = by_taps(x, gradient, kernel, ctx.stride)
        return of_x, of_weight, None


def _trains(module: nn.Module, x: torch.Tensor) -> bool:
    return module.training and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def _channels_last(x: torch.Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last)


def _half(weight: torch.Tensor) -> list[int]:
    return [side // 2 for side in weight.shape[-2:]]


def _pair(sizes: tuple[int, ...]) -> Pair:
    rows, columns = sizes
    return rows, columns


def _is_depthwise(conv: nn.Conv2d) -> bool:
    """Whether it is one under which a 1x1 map stays one: zero padding by half of an odd kernel, no dilation."""
    half = tuple(side // 2 for side in conv.kernel_size)
    odd = all(side % 2 for side in conv.kernel_size)
    depthwise = conv.groups == conv.in_channels == conv.out_channels
    return depthwise and odd and conv.padding == half and conv.dilation == (1, 1) and conv.padding_mode == "zeros"


def _is_pointwise(conv: nn.Conv2d) -> bool:
    plain = conv.kernel_size == conv.stride == (1, 1) and conv.padding == (0, 0)
    return plain and conv.groups == 1
