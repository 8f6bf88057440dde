from __future__ import annotations

import itertools

import pytest
import torch
from automl_vision import depthwise, depthwise_gradient
from automl_vision.depthwise import DepthwiseConv2d, PointwiseConv2d, SiLU, quicken
from automl_vision.depthwise_gradient import by_blocks, by_taps, way
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from automl.price.flops import count, multiply_add_flops

SIDES = st.integers(1, 9)
STRIDES = st.tuples(st.integers(1, 3), st.integers(1, 3))
ODD = st.sampled_from([1, 3, 5, 7])
DEPTHWISE = {"batch": st.integers(1, 5), "size": st.tuples(SIDES, SIDES), "stride": STRIDES}


def maps(batch, channels, *size):
    """The same numbers for the same shape, in double precision, channels last in memory."""
    numbers = torch.randn(batch, channels, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return numbers.contiguous(memory_format=torch.channels_last).requires_grad_()


def plain_and_quick(*args, **kwargs):
    plain = nn.Conv2d(*args, **kwargs).double()
    quick = quicken(nn.Sequential(nn.Conv2d(*args, **kwargs))).double()[0]
    quick.load_state_dict(plain.state_dict(), strict=True)
    return plain, quick.to(memory_format=torch.channels_last)


def assert_same(plain, quick, x, **tolerance):
    """Outputs and all gradients."""
    outputs = [conv(x) for conv in (plain, quick)]
    torch.testing.assert_close(*outputs, **tolerance)
    slope = torch.randn(outputs[0].shape, dtype=x.dtype, generator=torch.Generator().manual_seed(2))
    gradients = [
        torch.autograd.grad(output, [x, *conv.parameters()], slope)
        for output, conv in zip(outputs, (plain, quick), strict=True)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, **tolerance)


@pytest.mark.parametrize("chosen", ["taps", "blocks"])
@given(**DEPTHWISE, kernel=st.tuples(ODD, ODD), bias=st.booleans())
@settings(max_examples=60, deadline=None)
def test_gradients_are_the_convolutions_in_double_precision(chosen, batch, size, stride, kernel, bias):
    kernel = (5, 5) if chosen == "blocks" else kernel
    half = tuple(side // 2 for side in kernel)
    plain, quick = plain_and_quick(3, 3, kernel, stride, half, groups=3, bias=bias)
    assert type(quick) is DepthwiseConv2d
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(depthwise, "way", lambda *_: chosen)
        patch.setattr(depthwise_gradient, "CANVAS", 3 * 7 * 7 * 2)  # two images at a time: the last may be alone
        assert_same(plain, quick, maps(batch, 3, *size))


@given(**DEPTHWISE, kernel=st.tuples(ODD, ODD))
@settings(max_examples=30, deadline=None)
def test_sums_by_tap_are_the_definition(batch, size, stride, kernel):
    x = maps(batch, 2, *size).detach()
    out = [(side - 1) // step + 1 for side, step in zip(size, stride, strict=True)]
    slope = maps(batch, 2, *out).detach()
    padded = nn.functional.pad(x, (kernel[1] // 2,) * 2 + (kernel[0] // 2,) * 2)
    found = by_taps(x, slope, kernel, stride)
    for row, column in itertools.product(*map(range, kernel)):
        met = padded[:, :, row :: stride[0], column :: stride[1]][:, :, : out[0], : out[1]]
        torch.testing.assert_close(found[:, 0, row, column], (met * slope).sum((0, 2, 3)))


@given(size=st.integers(1, 5), out=st.integers(1, 9), bias=st.booleans(), channels_last=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_pointwise_convolution_is_the_convolution(size, out, bias, channels_last):
    plain, quick = plain_and_quick(6, out, 1, bias=bias)
    assert type(quick) is PointwiseConv2d
    x = maps(4, 6, size, size)
    assert_same(plain, quick, x if channels_last else x.detach().contiguous().requires_grad_())


# 32-bit, at sizes of the default search for which the rule leaves the library.
@pytest.mark.parametrize(("channels", "kernel", "side", "stride"), [(96, 3, 2, 2), (96, 5, 3, 2), (192, 5, 3, 1)])
def test_the_numbers_of_a_training_agree_to_one_in_a_hundred_thousand(channels, kernel, side, stride):
    assert way((128, channels, side, side), (kernel, kernel), (stride, stride)) == "taps"
    torch.manual_seed(0)
    plain, quick = plain_and_quick(channels, channels, kernel, stride, kernel // 2, groups=channels)
    x = maps(128, channels, side, side).detach().float().requires_grad_()
    assert_same(plain.float(), quick.float(), x, rtol=1e-5, atol=1e-4)


def test_gradients_of_large_maps_are_found_by_blocks_in_parts():
    shape = (4, 64, 48, 48)
    assert way(shape, (5, 5), (1, 1)) == "blocks"
    x, slope = (maps(*shape).detach().float() for _ in range(2))
    torch.testing.assert_close(by_blocks(x, slope, (1, 1)), by_taps(x, slope, (5, 5), (1, 1)), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize(
    ("shape", "kernel", "stride"),
    [((128, 96, 8, 8), 3, 1), ((128, 96, 4, 4), 3, 2), ((8, 96, 4, 4), 5, 1), ((128, 8, 4, 4), 5, 1)],
    ids=["3x3", "3x3 with stride", "few images", "few channels"],
)
def test_where_the_library_is_fast_it_is_left_alone(shape, kernel, stride):
    assert way(shape, (kernel, kernel), (stride, stride)) == "library"


def test_the_same_gradients_each_time_byte_for_byte():
    torch.manual_seed(0)
    _, quick = plain_and_quick(96, 96, 5, 1, 2, groups=96)
    x = maps(32, 96, 4, 4)
    first, second = (torch.autograd.grad(quick(x).square().sum(), [x, quick.weight]) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("mode", ["evaluation", "autocast", "meta"])
def test_elsewhere_they_are_plain_convolutions(mode, monkeypatch):
    monkeypatch.setattr(depthwise._Depthwise, "apply", None)
    monkeypatch.setattr(nn.functional, "linear", None)
    model = quicken(nn.Sequential(nn.Conv2d(96, 96, 5, 1, 2, groups=96), nn.Conv2d(96, 8, 1)))
    assert [type(module) for module in model] == [DepthwiseConv2d, PointwiseConv2d]
    x = torch.rand(128, 96, 3, 3).contiguous(memory_format=torch.channels_last)
    if mode == "meta":
        model, x = model.to("meta"), x.to("meta")
    model.train(mode != "evaluation")
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mode == "autocast"):
        assert model(x).shape == (128, 8, 3, 3)


def test_pointwise_convolutions_cost_what_they_cost_as_convolutions():
    def build(change):
        return lambda: change(nn.Sequential(nn.Conv2d(6, 4, 1)))

    quick, plain = (count(build(change), (6, 1, 1)) for change in (quicken, lambda model: model))
    assert quick.training.by_operator == plain.training.by_operator
    assert multiply_add_flops(quick.prediction) == 2 * 6 * 4


def test_other_convolutions_are_no_pointwise_ones():
    others = [nn.Conv2d(4, 8, 1, 2), nn.Conv2d(4, 8, 1, padding=1), nn.Conv2d(4, 8, 1, groups=2), nn.Conv2d(4, 8, 3)]
    assert all(type(module) is nn.Conv2d for module in quicken(nn.Sequential(*others)))


@pytest.mark.parametrize("training", [True, False])
def test_silu_in_place_keeps_its_input_in_training_alone(training):
    model = quicken(nn.Sequential(nn.SiLU(inplace=True))).train(training)
    assert type(model[0]) is SiLU
    x = torch.tensor([-1.0, 2.0])
    y = model(x)
    torch.testing.assert_close(y, nn.functional.silu(torch.tensor([-1.0, 2.0])))
    assert (y is x) is not training
