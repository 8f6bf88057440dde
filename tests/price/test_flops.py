from __future__ import annotations

import pytest
import torch
from torch import nn

from automl.price.flops import count


def test_a_linear_layer_by_hand():
    work = count(lambda: nn.Linear(5, 3), (5,))
    assert work.prediction_flops == 2 * 5 * 3
    assert work.parameters == 5 * 3 + 3
    # The backward pass makes the weight's gradient; the input wants none, so its gradient is not computed.
    assert work.training_flops == 2 * (2 * 5 * 3)


def test_a_convolution_by_hand():
    work = count(lambda: nn.Conv2d(3, 8, 3, padding=1, bias=False), (3, 10, 10))
    assert work.prediction_flops == 2 * 3 * 8 * 9 * 100


def test_a_depthwise_convolution_counts_its_own_channel_alone():
    work = count(lambda: nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), (8, 10, 10))
    assert work.prediction_flops == 2 * 8 * 9 * 100


def test_what_fused_paths_would_hide_is_counted():
    """On CPU tensors without gradients this layer counts as nothing."""
    work = count(lambda: nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), (16, 64))
    projections = 16 * (4 * 64 * 64 + 2 * 64 * 128)
    attention = 2 * 16 * 16 * 64
    assert work.prediction_flops == pytest.approx(2 * (projections + attention), rel=0.01)


def test_nothing_is_allocated():
    seen = []

    def build():
        model = nn.Linear(100_000, 100_000)
        seen.append(model.weight.device.type)
        return model

    assert count(build, (100_000,)).parameters == 100_000 * 100_001
    assert seen == ["meta"]


def test_batch_normalization_on_a_single_pixel_can_be_counted():
    assert count(lambda: nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4)), (1, 3, 3)).training_flops > 0


def test_tags_say_how():
    work = count(lambda: nn.Linear(5, 3), (5,))
    tag = work.training(10)
    assert tag["flops"].value == 10 * work.training_flops
    assert tag["flops"].method == "counted"
    assert work.prediction()["flops"].value == 30
    assert torch.get_default_device().type == "cpu"
