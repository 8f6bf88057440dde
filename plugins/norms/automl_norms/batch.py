"""Normalization by statistics of the batch: batch normalization and batch renormalization."""

from __future__ import annotations

import torch
from torch import nn


class BatchNormAct(nn.BatchNorm2d):
    """Batch normalization (Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1), then the activation.

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


class BatchRenormAct(nn.BatchNorm2d):
    """Batch renormalization (Ioffe 2017, arXiv:1702.03275, algorithm 1), then the activation.

    In training, with mean and deviation of the batch, ``m`` and ``s``, and their running averages ``M`` and ``S``::

        r = clip(s / S, 1 / r_max, r_max)    d = clip((m - M) / S, -d_max, d_max)
        y = gamma * ((x - m) / s * r + d) + beta

    No gradient goes through r and d. Where neither is clipped, y is what evaluation would give, so training and
    evaluation agree however small the batch. In evaluation it is batch normalization, by M and S.

    r_max and d_max start at 1 and 0, where the layer is batch normalization, and grow linearly to 3 and 5, as in the
    paper's section 4. The paper's steps (5,000 to 40,000 for r_max, to 25,000 for d_max) are divided by 50 here, as
    trainings on a processor are shorter by about that. The number of steps taken is a buffer, so a training goes on
    where it stopped.

    Averages move by 0.01 a step, as in the paper: with batches of two, the 0.1 of batch normalization would average
    twenty examples. A short training is over before such averages have left its beginning behind, so that until step
    990 they move by 10 / (t + 10) instead: at each step they tell of the last tenth of the training (polynomial-decay
    averaging, Shamir & Zhang 2013, arXiv:1212.1824). A channel with a single value in the whole batch raises
    ValueError in training, as batch normalization does.

    Args:
        channels: Channels of the feature map.
        activation: What to apply to the normalized map; None for nothing.
    """

    MOMENTUM = 0.01
    R_MAX, D_MAX = 3.0, 5.0
    TAIL = 10
    """The part of the steps until now that averages tell of is one in so many."""

    START, R_END, D_END = 100, 800, 500
    """Steps at which both bounds begin to grow, and at which each has grown."""

    running_mean: torch.Tensor
    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor

    def __init__(self, channels: int, activation: nn.Module | None) -> None:
        super().__init__(channels, momentum=self.MOMENTUM)
        self.act = activation or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, height, width)`` to the same shape."""
        if not self.training:
            return self.act(super().forward(x))
        if x.numel() == x.shape[1]:
            raise ValueError(f"Batch renormalization has one value a channel, and no variance: {tuple(x.shape)}")
        # Batch normalization with other weights: gamma * (x^ * r + d) + beta = (gamma * r) * x^ + (gamma * d + beta).
        r, d = self._corrections(x.detach())
        weight, bias = self.weight * r, self.weight * d + self.bias
        return self.act(nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=self.eps))

    @torch.no_grad()
    def _corrections(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both corrections, r and d, by channel, from the averages before this step, which it then moves."""
        steps, kind = self.num_batches_tracked, self.running_mean.dtype
        most_r = 1 + (self.R_MAX - 1) * _grown(steps, self.START, self.R_END)
        most_d = self.D_MAX * _grown(steps, self.START, self.D_END)
        variance, mean = torch.var_mean(x if x.dtype == torch.float64 else x.float(), (0, 2, 3), correction=0)
        root = (self.running_var + self.eps).sqrt()
        r = ((variance + self.eps).sqrt() / root).clamp(1 / most_r, most_r)
        d = ((mean - self.running_mean) / root).clamp(-most_d, most_d)
        values = x.numel() / x.shape[1]
        moved = (self.TAIL / (steps + self.TAIL)).clamp_min(self.MOMENTUM).to(kind)
        self.running_mean.lerp_(mean.to(kind), moved)
        self.running_var.lerp_((variance * (values / (values - 1))).to(kind), moved)
        self.num_batches_tracked.add_(1)
        return r.to(kind), d.to(kind)


def _grown(steps: torch.Tensor, start: int, end: int) -> torch.Tensor:
    """0 until `start`, 1 from `end` on, a line between them."""
    return ((steps - start) / (end - start)).clamp(0, 1)
