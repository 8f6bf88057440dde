"""Any architecture of timm by its name."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from automl_vision.digits import Digits
from automl_vision.timm_space import SMALL, Timm

from automl.engine.narrow import NarrowedTrial, parse_narrowing
from automl.errors import UsageError
from automl.testing.spaces import SpaceSuite

SPEC = Digits().spec()


class TestTimm(SpaceSuite):
    part = Timm()
    data = Digits()
    cheap: ClassVar = {"model": "lcnet_050", "resolution_px": "32"}


@pytest.mark.parametrize("name", SMALL)
def test_what_is_searched_takes_thumbnails(name):
    model = Timm().build({"model": name, "resolution_px": 32}, SPEC).eval()
    with torch.no_grad():
        assert model(torch.rand(2, *SPEC.input_shape)).shape == (2, 10)


def test_a_name_of_timm_s_is_known_with_its_own_resolution():
    config, spec = Timm().named("tf_efficientnet_b3")
    assert (config["resolution_px"], spec.input_shape) == (300, (3, 300, 300))
    assert Timm().named("resnet18", resolution_px=64)[1].input_shape == (3, 64, 64)
    assert Timm().named("nobody_s_net") is None


def test_by_its_name_alone_a_model_is_timm_s_own():
    import timm

    with torch.device("meta"):
        ours = Timm().build(*Timm().named("resnet18"))
        theirs = timm.create_model("resnet18")
    assert ours.state_dict().keys() == theirs.state_dict().keys()


def test_a_model_of_patches_takes_another_resolution():
    config, spec = Timm().named("vit_tiny_patch16_224", resolution_px=96)
    with torch.device("meta"):
        assert Timm().build(config, spec)(torch.rand(1, 3, 96, 96)).shape == (1, 1000)


def test_other_names_can_be_asked_for_and_unknown_ones_are_told():
    narrowing = parse_narrowing({"model": "resnet18"}, Timm().dimensions(SPEC), "timm")
    import optuna

    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    assert Timm().suggest(NarrowedTrial(trial, narrowing), SPEC)["model"] == "resnet18"
    with pytest.raises(UsageError, match="no choice of 'model'"):
        parse_narrowing({"model": "resnet1"}, Timm().dimensions(SPEC), "timm")
    with pytest.raises(UsageError, match="knows no model"):
        Timm().build({"model": "nobody_s_net", "resolution_px": 32}, SPEC)
