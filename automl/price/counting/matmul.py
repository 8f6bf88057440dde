"""Matrix products and convolutions: two FLOPs a multiply-add, and the bias apart."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.utils.flop_counter import conv_flop_count, flop_registry

from automl.price.counting.call import Call, Formula, Parts, numel

PRODUCTS = ("mm", "bmm", "_sparse_mm")
BIASED = ("addmm", "baddbmm", "addbmm", "addmv", "_sparse_addmm", "_addmm_activation")
LINEARS = ("linear", "mkldnn_linear")
VECTORS = ("mv", "dot", "vdot")
CONVOLUTIONS = ("convolution", "_convolution", "cudnn_convolution", "convolution_overrideable", "mkldnn_convolution")


def registered(call: Call) -> float:
    """PyTorch's own formula of an operator that has one."""
    return float(flop_registry[call.func._overloadpacket](*call.args, **call.kwargs, out_val=call.out))  # noqa: SLF001


def _product(call: Call) -> float:
    """``(m, k)`` times ``(k, n)``: 2 m k n; of a sparse matrix its non-zero elements count alone."""
    left, right = call.args[:2]
    for one, other in ((left, right), (right, left)):
        if one.layout != torch.strided:
            width = other.shape[-1] if one is left else other.shape[-2]
            return float(2 * _stored(one) * width)
    return float(2 * left.numel() * (right.shape[-1] if right.ndim > 1 else 1))


def _stored(matrix: Any) -> int:
    return int(matrix._nnz() if matrix.layout == torch.sparse_coo else matrix.values().numel())  # noqa: SLF001


def _biased(call: Call) -> Parts:
    """``beta c + alpha a b``."""
    left, right = call.args[1:3]
    product = _product(Call(torch.ops.aten.mm.default, (left, right), {}, call.out))
    parts = {call.name: product, "bias": float(numel(call.out)) if call["beta"] != 0 else 0.0}
    if call.name == "_addmm_activation":
        parts["activation"] = numel(call.out) * (5.0 if call["use_gelu"] else 1.0)
    return parts


def _linear(call: Call) -> Parts:
    """The last dimension times a matrix."""
    weight = call.args[1]
    product = 2.0 * numel(call.out) * weight.shape[-1]
    return {call.name: product, "bias": float(numel(call.out)) if call["bias"] is not None else 0.0}


def _inner(call: Call) -> float:
    """A vector, or a matrix, times a vector."""
    return 2.0 * numel(call.args[0])


def _convolution(call: Call) -> Parts:
    """Every output element meets one kernel of its group's input channels."""
    x, weight = call.args[:2]
    flops = conv_flop_count(x.shape, weight.shape, call.out.shape, transposed=bool(call.get("transposed", False)))
    biased = call.get("bias") is not None
    return {"convolution": float(flops), "bias": float(numel(call.out)) if biased else 0.0}


def _convolution_backward(call: Call) -> Parts:
    """The gradients of input and weight cost what the convolution itself does, each.

    PyTorch's formula is not used here: it takes a grouped convolution's weight for a dense one.
    """
    grad, x, weight = call.args[:3]
    forward = conv_flop_count(x.shape, weight.shape, grad.shape, transposed=bool(call["transposed"]))
    of_x, of_weight, of_bias = call["output_mask"]
    return {
        "convolution_backward": float(forward) * (of_x + of_weight),
        "bias": float(math.prod(grad.shape)) if of_bias else 0.0,
    }


FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(PRODUCTS, _product),
    **dict.fromkeys(BIASED, _biased),
    **dict.fromkeys(LINEARS, _linear),
    **dict.fromkeys(VECTORS, _inner),
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    "convolution_backward": _convolution_backward,
}

MULTIPLY_ADDS = {*PRODUCTS, *BIASED, *LINEARS, *VECTORS, "_scaled_mm", "convolution", "convolution_backward"}
"""Names under which multiply-adds alone are booked."""
