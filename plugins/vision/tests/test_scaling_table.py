"""Other baselines under scaling, counted beside what the paper says (Tan & Le 2019, tables 3 and 7; docs/spaces.md)."""

from __future__ import annotations

import pytest
from automl_vision.efficientnet import EfficientNet
from automl_vision.mobilenet import MobileNetV1, MobileNetV2
from automl_vision.resnet import ResNet

D4, W2, R2 = {"base_depth": 4}, {"base_width": 2}, {"base_px": 448}
COMPOUND = {"base_depth": 1.4, "base_width": 1.2, "base_px": 291}
AT_288 = {**COMPOUND, "base_px": 288}

TABLE = [
    (MobileNetV1, W2, 2.2, 2.216), (MobileNetV1, R2, 2.2, 2.272), (MobileNetV1, COMPOUND, 2.3, 2.470),
    (MobileNetV2, D4, 1.2, 1.220), (MobileNetV2, W2, 1.1, 1.137), (MobileNetV2, R2, 1.2, 1.199),
    (MobileNetV2, AT_288, 1.3, 1.284),
    (ResNet, {}, 4.1, 4.089), (ResNet, W2, 14.7, 16.117), (ResNet, R2, 16.4, 16.351), (ResNet, COMPOUND, 16.7, 15.946),
    (EfficientNet, COMPOUND, 1.8, 1.800),
]  # fmt: skip
"""Space, scale, billions of multiply-adds as published and as counted."""

UNCLEAR = [
    (MobileNetV2, COMPOUND, 1.3, 1.442),
    (ResNet, D4, 16.2, 14.571),
    (EfficientNet, D4, 1.8, 1.575), (EfficientNet, W2, 1.8, 1.450), (EfficientNet, R2, 1.9, 1.538),
]  # fmt: skip
"""Where the count is over 10% off, and docs/spaces.md says what is known."""


@pytest.mark.parametrize(("space", "scale", "published", "counted"), TABLE)
def test_scaled_baselines_cost_what_was_published(space, scale, published, counted, configure, cost, imagenet):
    multiply_adds = cost(space(), configure(space(), imagenet, phi=0, **scale), imagenet)[1] / 1e9
    assert multiply_adds == pytest.approx(published, rel=0.10)
    assert multiply_adds == pytest.approx(counted, abs=0.001)


@pytest.mark.parametrize(("space", "scale", "published", "counted"), UNCLEAR)
def test_where_the_paper_is_unclear_the_documented_count_stands(
    space, scale, published, counted, configure, cost, imagenet
):
    multiply_adds = cost(space(), configure(space(), imagenet, phi=0, **scale), imagenet)[1] / 1e9
    assert multiply_adds != pytest.approx(published, rel=0.10)
    assert multiply_adds == pytest.approx(counted, abs=0.001)
