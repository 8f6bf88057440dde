"""Results of some frequent operators on the meta device, straight from their shapes.

PyTorch takes each of these apart into many Python functions there, up to two milliseconds a call, which together were
more than half of the time that a count takes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from automl.price.counting.call import Call, tensors

Results = tuple[torch.Tensor | None, ...]

PLAIN = (torch.float32, torch.float64)
"""Types in which all results have the type of the input; lower precisions keep their statistics in another."""


def shortcut(call: Call) -> torch.Tensor | Results | None:
    """What an operator returns on the meta device, values as undefined as there; None for what is left to PyTorch.

    Args:
        call: What is called; its result is not there yet.
    """
    rule = SHORTCUTS.get(call.name)
    if rule is None or "out" in call.kwargs or call.kwargs.get("dtype") is not None:
        return None
    given = list(tensors(call.args))
    kind = given[0].dtype
    if kind not in PLAIN or any(t.device.type != "meta" or t.dtype != kind for t in given):
        return None
    return rule(call)


def _batch_norm(call: Call) -> Results:
    x = call["input"]
    return torch.empty_like(x), x.new_empty(x.shape[1]), x.new_empty(x.shape[1])


def _batch_norm_backward(call: Call) -> Results | None:
    x, gradient = call["input"], call["grad_out"]
    if 0 in gradient.stride():  # as the gradient of a mean is
        return (torch.empty_like(x), *_of_affine(call, x)) if x.is_contiguous() else None
    return torch.empty_like(gradient), *_of_affine(call, x)  # whether it is asked for or not


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


def _elementwise(call: Call) -> torch.Tensor | None:
    given = list(tensors(call.args))
    if any(isinstance(value, complex) for value in call.args) or not all(x.is_contiguous() for x in given):
        return None
    shape = torch.broadcast_shapes(*(x.shape for x in given))  # type: ignore[no-untyped-call]
    return torch.empty(shape, dtype=given[0].dtype, device="meta")


def _mean(call: Call) -> torch.Tensor | None:
    x: torch.Tensor = call.args[0]
    axes = call.get("dim")
    if not axes or not x.is_contiguous():
        return None
    over = {axis % x.ndim for axis in axes}
    kept = [1 if axis in over else size for axis, size in enumerate(x.shape) if axis not in over or call["keepdim"]]
    return x.new_empty(kept)


SHORTCUTS: dict[str, Callable[[Call], torch.Tensor | Results | None]] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "sigmoid", "sigmoid_backward"), _elementwise),
    "mean": _mean,
    "native_batch_norm": _batch_norm,
    "native_batch_norm_backward": _batch_norm_backward,
    "native_group_norm": _group_norm,
    "native_group_norm_backward": _group_norm_backward,
}
