"""Any architecture of timm by its name."""

from __future__ import annotations

from typing import ClassVar

import optuna
import pytest
import torch
from automl_vision.digits import Digits
from automl_vision.timm_space import OWN, SMALL, Timm

from automl.engine.narrow import NarrowedTrial, parse_narrowing
from automl.errors import UsageError
from automl.testing.spaces import SpaceSuite

SPEC = Digits().spec()


def suggested(**wishes):
    narrowing = parse_narrowing(wishes, Timm().dimensions(SPEC), "timm")
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    return Timm().suggest(NarrowedTrial(trial, narrowing), SPEC)


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
    assert suggested(model="resnet18")["model"] == "resnet18"
    with pytest.raises(UsageError, match="no choice of 'model'"):
        parse_narrowing({"model": "resnet1"}, Timm().dimensions(SPEC), "timm")
    with pytest.raises(UsageError, match="knows no model"):
        Timm().build({"model": "nobody_s_net", "resolution_px": 32}, SPEC)


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("test_resnet", set()),
        ("test_convnext", {"normalizer"}),
        ("repvit_m0_9", {"drop_path_rate"}),
        ("vgg11", {"normalizer", "drop_path_rate"}),
    ],
)
def test_a_model_is_asked_only_for_what_it_has(name, lacks):
    assert {"normalizer", "drop_path_rate"} - suggested(model=name).keys() == lacks
    assert {"optimizer", "learning_rate", "momentum", "weight_decay", "drop_rate"} <= suggested(model=name).keys()


def test_its_normalizer_is_its_own_until_another_is_asked_for():
    assert suggested(model="test_resnet")["normalizer"] == OWN
    config = suggested(model="test_resnet", normalizer="gn", resolution_px="32")
    assert config["normalizer"] == "gn"
    assert "gn" in Timm().describe(config)
    norms = {
        type(module).__name__ for module in Timm().build(config, SPEC).modules() if "Norm" in type(module).__name__
    }
    assert norms == {"GroupNormAct"}


def test_a_normalizer_that_does_not_suit_a_model_is_told():
    config = suggested(model="hrnet_w18_small", normalizer="frn", resolution_px="32")
    with torch.device("meta"), pytest.raises(UsageError, match="frn brings its own activation"):
        Timm().build(config, SPEC)


def test_regularisation_reaches_the_model():
    config = suggested(model="test_resnet", drop_rate="0.25", drop_path_rate="0.5", resolution_px="32")
    model = Timm().build(config, SPEC)[1]
    assert model.drop_rate == 0.25
    assert max(m.drop_prob for m in model.modules() if type(m).__name__ == "DropPath") == 0.5


def test_configs_of_old_studies_build_what_they_did():
    import timm

    models = []
    for build in (
        lambda: Timm().build({"model": "test_resnet", "resolution_px": 32}, SPEC)[1],
        lambda: timm.create_model("test_resnet", in_chans=1, num_classes=10),
    ):
        torch.manual_seed(0)
        models.append(build().state_dict())
    assert models[0].keys() == models[1].keys()
    assert all(torch.equal(models[0][key], models[1][key]) for key in models[0])
