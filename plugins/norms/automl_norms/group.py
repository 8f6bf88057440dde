"""Normalization by statistics of one example: group normalization, and with it layer and instance normalization."""

from __future__ import annotations

import torch
from torch import nn


class GroupNormAct(nn.GroupNorm):
    """Group normalization (Wu & He 2018, arXiv:1803.08494, equations 1, 2 and 7), then the activation.

    Gain and shift are of each channel. Of one group it is layer normalization, of as many groups as channels instance
    normalization (figure 2 and section 3.1 there).

    Args:
        groups: Groups; they must divide the channels.
        channels: Channels of the feature map.
        activation: What to apply to the normalized map; None for nothing.
    """

    def __init__(self, groups: int, channels: int, activation: nn.Module | None) -> None:
        super().__init__(groups, channels)
        self.act = activation or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to the same shape."""
        # Not nn.GroupNorm's own: it refuses one example with one number a group, where the shift is all that is left.
        return self.act(torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps))


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
