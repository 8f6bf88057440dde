"""Pooling and resampling: so many input elements, or taps, an output element."""

from __future__ import annotations

import math
from collections.abc import Sequence

from automl.price.counting.call import Call, Formula, numel

POOLS = (
    *("max_pool2d_with_indices", "max_pool3d_with_indices", "max_pool2d", "max_pool3d", "max_pool1d"),
    *("mkldnn_max_pool2d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "fractional_max_pool2d"),
)
ADAPTIVE = (
    *("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool1d"),
    *("adaptive_max_pool2d", "adaptive_max_pool3d", "adaptive_max_pool1d"),
)
INTERPOLATIONS = {
    "upsample_linear1d": (2, 1),
    "upsample_bilinear2d": (2, 2),
    "upsample_bicubic2d": (4, 2),
    "upsample_trilinear3d": (2, 3),
}
"""Taps an axis, and axes."""

ANTIALIASED = {"_upsample_bilinear2d_aa": 2, "_upsample_bicubic2d_aa": 4, "_upsample_lanczos2d_aa": 6}
"""Taps an axis where the image grows; it takes more as it shrinks."""

GRID_TAPS = {0: 2, 1: 0, 2: 4}
"""Taps an axis of `grid_sample` by its mode: linear, nearest, cubic."""


def _pool(call: Call) -> float:
    """A compare, or an add, for every element of the kernel."""
    return float(_kernel(call) * numel(call.first))


def _kernel(call: Call) -> int:
    sides, axes = call["kernel_size"], _axes(call.name)
    if isinstance(sides, int):
        return int(sides**axes)
    return math.prod(sides if len(sides) == axes else [*sides] * axes)


def _axes(name: str) -> int:
    return next(axes for axes in (1, 2, 3) if f"{axes}d" in name)


def _adaptive(call: Call) -> float:
    """Every element of the windows, which overlap where they do not divide the input."""
    axes = _axes(call.name)
    return _windows(call.args[0].shape, call.first.shape, axes)


def _windows(inputs: Sequence[int], outputs: Sequence[int], axes: int) -> float:
    sums = 1
    for size, parts in zip(inputs[-axes:], outputs[-axes:], strict=True):
        sums *= sum(-(-(part + 1) * size // parts) - part * size // parts for part in range(parts))
    return float(math.prod(inputs[:-axes]) * sums)


def _max_backward(call: Call) -> float:
    """An add to the one element that was the largest."""
    return float(numel(call.args[0]))


def _average_backward(call: Call) -> float:
    """An add to every element of the kernel."""
    return float(_kernel(call) * numel(call.args[0]))


def _adaptive_backward(call: Call) -> float:
    return _windows(call.out.shape, call.args[0].shape, _axes(call.name))


def _interpolation(call: Call) -> float:
    """A multiply-add a tap, for an output element; backward for an element of its gradient."""
    is_backward = "backward" in call.name
    taps, axes = INTERPOLATIONS[call.name.removesuffix("_backward")]
    return float(2 * taps**axes * numel(call.args[0] if is_backward else call.out))


def _antialiased(call: Call) -> float:
    """One axis after the other: the filter is as many times wider as the image shrinks."""
    is_backward = "backward" in call.name
    taps = ANTIALIASED[call.name.removesuffix("_backward")]
    small, large = (call.args[0], call.out) if is_backward else (call.out, call.args[0])
    planes = math.prod(small.shape[:-2])
    (rows, columns), (new_rows, new_columns) = large.shape[-2:], small.shape[-2:]
    across = taps * max(columns / new_columns, 1.0) * rows * new_columns
    down = taps * max(rows / new_rows, 1.0) * new_rows * new_columns
    return float(2 * planes * (across + down))


def _grid(call: Call) -> float:
    """Multiply-adds of the taps; the two coordinates of a place are shared by its channels."""
    axes = 3 if "3d" in call.name else 2
    is_backward = "backward" in call.name
    taps = GRID_TAPS[call["interpolation_mode"]] ** axes
    return float(2 * taps * numel(call.args[0] if is_backward else call.out) * (2 if is_backward else 1))


FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(POOLS, _pool),
    **dict.fromkeys(ADAPTIVE, _adaptive),
    **dict.fromkeys(("max_pool2d_with_indices_backward", "max_pool3d_with_indices_backward"), _max_backward),
    **dict.fromkeys(("adaptive_max_pool2d_backward", "adaptive_max_pool3d_backward"), _max_backward),
    **dict.fromkeys(("avg_pool2d_backward", "avg_pool3d_backward"), _average_backward),
    **dict.fromkeys(("_adaptive_avg_pool2d_backward", "_adaptive_avg_pool3d_backward"), _adaptive_backward),
    **{name + end: _interpolation for name in INTERPOLATIONS for end in ("", "_backward")},
    **{name + end: _antialiased for name in ANTIALIASED for end in ("", "_backward")},
    **{f"grid_sampler_{axes}d{end}": _grid for axes in (2, 3) for end in ("", "_backward")},
}
