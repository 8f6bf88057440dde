"""A network of the literature against a sum over its layers' shapes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from automl.price.flops import count, multiply_add_flops

torchvision = pytest.importorskip("torchvision")


def products_by_shape(model, side):
    """Multiply-adds of each layer, from the shapes hooks see; and whether its input's gradient is needed."""
    sums = []

    def hook(layer, inputs, output):
        if isinstance(layer, nn.Conv2d):
            taps = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
            sums.append(2 * taps * output[0].numel())
        else:
            sums.append(2 * layer.in_features * layer.out_features)

    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(hook)
    model(torch.zeros(1, 3, side, side, device="meta"))
    return sums


def test_resnet18_forward_and_backward():
    build = torchvision.models.resnet18
    with torch.device("meta"):
        layers = products_by_shape(build().eval(), 224)
    work = count(build, (3, 224, 224))
    assert multiply_add_flops(work.prediction) == sum(layers) == pytest.approx(2 * 1.814e9, rel=1e-3)
    # Each layer three times; but nobody asks for the gradient of the image.
    assert multiply_add_flops(work.training) == 3 * sum(layers) - layers[0]
    assert work.parameters == 11_689_512
    assert work.prediction.uncounted == work.training.uncounted == ()
