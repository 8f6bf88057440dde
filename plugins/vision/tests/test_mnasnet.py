"""MnasNet's block space, whose default is MobileNetV2."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from automl_vision.digits import Digits
from automl_vision.mnasnet import MnasNet, halvings
from automl_vision.mnasnet_model import PooledSkip
from automl_vision.mobilenet import MobileNetV2
from torch import nn

from automl.testing.spaces import SpaceSuite

DIGITS = Digits().spec()


class TestMnasNet(SpaceSuite):
    part = MnasNet()
    data = Digits()
    may_lack_gradient = ("eps_l",)  # of frn, where maps are larger than one pixel
    cheap: ClassVar = {"base_width": "0.1", "base_depth": "0.5", "drop_path_rate": "0.1"}


def test_the_default_is_mobilenetv2(configure, cost, imagenet):
    config = configure(MnasNet(), imagenet)
    expected = cost(MobileNetV2(), configure(MobileNetV2(), imagenet, phi=0), imagenet)
    assert cost(MnasNet(), config, imagenet) == expected
    assert expected[0] == 3_504_872


def test_what_an_operator_has_no_use_for_is_not_asked(configure):
    ops = {f"block{n}_op": op for n, op in enumerate(["conv", "sepconv", "mbconv"], start=1)}
    config = configure(MnasNet(), DIGITS, **ops)
    assert {name for name in config if name.startswith("block1_")} == {
        f"block1_{name}" for name in ("op", "kernel", "skip", "filters", "layers")
    }
    assert "block2_se" in config
    assert "block2_expansion" not in config
    assert "block3_expansion" in config


def test_a_block_is_what_it_is_told_to_be(configure):
    wishes = {
        "block3_op": "mbconv", "block3_kernel": 5, "block3_expansion": 3, "block3_se": 0.25, "block3_skip": "none",
        "block3_filters": 1.25, "block3_layers": 1, "block4_op": "conv", "block5_op": "sepconv", "block5_layers": -1,
    }  # fmt: skip
    network = MnasNet().build(configure(MnasNet(), DIGITS, base_width=1, **wishes), DIGITS)[1]
    third, fourth, fifth = network.blocks[2:5]
    assert len(third) == 4
    assert third[1].conv_dw.kernel_size == (5, 5)
    assert third[1].conv_pw.out_channels == 3 * 40 == 3 * third[1].conv_pwl.out_channels
    assert not third[1].has_skip
    assert type(third[1].se).__name__ == "SqueezeExcite"
    assert {type(layer).__name__ for layer in fourth} == {"ConvBnAct"}
    assert [layer.has_skip for layer in fourth] == [False, True, True, True]
    assert {type(layer).__name__ for layer in fifth} == {"DepthwiseSeparableConv"}
    assert len(fifth) == 2


@pytest.mark.parametrize(("channels", "stride"), [(6, 1), (9, 2), (4, 1)])
def test_a_skip_by_pooling_adds_the_average_of_nine_pixels(channels, stride):
    layer = nn.Conv2d(6, channels, 5, stride, 2)
    layer.drop_path = nn.Identity()
    x = torch.rand(2, 6, 7, 7)
    added = PooledSkip(layer, stride)(x) - layer(x)
    seen = slice(stride - 1, stride + 2)
    torch.testing.assert_close(added[:, 0, 1, 1], x[:, 0, seen, seen].mean((1, 2)))
    assert (added[:, 6:] == 0).all()


@pytest.mark.parametrize(("resolution_px", "last_px"), [(224, 7), (64, 4), (32, 4), (28, 7), (8, 4), (4, 4)])
def test_small_images_are_halved_less_often(resolution_px, last_px, configure):
    config = configure(MnasNet(), DIGITS, base_px=resolution_px)
    network = MnasNet().build(config, DIGITS)[1].eval()
    assert network.forward_features(torch.rand(1, 1, resolution_px, resolution_px)).shape[-1] == last_px
    assert resolution_px / 2 ** halvings(resolution_px) == last_px


def test_landmarks_reach_from_the_cheapest_to_mobilenetv2(configure, cost):
    landmarks = MnasNet().landmarks(DIGITS)
    costs = [cost(MnasNet(), configure(MnasNet(), DIGITS, **landmark), DIGITS)[1] for landmark in landmarks]
    assert costs == sorted(costs)
    assert costs[-1] > 8 * costs[0]


def test_a_block_has_the_paper_s_choices(imagenet):
    block = [d for d in MnasNet().dimensions(imagenet) if d.name.startswith("block4_")]
    assert {d.name.removeprefix("block4_"): set(d.choices) for d in block} == {
        "op": {"conv", "sepconv", "mbconv"}, "kernel": {3, 5}, "expansion": {3, 6}, "se": {0, 0.25},
        "skip": {"pool", "identity", "none"}, "filters": {0.75, 1, 1.25}, "layers": {0, 1, -1},
    }  # fmt: skip
