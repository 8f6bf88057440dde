"""What the tests of several spaces share."""

from __future__ import annotations

import optuna
import pytest
import torch

from automl.engine.narrow import NarrowedTrial, parse_narrowing, starting_point
from automl.parts import DataSpec
from automl.price.flops import count_call, multiply_add_flops


@pytest.fixture
def imagenet():
    """The shape of ImageNet, without its data."""
    return DataSpec(
        "imagenet", "image-classification", (3, 224, 224), tuple(map(str, range(1000))), 9, 9, 9,
        (0.5, 0.5, 0.5), (0.2, 0.2, 0.2),
    )  # fmt: skip


@pytest.fixture
def configure():
    """Makes the config of a space's defaults and some wishes, as ``--set`` would."""

    def make(space, spec, **wishes):
        dimensions = space.dimensions(spec)
        narrowing = parse_narrowing({name: str(value) for name, value in wishes.items()}, dimensions, space.name)
        trial = optuna.trial.FixedTrial(starting_point({}, dimensions, narrowing))
        return space.suggest(NarrowedTrial(trial, narrowing), spec)

    return make


@pytest.fixture
def cost():
    """Counts parameters and multiply-adds of an image, in the model's own size so that no resizing is counted."""

    def make(space, config, spec):
        side = config["resolution_px"]
        with torch.device("meta"):
            model = space.build(config, spec).eval()
            images = torch.zeros(1, spec.input_shape[0], side, side)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        return parameters, multiply_add_flops(count_call(lambda: model(images))) / 2

    return make
