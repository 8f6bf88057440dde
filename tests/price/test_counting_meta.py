"""Shortcuts on the meta device against what PyTorch itself returns there."""

from __future__ import annotations

import itertools

import pytest
import torch

from automl.price.counting.call import Call
from automl.price.counting.meta import shortcut

aten = torch.ops.aten
MASKS = list(itertools.product((True, False), repeat=3))


def tensor(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def steps(x: torch.Tensor) -> list[int]:
    """Its strides where they mean something."""
    return [stride for size, stride in zip(x.shape, x.stride(), strict=True) if size > 1]


def looks(results: torch.Tensor | tuple[torch.Tensor | None, ...]) -> list[object]:
    results = (results,) if isinstance(results, torch.Tensor) else results
    return [None if r is None else (r.shape, steps(r), r.dtype, r.device) for r in results]


def agrees(operator: torch._ops.OpOverload, *args: object, **kwargs: object) -> None:
    short = shortcut(Call(operator, args, kwargs, None))
    assert short is not None
    assert looks(short) == looks(operator(*args, **kwargs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 5), (2, 8, 4, 4), (3, 8, 1, 1)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape: tuple[int, ...], training: bool, dtype: torch.dtype) -> None:
    x, c = tensor(*shape, dtype=dtype), tensor(8, dtype=dtype)
    formats = (x, x.to(memory_format=torch.channels_last)) if len(shape) == 4 else (x,)
    for one, gradient in itertools.product(formats, formats):
        agrees(aten.native_batch_norm.default, one, c, c, c, c, training, 0.1, 1e-5)
        for mask in MASKS:
            agrees(aten.native_batch_norm_backward.default, gradient, one, c, c, c, c, c, training, 1e-5, list(mask))
    spread = tensor(*shape[:2], *[1] * len(shape[2:]), dtype=dtype).expand(shape)
    agrees(aten.native_batch_norm_backward.default, spread, x, c, c, c, c, c, training, 1e-5, [True] * 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(2, 8, 5), (2, 8, 4, 4), (3, 8, 1, 1)])
def test_group_norm(shape: tuple[int, ...], affine: bool, dtype: torch.dtype) -> None:
    x, c = tensor(*shape, dtype=dtype), tensor(8, dtype=dtype) if affine else None
    sizes = (shape[0], 8, x[0, 0].numel(), 4)
    agrees(aten.native_group_norm.default, x, c, c, *sizes, 1e-5)
    kept = tensor(shape[0], 4, dtype=dtype)
    for mask in MASKS:
        agrees(aten.native_group_norm_backward.default, x, x, kept, kept, c, *sizes, [mask[0], *[affine] * 2])


@pytest.mark.parametrize("operator", [aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor])
@pytest.mark.parametrize("other", [(2, 8, 4, 4), (8, 1, 1), (4,), (1,), (), (3, 2, 8, 4, 4)])
def test_elementwise(operator: torch._ops.OpOverload, other: tuple[int, ...]) -> None:
    agrees(operator, tensor(2, 8, 4, 4), tensor(*other))
    agrees(operator, tensor(*other), tensor(2, 8, 4, 4))
    agrees(operator, tensor(*other), 2)
    agrees(operator, tensor(*other), 0.5)


@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 4, 4), (3, 1, 1, 1)])
def test_sigmoid_and_means(shape: tuple[int, ...]) -> None:
    x = tensor(*shape)
    agrees(aten.sigmoid.default, x)
    agrees(aten.sigmoid_backward.default, x, x)
    agrees(aten.add.Tensor, x, x, alpha=2)
    for axes, keep in itertools.product(([0], [-1], [0, -1], list(range(len(shape)))), (True, False)):
        agrees(aten.mean.dim, x, axes, keep)


def test_what_it_leaves_to_pytorch() -> None:
    x, c = tensor(2, 8, 4, 4), tensor(8)
    apart, half, real = x.to(memory_format=torch.channels_last), x.half(), torch.ones(2, 8)
    left = (
        (aten.native_layer_norm.default, (x, [4], None, None, 1e-5)),
        (aten.native_batch_norm.default, (half, c, c, c, c, True, 0.1, 1e-5)),
        (aten.native_batch_norm.default, (real, *[torch.ones(8)] * 4, True, 0.1, 1e-5)),
        (aten.native_group_norm.default, (apart, c, c, 2, 8, 16, 4, 1e-5)),
        (aten.native_batch_norm_backward.default, (x[:1, :1].expand_as(x), apart, *[c] * 5, True, 1e-5, [True] * 3)),
    )
    other = (
        (aten.add.Tensor, (x, apart)),
        (aten.add.Tensor, (x, x.double())),
        (aten.mul.Tensor, (x, 1j)),
        (aten.add.Tensor, (x.int(), 0.5)),
        (aten.mean.dim, (x, None)),
        (aten.mean.dim, (apart, [1])),
        (aten.add_.Tensor, (x, x)),
    )
    assert shortcut(Call(aten.mean.dim, (x, [1]), {"dtype": torch.float64}, None)) is None
    assert shortcut(Call(aten.add.out, (x, x), {"out": x}, None)) is None
    for operator, args in (*left, *other):
        assert shortcut(Call(operator, args, {}, None)) is None
