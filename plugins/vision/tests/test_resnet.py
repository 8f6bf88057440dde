"""ResNets: the published networks, their second version, and small ones for thumbnails."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from automl_vision.digits import Digits
from automl_vision.resnet import ResNet
from torch import nn

from automl.testing.spaces import SpaceSuite

DIGITS = Digits().spec()


class TestThumbnails(SpaceSuite):
    part = ResNet()
    data = Digits()
    may_lack_gradient = ("eps_l",)  # of frn, where maps are larger than one pixel
    cheap: ClassVar = {"phi": "-8..-6"}


class TestSecondVersion(SpaceSuite):
    part = ResNet()
    data = Digits()
    may_lack_gradient = ("eps_l",)  # of frn, where maps are larger than one pixel
    cheap: ClassVar = {"phi": "-8..-6", "preactivation": "True", "baseline": "resnet50", "drop_path_rate": "0.1"}


@pytest.mark.parametrize(
    ("baseline", "version", "parameters", "multiply_adds_g"),
    [
        ("resnet18", 1, 11_689_512, 1.81),
        ("resnet34", 1, 21_797_672, 3.66),
        ("resnet50", 1, 25_557_032, 4.09),
        ("resnet101", 1, 44_549_160, 7.8),
        ("resnet50", 2, 25_549_352, 4.09),
    ],
)
def test_baselines_are_those_of_torchvision_and_timm(
    baseline, version, parameters, multiply_adds_g, configure, cost, imagenet
):
    config = configure(ResNet(), imagenet, phi=0, baseline=baseline, preactivation=version == 2)
    counted = cost(ResNet(), config, imagenet)
    assert counted[0] == parameters
    assert counted[1] / 1e9 == pytest.approx(multiply_adds_g, rel=0.01)


def test_resnet20_of_thumbnails_is_the_paper_s(configure, cost, imagenet):
    """0.27 M parameters and 41 M multiply-adds at 32 pixels (He et al. 2016, table 6)."""
    config = configure(ResNet(), imagenet, phi=0, baseline="resnet20", stem="3x3", base_px=32)
    parameters, multiply_adds = cost(ResNet(), config, imagenet)
    assert parameters - 65 * 990 == pytest.approx(0.27e6, rel=0.02)  # without 990 of 1,000 classes
    assert multiply_adds == pytest.approx(41e6, rel=0.02)


def test_a_small_second_version_is_within_reach(configure):
    config = configure(ResNet(), DIGITS, phi=0, base_width=0.5, base_depth=0.333, preactivation=True)
    network = ResNet().build(config, DIGITS)[1]
    assert [stage.blocks[-1].conv2.out_channels for stage in network.stages] == [8, 16, 32]
    assert [len(stage.blocks) for stage in network.stages] == [1, 1, 1]
    assert (network.stem[0].kernel_size, network.stem[0].stride) == ((3, 3), (1, 1))


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("baseline", ["resnet20", "resnet50"])
def test_frn_replaces_every_activation_but_those_after_a_sum(baseline, preactivation, configure):
    from automl_norms.frn import FilterResponseNorm

    config = configure(ResNet(), DIGITS, phi=-8, baseline=baseline, preactivation=preactivation, normalizer="frn")
    network = ResNet().build(config, DIGITS)[1]
    assert not [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    activations = [m for m in network.modules() if isinstance(m, nn.ReLU)]
    blocks = sum(len(stage.blocks) for stage in network.stages)
    assert len(activations) == (0 if preactivation else blocks)
    linear = [m for m in network.modules() if isinstance(m, FilterResponseNorm) and m.tau is None]
    projections = sum(type(m).__name__ == "DownsampleConv" for m in network.modules())
    assert len(linear) == (0 if preactivation else blocks + projections)


def test_a_block_whose_branch_is_nothing_passes_its_input_on(configure):
    network = ResNet().build(configure(ResNet(), DIGITS, phi=0), DIGITS)[1]
    block = network.stages[0].blocks[0]
    nn.init.zeros_(block.norm2.weight)
    x = torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(block(x), x.relu())
