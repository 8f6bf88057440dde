"""Results of normalizations on the meta device, straight from their shapes.

PyTorch takes each of these apart into some twenty Python functions there, a millisecond or more a call, which together
were half of the time that a count takes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from automl.price.counting.call import Call, tensors

Results = tuple[torch.Tensor | None, ...]

PLAIN = (torch.float32, torch.float64)
"""Types in which all results have the type of the input; lower precisions keep their statistics in another."""


def shortcut(call: Call) -> Results | None:
    """What an operator returns on the meta device, values as undefined as there; None for what is left to PyTorch.

    Args:
        call: What is called; its result is not there yet.
    """
    rule = SHORTCUTS.get(call.name)
    if rule is None:
        return None
    x = call["input"]
    if x.dtype not in PLAIN or any(t.device.type != "meta" or t.dtype != x.dtype for t in tensors(call.args)):
        return None
    return rule(call)


def _batch_norm(call: Call) -> Results:
    x = call["input"]
    return torch.empty_like(x), x.new_empty(x.shape[1]), x.new_empty(x.shape[1])


def _batch_norm_backward(call: Call) -> Results | None:
    x, gradient = call["input"], call["grad_out"]
    if gradient.stride() != x.stride() and not (gradient.is_contiguous() and x.is_contiguous()):
        return None
    return torch.empty_like(x), *_of_affine(call, x)  # whether it is asked for or not


def _group_norm(call: Call) -> Results | None:
    x = call["input"]
    if not x.is_contiguous():
        return None
    size = call["N"], call["group"]
    return torch.empty_like(x), x.new_empty(size), x.new_empty(size)


def _group_norm_backward(call: Call) -> Results | None:
    x = call["input"]
    if not x.is_contiguous():
        return None
    return torch.empty_like(x) if call["output_mask"][0] else None, *_of_affine(call, x)


def _of_affine(call: Call, x: torch.Tensor) -> Results:
    """Gradients of gain and bias."""
    return tuple(x.new_empty(x.shape[1]) if wanted else None for wanted in call["output_mask"][1:])


SHORTCUTS: dict[str, Callable[[Call], Results | None]] = {
    "native_batch_norm": _batch_norm,
    "native_batch_norm_backward": _batch_norm_backward,
    "native_group_norm": _group_norm,
    "native_group_norm_backward": _group_norm_backward,
}
