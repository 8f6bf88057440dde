"""Operators that make few numbers of many: FLOPs an input element, and what is done once an output element."""

from __future__ import annotations

import math

from automl.price.counting.call import Call, Formula, numel, on_floats

REDUCTIONS = {
    "sum": (1, 0),
    "nansum": (1, 0),
    "mean": (1, 1),
    "prod": (1, 0),
    "amax": (1, 0),
    "amin": (1, 0),
    "aminmax": (2, 0),
    "max": (1, 0),
    "min": (1, 0),
    "argmax": (1, 0),
    "argmin": (1, 0),
    "var": (4, 1),  # mean, deviation, square, add
    "var_mean": (4, 1),
    "std": (4, 2),
    "std_mean": (4, 2),
    "norm": (2, 1),  # square, add; root
    "linalg_vector_norm": (2, 1),
    "logsumexp": (4, 1),  # compare, subtract, exponential, add; logarithm
    "cumsum": (1, 0),
    "cumprod": (1, 0),
    "cummax": (1, 0),
    "cummin": (1, 0),
    "logcumsumexp": (6, 0),
    "trace": (1, 0),
    "_softmax": (5, 0),  # compare, subtract, exponential, add, divide
    "_safe_softmax": (5, 0),
    "_log_softmax": (5, 0),  # compare, subtract, exponential, add, subtract
    "_softmax_backward_data": (4, 0),  # y (g - sum(g y))
    "_log_softmax_backward_data": (4, 0),  # g - exp(y) sum(g)
    "segment_reduce": (1, 0),
    "_segment_reduce_backward": (1, 0),
    "histc": (2, 0),
    "bincount": (1, 0),
    "count_nonzero": (1, 0),
    "median": (2, 0),
    "nanmedian": (2, 0),
}
"""Operator: FLOPs an element of the first argument, FLOPs an element of the result."""

SORTS = ("sort", "argsort", "msort")
TRANSFORMS = ("_fft_c2c", "_fft_r2c", "_fft_c2r")


def _reduction(call: Call) -> float:
    """By the table; ``max`` of two tensors compares them."""
    if not on_floats(call):
        return 0.0
    each, once = REDUCTIONS[call.name.removesuffix("_").removeprefix("_foreach_")]
    return float(each * numel(call.args[0]) + once * numel(call.first))


def _sort(call: Call) -> float:
    """Takes n log2 n compares of the n elements along one dimension."""
    x = call.args[0]
    length = x.shape[call.get("dim", -1) if call.get("dim") is not None else -1] if x.ndim else 1
    return float(x.numel() * math.log2(max(length, 2))) if on_floats(call) else 0.0


def _top(call: Call) -> float:
    """A heap of the k largest: log2 k compares an element, one at least."""
    x = call.args[0]
    return float(x.numel() * max(1.0, math.log2(max(call["k"], 1)))) if on_floats(call) else 0.0


def _search(call: Call) -> float:
    """log2 n compares among the n bounds."""
    values, bounds = call["self"], call["boundaries" if call.name == "bucketize" else "sorted_sequence"]
    return numel(values) * math.log2(max(bounds.shape[-1], 2)) if on_floats(call) else 0.0


def _distance(call: Call) -> float:
    """Subtract, square, add for every pair and coordinate."""
    return float(3 * numel(call.out) * call.args[0].shape[-1])


def _fourier(call: Call) -> float:
    """5 n log2 n (Cooley and Tukey), half of it where one side is real."""
    larger = max(tensor.numel() for tensor in (call.args[0], call.out))
    x = call.args[0]
    length = math.prod(max(x.shape[dim], call.out.shape[dim]) for dim in call["dim"])
    return float((5.0 if call.name == "_fft_c2c" else 2.5) * larger * math.log2(max(length, 2)))


FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(REDUCTIONS, _reduction),
    **dict.fromkeys(SORTS, _sort),
    **dict.fromkeys(TRANSFORMS, _fourier),
    "topk": _top,
    "kthvalue": _top,
    "bucketize": _search,
    "searchsorted": _search,
    "_cdist_forward": _distance,
}
