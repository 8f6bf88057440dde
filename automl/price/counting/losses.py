"""Losses that are one operator; the others are made of elementwise operators and reductions."""

from __future__ import annotations

from automl.price.counting.call import Call, Formula, numel

LOSSES = {
    "mse_loss": 2,  # subtract, square
    "smooth_l1_loss": 6,  # |d|, compare, d d / 2 beta, |d| - beta / 2
    "huber_loss": 6,
    "binary_cross_entropy": 9,  # two clamped logarithms, t log p + (1 - t) log (1 - p), negated
    "binary_cross_entropy_with_logits": 9,  # (1 - t) x - log sigmoid(x)
    "soft_margin_loss": 5,  # log1p(exp(-t x))
}
"""FLOPs an element; one more where they are summed."""

BACKWARD = {
    "mse_loss_backward": 3,
    "smooth_l1_loss_backward": 4,
    "huber_loss_backward": 4,
    "binary_cross_entropy_backward": 6,
    "soft_margin_loss_backward": 6,
}
"""Their derivatives, an element."""

NEGATIVE_LOG_LIKELIHOOD = ("nll_loss_forward", "nll_loss2d_forward", "nll_loss", "nll_loss2d")


def _loss(call: Call) -> float:
    summed = 1 if call["reduction"] else 0
    return float((LOSSES[call.name] + summed) * numel(call.args[0]))


def _backward(call: Call) -> float:
    return float(BACKWARD[call.name] * numel(call.out))


def _likelihood(call: Call) -> float:
    """One element an example is looked up, negated and added."""
    return 2.0 * numel(call["target"])


def _likelihood_backward(call: Call) -> float:
    return float(numel(call["target"]))


FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(LOSSES, _loss),
    **dict.fromkeys(BACKWARD, _backward),
    **dict.fromkeys(NEGATIVE_LOG_LIKELIHOOD, _likelihood),
    **dict.fromkeys(("nll_loss_backward", "nll_loss2d_backward"), _likelihood_backward),
}
