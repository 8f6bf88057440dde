"""The layer of filter response normalization."""

from __future__ import annotations

import torch
from torch import nn

from automl_norms import response


class FilterResponseNorm(nn.Module):
    """Filter response normalization with its thresholded linear unit (Singh & Krishnan 2019, arXiv:1911.09737).

    With ``nu2`` the mean of ``x^2`` over one example's map of one channel::

        y = gamma * x / sqrt(nu2 + eps) + beta
        z = max(y, tau)

    No mean is subtracted and no other example or channel has a say, so it is the same in training and in evaluation,
    at any batch size. ``eps`` is 1e-6, except on 1x1 maps: there a small constant would leave the sign of ``x`` and no
    gradient, and ``eps = 1e-6 + |eps_l|`` with ``eps_l`` learned. All of this is the paper's section 3.

    Where the size of the map is not known beforehand, ``eps_l`` exists and is in use on 1x1 maps only; on larger ones
    it gets no gradient (None), and optimizers leave it alone.

    Attributes:
        gamma: Scale of each channel, shape ``(channels,)``; starts at 1.
        beta: Shift of each channel, shape ``(channels,)``; starts at 0.
        tau: Threshold of each channel, shape ``(channels,)``; starts at 0, where z is a ReLU. None when the layer does
            not activate.
        eps_l: One number a layer, shape ``()``; starts at 1e-4. None when eps is not learned.

    Args:
        channels: Channels of the feature map.
        activate: Whether the thresholded linear unit follows the normalization.
        learns_eps: Whether there is an ``eps_l``. Without it eps is 1e-6 on maps of any size.
    """

    EPS = 1e-6
    EPS_L = 1e-4

    def __init__(self, channels: int, *, activate: bool, learns_eps: bool = True) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.tau = nn.Parameter(torch.zeros(channels)) if activate else None
        self.eps_l = nn.Parameter(torch.tensor(self.EPS_L)) if learns_eps else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to the same shape."""
        eps: torch.Tensor | float = self.EPS
        if self.eps_l is not None and x.shape[2:] == (1, 1):
            eps = self.EPS + self.eps_l.abs()
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return response.plain(x, self.gamma, self.beta, self.tau, eps)
        out: torch.Tensor = response.FilterResponse.apply(x, self.gamma, self.beta, self.tau, eps)
        return out

    def extra_repr(self) -> str:
        """Channels, and whether it activates."""
        return f"{self.gamma.numel()}, activate={self.tau is not None}, learns_eps={self.eps_l is not None}"
