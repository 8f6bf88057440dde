"""EvoNorms: normalization and activation in one expression, found by search (Liu et al. 2020, arXiv:2004.02967)."""

from __future__ import annotations

import abc

import torch
from torch import nn

from automl_norms.group import group_count

MAP = (2, 3)
"""Height and width."""


class EvoNorm(nn.Module, abc.ABC):
    """What both have in common: ``y = gamma * h(x) + beta``.

    Without activation h is the identity, as in the authors' code: such a layer only scales and shifts.

    Attributes:
        gamma: Scale of each channel, shape ``(channels,)``; starts at 1.
        beta: Shift of each channel, shape ``(channels,)``; starts at 0.
        v: Slope of each channel, shape ``(channels,)``; starts at 1. None when the layer does not activate.

    Args:
        channels: Channels of the feature map.
        activate: Whether the layer activates.
    """

    EPS = 1e-5

    def __init__(self, channels: int, *, activate: bool) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.v = nn.Parameter(torch.ones(channels)) if activate else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to the same shape."""
        # The square of a half-precision number overflows at 256: all of it is float32 at least.
        kind = torch.float64 if x.dtype == torch.float64 else torch.float32
        wide = x.to(kind)
        if self.v is not None:
            wide = self._activated(wide, _by_channel(self.v, kind))
        return torch.addcmul(_by_channel(self.beta, kind), wide, _by_channel(self.gamma, kind)).to(x.dtype)

    @abc.abstractmethod
    def _activated(self, x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """The expression h, by `v` of shape ``(1, channels, 1, 1)``."""

    def extra_repr(self) -> str:
        """Channels, and whether it activates."""
        return f"{self.gamma.numel()}, activate={self.v is not None}"


class EvoNormB0(EvoNorm):
    """EvoNorm-B0 (Liu et al. 2020).

    With the variance over the batch, ``s2``, and over one map, ``i2``::

        h(x) = x / max(sqrt(s2 + eps), v * x + sqrt(i2 + eps))

    In evaluation a running average takes the place of s2. It is even over the first ten steps and then moves by 0.1 a
    step, so that its start leaves no trace. In the average the variance of a batch is the unbiased one, except where
    there is a single value, which has none.

    Attributes:
        running_var: Average of the batch's variance by channel, shape ``(channels,)``. None without activation.
        num_batches_tracked: Steps taken, shape ``()``. None without activation.
    """

    MOMENTUM = 0.1

    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor

    def __init__(self, channels: int, *, activate: bool) -> None:
        super().__init__(channels, activate=activate)
        self.register_buffer("running_var", torch.ones(channels) if activate else None)
        self.register_buffer("num_batches_tracked", torch.tensor(0) if activate else None)

    def _activated(self, x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        variance = self._batch_variance(x) if self.training else self.running_var
        batch = (_by_channel(variance, x.dtype) + self.EPS).sqrt()
        one_map = (x.var(MAP, correction=0, keepdim=True) + self.EPS).sqrt()
        return x / torch.maximum(batch, torch.addcmul(one_map, x, v))

    def _batch_variance(self, x: torch.Tensor) -> torch.Tensor:
        """Variance by channel, which also goes into the running average."""
        variance = x.var((0, *MAP), correction=0)
        values = x.numel() // x.shape[1]
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            weight = (1 / self.num_batches_tracked).clamp(min=self.MOMENTUM)
            unbiased = variance.detach() * (values / max(values - 1, 1))
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), weight.to(self.running_var.dtype))
        return variance


class EvoNormS0(EvoNorm):
    """EvoNorm-S0 (Liu et al. 2020).

    With the variance over a group of channels of one example, ``g2``::

        h(x) = x * sigmoid(v * x) / sqrt(g2 + eps)

    The groups are those of `group_count`. It is the same in training and in evaluation, at any batch size.
    """

    def _activated(self, x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        examples, channels = x.shape[:2]
        groups = group_count(channels)
        # A map's own mean and variance first: in channels_last a group's numbers do not lie side by side.
        variance, mean = torch.var_mean(x, MAP, correction=0)
        variance, mean = (part.view(examples, groups, channels // groups) for part in (variance, mean))
        whole = variance.mean(2, keepdim=True) + mean.var(2, correction=0, keepdim=True)
        root = torch.rsqrt(whole + self.EPS).expand(-1, -1, channels // groups)
        return x * torch.sigmoid(x * v) * root.reshape(examples, channels, 1, 1)


def _by_channel(parameter: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """Shape ``(channels,)`` as ``(1, channels, 1, 1)``."""
    return parameter.to(kind).view(1, -1, 1, 1)
