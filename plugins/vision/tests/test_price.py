"""The counter against the published figures of EfficientNet (Tan & Le 2019, table 2)."""

from __future__ import annotations

import pytest
import timm
import torch

from automl.price.flops import count, count_call, multiply_add_flops

PUBLISHED = {
    "b0": (224, 5.3, 0.39),
    "b1": (240, 7.8, 0.70),
    "b2": (260, 9.2, 1.0),
    "b3": (300, 12, 1.8),
    "b4": (380, 19, 4.2),
    "b5": (456, 30, 9.9),
    "b6": (528, 43, 19),
    "b7": (600, 66, 37),
}
"""Resolution in pixels, millions of parameters, billions of multiply-adds."""


@pytest.mark.parametrize("size", PUBLISHED)
def test_efficientnets_cost_what_was_published(size):
    resolution_px, parameters_m, multiply_adds_g = PUBLISHED[size]
    with torch.device("meta"):
        model = timm.create_model(f"tf_efficientnet_{size}").eval()
        image = torch.zeros(1, 3, resolution_px, resolution_px)
    counted = count_call(lambda: model(image))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters / 1e6 == pytest.approx(parameters_m, rel=0.02)
    assert multiply_add_flops(counted) / 2e9 == pytest.approx(multiply_adds_g, rel=0.05)
    assert counted.uncounted == ()


def test_training_an_efficientnet_is_counted_without_gaps():
    work = count(lambda: timm.create_model("tf_efficientnet_b0"), (3, 224, 224))
    assert work.parameters == 5_288_548
    # Without the gradient of the image, a little less than three times.
    assert 2.9 < multiply_add_flops(work.training) / multiply_add_flops(work.prediction) < 3
    assert work.prediction.uncounted == work.training.uncounted == ()
