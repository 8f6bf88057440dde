"""MobileNets, scaled by one dimension or by all."""

from __future__ import annotations

from typing import ClassVar

import pytest
from automl_vision.digits import Digits
from automl_vision.mobilenet import MobileNetV1, MobileNetV2

from automl.testing.spaces import SpaceSuite


class TestMobileNetV1(SpaceSuite):
    part = MobileNetV1()
    data = Digits()
    cheap: ClassVar = {"phi": "-20..-16"}


class TestMobileNetV2(SpaceSuite):
    part = MobileNetV2()
    data = Digits()
    cheap: ClassVar = {"phi": "-20..-16"}


@pytest.mark.parametrize(
    ("space", "parameters", "multiply_adds_g"),
    [(MobileNetV1(), 4_231_976, 0.569), (MobileNetV2(), 3_504_872, 0.300)],
)
def test_baselines_cost_what_was_published(space, parameters, multiply_adds_g, configure, cost, imagenet):
    counted = cost(space, configure(space, imagenet, phi=0), imagenet)
    assert counted[0] == parameters
    assert counted[1] / 1e9 == pytest.approx(multiply_adds_g, rel=0.01)


def test_only_a_network_with_residual_branches_has_stochastic_depth(imagenet):
    def names(space):
        return {dimension.name for dimension in space.dimensions(imagenet)}

    assert names(MobileNetV2()) - names(MobileNetV1()) == {"drop_path_rate"}
