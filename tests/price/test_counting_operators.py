"""Prices of single operators, and of normalizers in their place."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from automl.price.counting.table import FORMULAS, MULTIPLY_ADDS
from automl.price.flops import count, count_call

X = torch.zeros(2, 3, 8, 8, device="meta")
N = X.numel()


def flops(function):
    counted = count_call(function)
    assert counted.uncounted == ()
    return counted.flops


@pytest.mark.parametrize(
    ("function", "each"),
    [
        (lambda: X + X, 1),
        (lambda: torch.add(X, X, alpha=2), 2),
        (lambda: X.add_(1.0), 1),
        (X.relu, 1),
        (X.sigmoid, 4),
        (lambda: functional.silu(X), 5),
        (lambda: functional.gelu(X), 5),
        (lambda: functional.gelu(X, approximate="tanh"), 9),
        (lambda: functional.leaky_relu(X), 2),
        (lambda: X.clamp(0, 1), 2),
        (lambda: X.clamp(min=0), 1),
        (lambda: torch.lerp(X, X, 0.5), 3),
        (lambda: X > 0, 1),
        (lambda: X.softmax(1), 5),
        (X.sum, 1),
        (lambda: X.amax(1), 1),
        (lambda: functional.dropout(X, 0.5), 2),
        (lambda: X.sort(dim=-1), math.log2(8)),
        (X.clone, 0),
        (lambda: torch.cat([X, X]), 0),
        (lambda: torch.rand_like(X), 0),
        (lambda: torch._foreach_mul([X, X], 2.0), 2),
        (lambda: torch._foreach_add_([X, X], [X, X], alpha=2), 4),
        (lambda: X.long() + 1, 0),
        (lambda: functional.interpolate(X, scale_factor=2), 0),
        (lambda: functional.interpolate(X, scale_factor=2, mode="bilinear"), 4 * 8),
        (lambda: functional.interpolate(X, scale_factor=2, mode="bicubic"), 4 * 32),
        (lambda: functional.max_pool2d(X, 2), 1),
        (lambda: functional.avg_pool2d(X, (2, 4)), 1),
        (lambda: functional.adaptive_avg_pool2d(X, 4), 1),
        (lambda: functional.mse_loss(X, X), 3),
        (lambda: functional.layer_norm(X, (8, 8)), 5),
    ],
)
def test_flops_an_element(function, each):
    assert flops(function) == each * N


def test_means_divide_once_and_windows_may_overlap():
    assert flops(lambda: X.mean((2, 3))) == N + 6
    assert flops(lambda: functional.adaptive_avg_pool2d(X, 3)) == 6 * (3 + 4 + 3) ** 2


def test_views_cost_nothing_and_are_no_calls():
    def views():
        return X.view(6, 64).t().unsqueeze(0).expand(4, -1, -1)[0].detach()

    counted = count_call(views)
    assert (counted.flops, counted.moved_bytes, counted.profile, counted.activation_bytes) == (0, 0, (), 0)


def test_bytes_read_and_written():
    size = 4 * N
    assert count_call(lambda: X + X[:, :1]).moved_bytes == 2 * size + size / 3
    assert count_call(lambda: X.add_(1.0)).moved_bytes == 2 * size
    assert count_call(lambda: X.copy_(X.new_empty(X.shape))).moved_bytes == 2 * size
    assert count_call(lambda: torch.zeros_like(X)).moved_bytes == size
    one = torch.zeros(1, device="meta")
    assert count_call(lambda: X * one.expand(X.shape)).moved_bytes == 2 * size + 4


@pytest.mark.parametrize(
    ("layers", "price"),
    [
        (lambda: [nn.BatchNorm2d(8)], 0),
        (lambda: [nn.Tanh(), nn.BatchNorm2d(8)], 2),
        (lambda: [nn.GroupNorm(2, 8)], 7),
        (lambda: [nn.GroupNorm(2, 8, affine=False)], 5),
        (lambda: [nn.LayerNorm([8, 6, 6])], 7),
        (lambda: [nn.InstanceNorm2d(8)], 5),
    ],
    ids=["batch after convolution", "batch after tanh", "group", "group, plain", "layer", "instance"],
)
def test_prices_of_normalizers_at_inference(layers, price):
    def prediction(more):
        return count(lambda: nn.Sequential(nn.Conv2d(3, 8, 3), *more()), (3, 8, 8)).prediction

    before = prediction(lambda: layers()[:-1])
    after = prediction(layers)
    assert after.flops - before.flops == price * 8 * 36
    if not price:
        assert after.moved_bytes == before.moved_bytes
        assert after.activation_bytes == before.activation_bytes


def test_filter_response_normalization_has_a_price_at_inference():
    class FilterResponse(nn.Module):
        """Singh & Krishnan 2020: ``max(gamma x / sqrt(mean(x x) + eps) + beta, tau)``."""

        def __init__(self):
            super().__init__()
            self.gamma, self.beta, self.tau = (nn.Parameter(torch.ones(1, 8, 1, 1)) for _ in range(3))

        def forward(self, x):
            scale = torch.rsqrt(x.square().mean((2, 3), keepdim=True) + 1e-6)
            return torch.maximum(self.gamma * (x * scale) + self.beta, self.tau)

    counted = count(FilterResponse, (8, 6, 6)).prediction
    assert counted.flops == (1 + 1 + 4) * 8 * 36 + 3 * 8


def test_batch_normalization_is_not_folded_while_training():
    work = count(lambda: nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)), (3, 8, 8))
    assert work.training.by_operator["native_batch_norm"] == 7 * 8 * 36
    assert work.training.by_operator["native_batch_norm_backward"] == 13 * 8 * 36
    assert "native_batch_norm" not in work.prediction.by_operator


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_every_input_lies_in_a_window(size, parts):
    x = torch.zeros(1, 1, size, 1, device="meta")
    assert flops(lambda: torch.ops.aten._adaptive_avg_pool2d(x, [parts, 1])) >= max(size, parts)


def test_multiply_adds_are_booked_under_names_that_exist():
    for name in MULTIPLY_ADDS:
        assert name in FORMULAS or hasattr(torch.ops.aten, name)


def test_every_name_in_the_tables_is_an_operator():
    """A misspelt name would leave its operator without a price."""
    assert sorted(name for name in FORMULAS if not _exists(name)) == []


def _exists(name):
    return any(hasattr(torch.ops.aten, name + end) for end in ("", "_")) or name.startswith("mkldnn")


def test_a_training_before_changes_no_count():
    """Lightning switches deterministic algorithms on for the whole process."""
    before = flops(lambda: functional.interpolate(X, scale_factor=2, mode="bilinear"))
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    try:
        assert flops(lambda: functional.interpolate(X, scale_factor=2, mode="bilinear")) == before
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(mode=False)
