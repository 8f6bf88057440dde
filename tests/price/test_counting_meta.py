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


def looks(results: tuple[torch.Tensor | None, ...]) -> list[object]:
    return [None if r is None else (r.shape, r.stride(), r.dtype, r.device) for r in results]


def agrees(operator: torch._ops.OpOverload, *args: object) -> None:
    short = shortcut(Call(operator, args, {}, None))
    assert short is not None
    assert looks(short) == looks(operator(*args))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 5), (2, 8, 4, 4), (3, 8, 1, 1)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape: tuple[int, ...], training: bool, dtype: torch.dtype) -> None:
    x, c = tensor(*shape, dtype=dtype), tensor(8, dtype=dtype)
    for one in (x, x.to(memory_format=torch.channels_last)) if len(shape) == 4 else (x,):
        agrees(aten.native_batch_norm.default, one, c, c, c, c, training, 0.1, 1e-5)
        for mask in MASKS:
            agrees(aten.native_batch_norm_backward.default, one, one, c, c, c, c, c, training, 1e-5, list(mask))


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


def test_what_it_leaves_to_pytorch() -> None:
    x, c = tensor(2, 8, 4, 4), tensor(8)
    apart, half, real = x.to(memory_format=torch.channels_last), x.half(), torch.ones(2, 8)
    left = (
        (aten.native_layer_norm.default, (x, [4], None, None, 1e-5)),
        (aten.native_batch_norm.default, (half, c, c, c, c, True, 0.1, 1e-5)),
        (aten.native_batch_norm.default, (real, *[torch.ones(8)] * 4, True, 0.1, 1e-5)),
        (aten.native_group_norm.default, (apart, c, c, 2, 8, 16, 4, 1e-5)),
        (aten.native_batch_norm_backward.default, (apart, x, *[c] * 5, True, 1e-5, [True] * 3)),
    )
    for operator, args in left:
        assert shortcut(Call(operator, args, {}, None)) is None
