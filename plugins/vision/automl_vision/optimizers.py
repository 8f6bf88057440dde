"""Optimizers by name, all with decoupled weight decay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from automl.errors import unknown_name
from automl_vision.recipe import OPTIMIZERS

if TYPE_CHECKING:
    from collections.abc import Iterable

RMSPROP_DECAY = 0.9
"""Of the mean of squared gradients (Tan & Le 2019, section 5.2)."""

RMSPROP_EPS = 1e-3
"""Within the root, where TensorFlow has it: the value of the paper's own code."""


def make_optimizer(
    name: str,
    parameters: Iterable[torch.nn.Parameter],
    *,
    learning_rate: float,
    weight_decay: float,
    momentum: float,
) -> torch.optim.Optimizer:
    """An optimizer over all parameters that want a gradient.

    The decay is decoupled from the gradient (Loshchilov & Hutter 2019, arXiv:1711.05101, algorithms 1 and 2) in all of
    them, so that ``weight_decay`` means the same: a step takes ``learning_rate * weight_decay`` of each weight. What
    other codes call weight decay of SGD and RMSProp is an addend of the gradient.

    Args:
        name: ``adamw``, with torch's default betas; ``sgd``, with Nesterov's momentum; ``rmsprop``, as EfficientNet was
            trained: the mean starts at one, epsilon is within the root, and the learning rate goes into the momentum.
        parameters: Those of fewer than two dimensions (normalizers, biases) are left without weight decay.
        learning_rate: Where a schedule starts from, perhaps.
        weight_decay: Decoupled.
        momentum: Of SGD and RMSProp; AdamW has none.

    Raises:
        UsageError: There is no such optimizer.
    """
    wanted = [parameter for parameter in parameters if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in wanted if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in wanted if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=learning_rate, fused=True)
    # timm's own choice on a CPU is a loop in Python over all tensors, which takes half as long again.
    if name == "sgd":
        from timm.optim import SGDW

        return SGDW(groups, lr=learning_rate, momentum=momentum, nesterov=momentum > 0, foreach=True)
    if name == "rmsprop":
        from timm.optim import RMSpropTF

        return RMSpropTF(
            groups,
            lr=learning_rate,
            alpha=RMSPROP_DECAY,
            eps=RMSPROP_EPS,
            momentum=momentum,
            decoupled_decay=True,
            foreach=True,
        )
    raise unknown_name("optimizer", name, OPTIMIZERS)
