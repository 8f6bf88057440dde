"""Filter response normalization as two Triton kernels: each tensor is read once or twice and written once.

A program takes some channels of one example, walks over their maps in tiles of channels by pixels, and walks again with
the statistics it found. Tiles follow the strides, so contiguous and channels_last maps need no copy.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

TILE = 2048
"""Numbers in a tile."""

MOST_CHANNELS = 64
"""Channels in a tile of channels_last maps, where neighbours in memory are channels."""


@triton.jit  # type: ignore[untyped-decorator]
def _forward_kernel(  # noqa: ANN202, PLR0913, PLR0917  # Triton has its own ways
    x_ptr, z_ptr, r_ptr, gamma_ptr, beta_ptr, tau_ptr, eps_ptr,  # noqa: ANN001
    eps, channels, pixels, stride_n, stride_c, stride_p,  # noqa: ANN001
    ACTIVATES: tl.constexpr, LEARNS: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_P: tl.constexpr,  # noqa: N803
):  # fmt: skip
    example = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channel < channels
    base = example * stride_n + channel.to(tl.int64)[:, None] * stride_c
    total = tl.zeros((BLOCK_C,), tl.float32)
    for start in range(0, pixels, BLOCK_P):
        pixel = start + tl.arange(0, BLOCK_P)
        mask = inside[:, None] & (pixel < pixels)[None, :]
        x = tl.load(x_ptr + base + pixel[None, :] * stride_p, mask, 0.0).to(tl.float32)
        total += tl.sum(x * x, 1)
    if LEARNS:
        eps = tl.load(eps_ptr).to(tl.float32)
    r = 1.0 / tl.sqrt(total / pixels + eps)
    tl.store(r_ptr + example * channels + channel, r, inside)
    scale = r * tl.load(gamma_ptr + channel, inside, 0.0).to(tl.float32)
    shift = tl.load(beta_ptr + channel, inside, 0.0).to(tl.float32)
    for start in range(0, pixels, BLOCK_P):
        pixel = start + tl.arange(0, BLOCK_P)
        mask = inside[:, None] & (pixel < pixels)[None, :]
        place = base + pixel[None, :] * stride_p
        z = tl.load(x_ptr + place, mask, 0.0).to(tl.float32) * scale[:, None] + shift[:, None]
        if ACTIVATES:
            tau = tl.load(tau_ptr + channel, inside, 0.0).to(tl.float32)[:, None]
            # Not tl.maximum, which takes tau for NaN: a training that has diverged must be seen to.
            z = tl.where(z < tau, tau, z)
        tl.store(z_ptr + place, z, mask)


@triton.jit  # type: ignore[untyped-decorator]
def _backward_kernel(  # noqa: ANN202, PLR0913, PLR0917
    x_ptr, dz_ptr, dx_ptr, r_ptr, gamma_ptr, beta_ptr, tau_ptr, sums_ptr,  # noqa: ANN001
    examples, channels, pixels, stride_n, stride_c, stride_p,  # noqa: ANN001
    ACTIVATES: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_P: tl.constexpr,  # noqa: N803
):  # fmt: skip
    example = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channel < channels
    base = example * stride_n + channel.to(tl.int64)[:, None] * stride_c
    row = example * channels + channel
    r = tl.load(r_ptr + row, inside, 0.0)
    scale = r * tl.load(gamma_ptr + channel, inside, 0.0).to(tl.float32)
    bound = tl.zeros((BLOCK_C,), tl.float32)
    if ACTIVATES:
        bound += tl.load(beta_ptr + channel, inside, 0.0).to(tl.float32)
        bound -= tl.load(tau_ptr + channel, inside, 0.0).to(tl.float32)
    correlation, passed, total = bound * 0.0, bound * 0.0, bound * 0.0
    for start in range(0, pixels, BLOCK_P):
        pixel = start + tl.arange(0, BLOCK_P)
        mask = inside[:, None] & (pixel < pixels)[None, :]
        place = base + pixel[None, :] * stride_p
        x = tl.load(x_ptr + place, mask, 0.0).to(tl.float32)
        dy = tl.load(dz_ptr + place, mask, 0.0).to(tl.float32)
        total += tl.sum(dy, 1)
        if ACTIVATES:
            dy = tl.where(x * scale[:, None] + bound[:, None] > 0, dy, 0.0)
        passed += tl.sum(dy, 1)
        correlation += tl.sum(dy * x, 1)
    correlation = correlation * r / pixels
    tl.store(sums_ptr + row, correlation, inside)
    tl.store(sums_ptr + examples * channels + row, passed, inside)
    tl.store(sums_ptr + 2 * examples * channels + row, total, inside)
    along = (r * correlation)[:, None]
    for start in range(0, pixels, BLOCK_P):
        pixel = start + tl.arange(0, BLOCK_P)
        mask = inside[:, None] & (pixel < pixels)[None, :]
        place = base + pixel[None, :] * stride_p
        x = tl.load(x_ptr + place, mask, 0.0).to(tl.float32)
        dy = tl.load(dz_ptr + place, mask, 0.0).to(tl.float32)
        if ACTIVATES:
            dy = tl.where(x * scale[:, None] + bound[:, None] > 0, dy, 0.0)
        tl.store(dx_ptr + place, scale[:, None] * (dy - x * along), mask)


def forward(
    x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, tau: torch.Tensor | None, eps: torch.Tensor | float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Writes z in the shape, type and layout of x, and r as float32 ``(batch, channels, 1, 1)``; see `response`.

    Args:
        x: Dense maps ``(batch, channels, height, width)``, contiguous or channels_last, of single or half precision.
        gamma: Scale, shape ``(channels,)``.
        beta: Shift, shape ``(channels,)``.
        tau: Threshold, shape ``(channels,)``; None for no activation.
        eps: A number, or a tensor of shape ``()``.
    """
    z, r = torch.empty_like(x), x.new_empty((*x.shape[:2], 1, 1), dtype=torch.float32)
    learns = isinstance(eps, torch.Tensor)
    grid, geometry, blocks = _geometry(x)
    with torch.cuda.device_of(x):
        _forward_kernel[grid](
            x, z, r, gamma, beta, beta if tau is None else tau, eps if learns else beta, 0.0 if learns else eps,
            *geometry, ACTIVATES=tau is not None, LEARNS=learns, **blocks,
        )  # fmt: skip
    return z, r


