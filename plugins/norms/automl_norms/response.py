"""Filter response normalization with its thresholded linear unit, as one autograd function.

Singh & Krishnan 2019, arXiv:1911.09737, section 3. With ``nu2`` the mean of ``x^2`` over one example's map of one
channel and ``r = 1 / sqrt(nu2 + eps)``::

    y = gamma * x * r + beta
    z = max(y, tau)

and backward, with ``dy = dz`` where ``y > tau`` and 0 elsewhere, sums over examples and maps, and means over a map::

    dx = gamma * r * (dy - x * r * mean(dy * x * r))
    dgamma = sum(dy * x * r)    dbeta = sum(dy)    dtau = sum(dz) - sum(dy)
    deps = -1/2 * sum(gamma * dy * x * r^3)

Kept between the two are x and r, 1 + 1 / (height * width) of x; y is computed again. Written out in PyTorch's
operators and left to its autograd, the layer keeps three tensors of the size of x and runs over memory five times as
often.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import torch

MAP = (2, 3)
"""Height and width."""

OVER = (0, 2, 3)
"""Examples, height and width."""

CHUNK = 1 << 18
"""Numbers worked on at a time. No statistic spans two examples, so examples go through all operations in groups, and a
group small enough for the processor's cache is read from memory once instead of once an operation."""


def plain(
    x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, tau: torch.Tensor | None, eps: torch.Tensor | float
) -> torch.Tensor:
    """The formula in PyTorch's own operators, for compilers and exporters; arguments as `FilterResponse`'s."""
    kind = _precision(x)
    wide = x.to(kind)
    r = torch.rsqrt(wide.square().mean(MAP, keepdim=True) + eps)
    y = wide * (r * _by_channel(gamma, kind)) + _by_channel(beta, kind)
    return (y if tau is None else torch.maximum(y, _by_channel(tau, kind))).to(x.dtype)


class FilterResponse(torch.autograd.Function):
    """``FilterResponse.apply(x, gamma, beta, tau, eps)``: z of the module's formula, in shape, type and layout of x.

    Statistics and arithmetic are float32 for half-precision x.

    Args (of ``apply``):
        x: Feature maps ``(batch, channels, height, width)``, contiguous or channels_last.
        gamma: Scale, shape ``(channels,)``.
        beta: Shift, shape ``(channels,)``.
        tau: Threshold, shape ``(channels,)``; None for y itself.
        eps: A number, or a tensor of shape ``()`` where it is learned.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        gamma: torch.Tensor,
        beta: torch.Tensor,
        tau: torch.Tensor | None,
        eps: torch.Tensor | float,
    ) -> torch.Tensor:
        """Keeps x and r."""
        if (kernels := _kernels(x)) is not None:
            z, r = kernels.forward(x, gamma, beta, tau, eps)
            ctx.save_for_backward(x, r, gamma, beta, tau)
            return z
        kind = _precision(x)
        scale, shift = _by_channel(gamma, kind), _by_channel(beta, kind)
        least = None if tau is None else _by_channel(tau, kind)
        z, step = torch.empty_like(x), _step(x)
        if step >= len(x):
            r = _forward(x, z, scale, shift, least, eps)
        else:
            chunks = zip(x.split(step), z.split(step), strict=True)
            r = torch.cat([_forward(some, out, scale, shift, least, eps) for some, out in chunks])
        ctx.save_for_backward(x, r, gamma, beta, tau)
        return z

    @staticmethod
    def backward(ctx: Any, dz: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of x, gamma, beta, tau and eps.

        Raises:
            RuntimeError: They are to be differentiated once more (``create_graph=True``).
        """
        if torch.is_grad_enabled():
            raise RuntimeError(
                "Gradients of filter response normalization cannot be differentiated once more: take create_graph=True "
                "away, or another normalizer."
            )
        x, r, gamma, beta, tau = ctx.saved_tensors
        dz = dz.contiguous(memory_format=_format(x))
        if (kernels := _kernels(x)) is not None:
            dx, (correlation, *sums) = kernels.backward(x, dz, r, gamma, beta, tau)
            dbeta, total = (part.sum(OVER) for part in sums)
        else:
            dx, correlation, dbeta, total = _by_examples(x, dz, r, gamma, beta, tau)
        size = x.shape[2] * x.shape[3]
        dgamma = _cast(correlation.sum(OVER).mul_(size), gamma.dtype)
        dtau = None if tau is None else _cast(total - dbeta, tau.dtype)
        deps = None
        if ctx.needs_input_grad[4]:
            deps = (correlation * _by_channel(gamma, r.dtype) * r * r).sum() * (-0.5 * size)
        return dx, dgamma, _cast(dbeta, beta.dtype), dtau, deps


