"""Optimizers whose step is one operator: the arithmetic of the same step made of elementwise operators."""

from __future__ import annotations

from automl.price.counting.call import Call, Formula, numel

ADAM = 13
"""Means of the gradient (3) and of its square (1 + 3); root, correction, epsilon (3); step (3)."""


def _adam(call: Call) -> float:
    """Weight decay is a factor on the weights in AdamW, an addend of the gradients in Adam."""
    decay = (1 if "adamw" in call.name else 2) if call["weight_decay"] else 0
    return float((ADAM + decay + bool(call["amsgrad"]) + bool(call["maximize"])) * numel(call.args[0]))


def _sgd(call: Call) -> float:
    """``w += -lr g``, where g may take weight decay and momentum."""
    decay = 2 if call["weight_decay"] else 0
    momentum = 0
    if call["momentum"]:
        mean = 0 if call["is_first_step"] else 1 + (2 if call["dampening"] else 1)
        momentum = mean + (2 if call["nesterov"] else 0)
    return float((2 + decay + momentum + bool(call["maximize"])) * numel(call.args[0]))


def _adagrad(call: Call) -> float:
    """Sum of squares (3), root, epsilon, step (3)."""
    return float((8 + (2 if call["weight_decay"] else 0) + bool(call["maximize"])) * numel(call.args[0]))


FORMULAS: dict[str, Formula] = {
    "_fused_adam_": _adam,
    "_fused_adamw_": _adam,
    "_fused_sgd_": _sgd,
    "_fused_adagrad_": _adagrad,
}
