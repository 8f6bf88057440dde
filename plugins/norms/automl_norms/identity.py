"""No normalization."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Unnormalized(nn.Module):
    """The activation alone.

    It never works in place: a normalization hands its activation a tensor of its own, here it would be the input,
    which a residual block may still need.

    Args:
        activation: What to apply; it is copied.
    """

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.act = copy.deepcopy(activation)
        if hasattr(self.act, "inplace"):
            self.act.inplace = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to the same shape."""
        out: torch.Tensor = self.act(x)
        return out


class Copied(nn.Module):
    """The input as a tensor of its own: what follows may work in place, and the input be needed elsewhere."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to the same shape."""
        return x.clone()


def identity(activation: nn.Module | None) -> nn.Module:
    """`Unnormalized`, or a copy where there is no activation."""
    return Copied() if activation is None else Unnormalized(activation)