def _by_examples(
    x: torch.Tensor,
    dz: torch.Tensor,
    r: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    tau: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """`_backward` of all examples, some at a time: dx, and its results."""
    kind, step = r.dtype, _step(x)
    scale = _by_channel(gamma, kind)
    bound = None if tau is None else _by_channel(beta, kind) - _by_channel(tau, kind)
    dx, scratch = torch.empty_like(x), torch.empty_like(x[:step], dtype=kind)
    if step >= len(x):
        return dx, *_backward(x, dz, dx, r, scale, bound, scratch)
    chunks = zip(*(tensor.split(step) for tensor in (x, dz, dx, r)), strict=True)
    parts = [_backward(*chunk, scale, bound, scratch[: len(chunk[0])]) for chunk in chunks]
    correlations, dbetas, totals = zip(*parts, strict=True)
    return dx, torch.cat(correlations), torch.stack(dbetas).sum(0), torch.stack(totals).sum(0)


def _forward(
    x: torch.Tensor,
    z: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    tau: torch.Tensor | None,
    eps: torch.Tensor | float,
) -> torch.Tensor:
    """Writes z of some examples and returns their r ``(examples, channels, 1, 1)``."""
    wide = _cast(x, gamma.dtype)
    out = z if z.dtype == wide.dtype else torch.empty_like(wide)
    r = torch.mul(wide, wide, out=out).mean(MAP, keepdim=True).add_(eps).rsqrt_()
    _affine(wide, r * gamma, beta, out)
    if tau is not None:
        out.clamp_min_(tau)
    if out is not z:
        z.copy_(out)
    return r


def _backward(
    x: torch.Tensor,
    dz: torch.Tensor,
    dx: torch.Tensor,
    r: torch.Tensor,
    gamma: torch.Tensor,
    bound: torch.Tensor | None,
    scratch: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Writes dx of some examples.

    Returns:
        ``mean(dy * x * r)`` by example and channel, and the sums of dy and of dz by channel.
    """
    wide, dz = _cast(x, r.dtype), _cast(dz, r.dtype)
    out = dx if dx.dtype == wide.dtype else torch.empty_like(wide)
    scale = r * gamma
    if bound is None:
        out.copy_(dz)
    else:
        _affine(wide, scale, bound, out)
        torch.ops.aten.threshold_backward.grad_input(dz, out, 0, grad_input=out)  # dy, in the place of y - tau
    dbeta = out.sum(OVER)
    total = dbeta if bound is None else dz.sum(OVER)
    correlation = torch.mul(out, wide, out=scratch).mean(MAP, keepdim=True).mul_(r)
    out.addcmul_(wide, correlation * r, value=-1).mul_(scale)
    if out is not dx:
        dx.copy_(out)
    return correlation, dbeta, total


def _affine(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, out: torch.Tensor) -> None:
    """Writes ``x * scale + shift``, in the way that a CPU does fastest."""
    if x.is_contiguous(memory_format=torch.channels_last):
        torch.addcmul(shift, x, scale, out=out)
    else:  # where two operands stand still along the map, PyTorch's loop over it is not vectorized
        torch.mul(x, scale, out=out).add_(shift)


def _kernels(x: torch.Tensor) -> ModuleType | None:
    """The kernels of `fused`, where there are a GPU and Triton; they know single and half precision, dense maps."""
    if not x.is_cuda or x.dtype == torch.float64 or not x.is_contiguous(memory_format=_format(x)):
        return None
    return _triton()


@functools.cache
def _triton() -> ModuleType | None:
    try:
        from automl_norms import fused
    except ImportError:  # PyTorch for AMD or Windows may come without
        return None
    return fused


def _step(x: torch.Tensor) -> int:
    """Examples that are `CHUNK` numbers; all of them on the meta device, where calls are counted."""
    examples = max(1, len(x))
    return examples if x.is_meta else max(1, CHUNK * examples // max(1, x.numel()))


def _precision(x: torch.Tensor) -> torch.dtype:
    """Of the statistics of x: the square of a half-precision number overflows at 256."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _format(x: torch.Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def _by_channel(parameter: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """Shape ``(channels,)`` as ``(1, channels, 1, 1)``."""
    return _cast(parameter, kind).view(1, -1, 1, 1)


def _cast(tensor: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """A tenth of the time of a call of `torch.Tensor.to`, where there is nothing to do."""
    return tensor if tensor.dtype == kind else tensor.to(kind)
