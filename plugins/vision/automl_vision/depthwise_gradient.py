"""The gradient of a depthwise convolution's weights on a CPU, where the library takes longer for it than it must.

oneDNN (version 3.12) has fast code for the weights of 3x3 kernels alone, and not where the map is smaller than that. On
batches of thumbnails the gradient of 5x5 weights takes up to twenty times as long as the convolution itself.
"""

from __future__ import annotations

import functools
from typing import Literal

import torch

Way = Literal["library", "taps", "blocks"]
Pair = tuple[int, int]
Tap = tuple[int, tuple[slice, slice], tuple[slice, slice]]
"""A weight by its place in the flattened kernel, and the outputs and the inputs that it connects."""

FAST_SIDE = 3
"""Side of the kernels, and least side of their maps, that the library has fast code for."""

BLOCKS_SIDE = 5
FEW_CHANNELS = 64
LEAST_OUTPUTS = 1000
"""Outputs for each tap that it takes to be worth the tap's two calls."""

MOST_OUTPUTS = 2**19
"""Outputs above which products leave the processor's cache."""

CANVAS = 2**20
"""Numbers in a canvas, 4 MiB: more fall out of the processor's cache, fewer are not worth a call."""


def way(shape: tuple[int, ...], kernel: Pair, stride: Pair) -> Way:
    """How the weights' gradient takes the least time: as measured by benchmarks/training/depthwise.py.

    The rule depends on the shapes alone, never on a measurement, so that the same training gives the same bytes.

    Args:
        shape: Of the input, ``(batch, channels, height, width)``.
        kernel: Height and width, both odd; zeros are padded by half of each.
        stride: By rows and columns.

    Returns:
        ``library`` for PyTorch's own; ``taps`` for `by_taps`; ``blocks`` for `by_blocks`.
    """
    batch, channels, height, width = shape
    if max(kernel) <= FAST_SIDE and min(height, width) >= FAST_SIDE + (max(stride) > 1):
        return "library"
    outputs = batch * channels * ((height - 1) // stride[0] + 1) * ((width - 1) // stride[1] + 1)
    if outputs > MOST_OUTPUTS:
        return "blocks" if kernel == (BLOCKS_SIDE, BLOCKS_SIDE) else "library"
    taps = len(_taps((height, width), kernel, stride))
    return "taps" if channels >= FEW_CHANNELS and outputs >= LEAST_OUTPUTS * taps else "library"


def by_taps(x: torch.Tensor, gradient: torch.Tensor, kernel: Pair, stride: Pair) -> torch.Tensor:
    """For each weight the sum of products of all outputs' gradients with the inputs that the weight brought to them.

    Args:
        x: The input ``(batch, channels, height, width)``.
        gradient: Of the output ``(batch, channels, height', width')``.
        kernel: Height and width.
        stride: By rows and columns.

    Returns:
        ``(channels, 1, *kernel)``.
    """
    # Channels last in memory and here: what is multiplied and summed lies side by side.
    inputs, outputs = x.permute(0, 2, 3, 1), gradient.permute(0, 2, 3, 1)
    rows, columns = x.shape[-2:]
    sums = x.new_zeros(kernel[0] * kernel[1], x.shape[1])
    for tap, at, met in _taps((rows, columns), kernel, stride):
        torch.sum(inputs[:, met[0], met[1]] * outputs[:, at[0], at[1]], (0, 1, 2), out=sums[tap])
    return sums.t().reshape(-1, 1, *kernel)


def by_blocks(x: torch.Tensor, gradient: torch.Tensor, stride: Pair) -> torch.Tensor:
    """The gradient of a 5x5 kernel as those of its four 3x3 corners, which overlap; arguments as of `by_taps`."""
    batch, channels, *size = x.shape
    inputs = x.permute(0, 2, 3, 1)
    rows, columns = ((out - 1) * step + FAST_SIDE for out, step in zip(gradient.shape[-2:], stride, strict=True))
    at_once = max(1, min(batch, CANVAS // (rows * columns * channels)))
    whole = x.new_empty(channels, 1, BLOCKS_SIDE, BLOCKS_SIDE)
    for top in (0, 2):
        for left in (0, 2):
            (to_rows, from_rows), (to_columns, from_columns) = (
                _corner(offset, length, side)
                for offset, length, side in zip((top, left), size, (rows, columns), strict=True)
            )
            # What lies around the corner's part of the map is padding, and stays zero from one slice to the next.
            canvas = x.new_zeros(at_once, rows, columns, channels)
            corner = x.new_zeros(channels, 1, FAST_SIDE, FAST_SIDE)
            for start in range(0, batch, at_once):
                part = inputs[start : start + at_once, from_rows, from_columns]
                canvas[: len(part), to_rows, to_columns] = part
                images = canvas[: len(part)].permute(0, 3, 1, 2)
                corner += _library(images, gradient[start : start + at_once], stride)
            whole[:, :, top : top + FAST_SIDE, left : left + FAST_SIDE] = corner
    return whole


def _corner(offset: int, length: int, side: int) -> tuple[slice, slice]:
    """Along one side: where on the canvas the map lies, and which part of it, for a block `offset` into the kernel."""
    start = BLOCKS_SIDE // 2 - offset
    taken = min(side - start, length)
    return slice(start, start + taken), slice(0, taken)


def _library(images: torch.Tensor, gradient: torch.Tensor, stride: Pair) -> torch.Tensor:
    """The gradient of 3x3 weights without padding."""
    channels = images.shape[1]
    weight = images.new_empty(channels, 1, FAST_SIDE, FAST_SIDE)
    of_weight: torch.Tensor = torch.ops.aten.convolution_backward(
        gradient, images, weight, None, stride, [0, 0], [1, 1], False, [0, 0], channels, [False, True, False]
    )[1]
    return of_weight


@functools.lru_cache(maxsize=256)
def _taps(size: Pair, kernel: Pair, stride: Pair) -> tuple[Tap, ...]:
    """The weights that meet any pixel of a map of that size."""
    rows, columns = (
        [_reach(length, side, step, tap) for tap in range(side)]
        for length, side, step in zip(size, kernel, stride, strict=True)
    )
    return tuple(
        (row * kernel[1] + column, (down[0], across[0]), (down[1], across[1]))
        for row, down in enumerate(rows)
        for column, across in enumerate(columns)
        if down and across
    )


def _reach(length: int, side: int, step: int, tap: int) -> tuple[slice, slice] | None:
    """Along one side: the outputs that a tap reaches from within the map, and the inputs it finds there."""
    offset = tap - side // 2
    reached = [out for out in range((length - 1) // step + 1) if 0 <= out * step + offset < length]
    if not reached:
        return None
    first, last = reached[0], reached[-1]
    return slice(first, last + 1), slice(first * step + offset, last * step + offset + 1, step)
