"""The normalization layers themselves, on torch. Each normalizes a feature map and then activates it."""

from __future__ import annotations

import torch
from torch import nn


class BatchNormAct(nn.BatchNorm2d):
    """Batch normalization (Ioffe & Szegedy 2015, arXiv:1502.03167), then the activation.

    Running statistics take the place of the batch's in evaluation. In training, a channel with a single value in the
    whole batch (one example, a 1x1 map) has no variance, and the layer raises ValueError.

    Its weights have the names of ``torch.nn.BatchNorm2d``'s, so weights of the original model fit.

    Args:
        channels: Channels of the feature map.
        activation: What to apply to the normalized map; None for nothing.
    """

    def __init__(self, channels: int, activation: nn.Module | None) -> None:
        super().__init__(channels)
        self.act = activation or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to the same shape."""
        return self.act(super().forward(x))


class GroupNormAct(nn.GroupNorm):
    """Group normalization (Wu & He 2018, arXiv:1803.08494), then the activation.

    Args:
        channels: Channels of the feature map.
        activation: What to apply to the normalized map; None for nothing.
    """

    def __init__(self, channels: int, activation: nn.Module | None) -> None:
        super().__init__(group_count(channels), channels)
        self.act = activation or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to the same shape."""
        return self.act(super().forward(x))


MOST_GROUPS = 32
"""The default of Wu & He 2018."""

FEWEST_CHANNELS_A_GROUP = 8
"""On a 1x1 map a group's statistics come from its channels alone: of one channel nothing is left, of two the signs."""


def group_count(channels: int) -> int:
    """Groups for that many channels: as many as divide them, at most 32, with at least 8 channels in each.

    Where no such number but 1 exists (a prime, or fewer than 16 channels) there is one group of all channels. From
    256 channels on, powers of two get the paper's 32 groups.
    """
    most = min(MOST_GROUPS, channels // FEWEST_CHANNELS_A_GROUP)
    return next((groups for groups in range(most, 1, -1) if channels % groups == 0), 1)


class FilterResponseNorm(nn.Module):
    """Filter response normalization with its thresholded linear unit (Singh & Krishnan 2019, arXiv:1911.09737).

    With ``nu2`` the mean of ``x^2`` over one example's map of one channel::

        y = gamma * x / sqrt(nu2 + eps) + beta
        z = max(y, tau)

    No mean is subtracted and no other example or channel has a say, so it is the same in training and in evaluation,
    at any batch size. ``eps`` is 1e-6, except on 1x1 maps: there a small constant would leave the sign of ``x`` and no
    gradient, and ``eps = 1e-6 + |eps_l|`` with ``eps_l`` learned. All of this is the paper's section 3.

    The size of the map is not known before the first call, so ``eps_l`` always exists; where maps are larger than 1x1
    it gets no gradient (None), and optimizers leave it alone.

    Attributes:
        gamma: Scale of each channel, shape ``(channels,)``; starts at 1.
        beta: Shift of each channel, shape ``(channels,)``; starts at 0.
        tau: Threshold of each channel, shape ``(channels,)``; starts at 0, where z is a ReLU. None when the layer does
            not activate.
        eps_l: One number a layer, shape ``()``; starts at 1e-4.

    Args:
        channels: Channels of the feature map.
        activate: Whether the thresholded linear unit follows the normalization.
    """

    EPS = 1e-6
    EPS_L = 1e-4

    def __init__(self, channels: int, *, activate: bool) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.tau = nn.Parameter(torch.zeros(channels)) if activate else None
        self.eps_l = nn.Parameter(torch.tensor(self.EPS_L))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to the same shape."""
        # The square of a half-precision number overflows at 256: statistics are taken in float32 at least.
        nu2 = x.to(torch.promote_types(x.dtype, torch.float32)).square().mean((2, 3), keepdim=True)
        eps = self.EPS + self.eps_l.abs() if x.shape[2:] == (1, 1) else self.EPS
        scale = _by_channel(self.gamma) * torch.rsqrt(nu2 + eps)
        if self.tau is None:
            return torch.addcmul(_by_channel(self.beta).to(x.dtype), x, scale.to(x.dtype))
        # max(y, tau) written as relu(y - tau) + tau: the backward of torch.maximum, which shares a tie between both
        # sides, makes this layer three times slower on a CPU. Multiply, add and subtract are one pass over x.
        tau = _by_channel(self.tau)
        above = torch.addcmul((_by_channel(self.beta) - tau).to(x.dtype), x, scale.to(x.dtype))
        return torch.relu_(above) + tau.to(x.dtype)

    def extra_repr(self) -> str:
        """Channels, and whether it activates."""
        return f"{self.gamma.numel()}, activate={self.tau is not None}"


def _by_channel(parameter: torch.Tensor) -> torch.Tensor:
    """Shape ``(channels,)`` as ``(1, channels, 1, 1)``."""
    return parameter.view(1, -1, 1, 1)
