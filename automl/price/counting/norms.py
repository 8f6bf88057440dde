"""Normalization layers: one formula an element for all that take mean and variance."""

from __future__ import annotations

from automl.price.counting.call import Call, Formula, numel

STATISTICS = 5
"""Mean (an add), deviation (subtract), variance (square, add), and the deviation divided by its root."""

RMS = 3
"""Square, add, and the element divided by the root."""

GAIN, BIAS = 1, 1

EVALUATION = 2
"""Batch normalization with fixed statistics is one factor and one addend a channel."""

BACKWARD_INPUT = 10
"""The normalized element again (2); with the gain times gradient (1) its two sums (3); and
``(g - mean(g) - x mean(g x)) / std`` (4)."""

BACKWARD_RMS_INPUT = 7
"""As above without the mean: normalized element 1, gain 1, one sum 2, ``(g - x mean(g x)) / rms`` 3."""

BACKWARD_GAIN, BACKWARD_BIAS = 2, 1
"""A sum of products, and a sum."""

BATCH_NORM = (
    *("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_functional"),
    *("_native_batch_norm_legit_no_training", "_batch_norm_with_update", "_batch_norm_no_update"),
    *("cudnn_batch_norm", "miopen_batch_norm"),
)
FOLDS_INTO = {"convolution", "linear", "addmm", "mm", "bmm", "baddbmm"}
"""Operators that take the factor and addend of an evaluated batch normalization into their own weights."""


def is_fixed_batch_norm(call: Call) -> bool:
    """Whether it is a batch normalization by its running statistics."""
    if call.name not in BATCH_NORM or call.name == "_batch_norm_with_update":
        return False
    if call.name in {"_native_batch_norm_legit_no_training", "_batch_norm_no_update"}:
        return True
    return not call["training"]


def _batch_norm(call: Call) -> float:
    return EVALUATION * numel(call.first) if is_fixed_batch_norm(call) else _norm(call)


def _norm(call: Call) -> float:
    """Statistics over the elements themselves, then gain and bias where there are any."""
    affine = GAIN * (call.get("weight") is not None) + BIAS * (call.get("bias") is not None)
    return float((STATISTICS + affine) * numel(call.first))


def _rms_norm(call: Call) -> float:
    return float((RMS + GAIN * (call["weight"] is not None)) * numel(call.first))


def _backward(call: Call) -> float:
    fixed = call.get("train") is False
    of_input, of_gain, of_bias = call["output_mask"]
    gain = BACKWARD_GAIN + 2 if fixed else BACKWARD_GAIN
    cost = of_input * (1 if fixed else BACKWARD_INPUT) + of_gain * gain + of_bias * BACKWARD_BIAS
    return float(cost * numel(call.args[0]))


def _cudnn_backward(call: Call) -> float:
    return float((BACKWARD_INPUT + BACKWARD_GAIN + BACKWARD_BIAS) * numel(call.args[0]))


def _rms_backward(call: Call) -> float:
    of_input, of_gain = call["output_mask"]
    return float((of_input * BACKWARD_RMS_INPUT + of_gain * BACKWARD_GAIN) * numel(call.args[0]))


FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(BATCH_NORM, _batch_norm),
    **dict.fromkeys(("native_layer_norm", "native_group_norm"), _norm),
    "_fused_rms_norm": _rms_norm,
    **dict.fromkeys(
        ("native_batch_norm_backward", "native_layer_norm_backward", "native_group_norm_backward"), _backward
    ),
    "batch_norm_backward": _cudnn_backward,
    "cudnn_batch_norm_backward": _cudnn_backward,
    "miopen_batch_norm_backward": _cudnn_backward,
    "_fused_rms_norm_backward": _rms_backward,
}