def backward(
    x: torch.Tensor,
    dz: torch.Tensor,
    r: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    tau: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Writes dx in the shape, type and layout of x, and three sums by example and channel.

    Args:
        x: As for `forward`.
        dz: Gradient of z, in the layout of x.
        r: What `forward` returned.
        gamma: As for `forward`.
        beta: As for `forward`.
        tau: As for `forward`.

    Returns:
        dx; and ``mean(dy * x * r)``, ``sum(dy)`` and ``sum(dz)`` over each map, float32 ``(3, batch, channels, 1, 1)``.
    """
    dx, sums = torch.empty_like(x), x.new_empty((3, *x.shape[:2], 1, 1), dtype=torch.float32)
    grid, geometry, blocks = _geometry(x)
    with torch.cuda.device_of(x):
        _backward_kernel[grid](
            x, dz, dx, r, gamma, beta, beta if tau is None else tau, sums, len(x),
            *geometry, ACTIVATES=tau is not None, **blocks,
        )  # fmt: skip
    return dx, sums


def _geometry(x: torch.Tensor) -> tuple[tuple[int, int], tuple[int, ...], dict[str, Any]]:
    """Programs, sizes and strides, and tiles: along the map in contiguous ones, along channels in channels_last."""
    examples, channels, height, width = x.shape
    pixels = height * width
    last = not x.is_contiguous()
    stride_p = channels if last else 1
    widest = triton.next_power_of_2(channels)
    block_c = min(widest, MOST_CHANNELS) if last else min(widest, max(1, TILE // triton.next_power_of_2(pixels)))
    block_p = min(triton.next_power_of_2(pixels), TILE // block_c)
    grid = examples, triton.cdiv(channels, block_c)
    sizes = channels, pixels, x.stride(0), 1 if last else pixels, stride_p
    return grid, sizes, {"BLOCK_C": block_c, "BLOCK_P": block_p}
