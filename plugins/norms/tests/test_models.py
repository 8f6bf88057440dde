"""Normalizers swapped in timm's and torchvision's models."""

import copy

import pytest
import torch
from automl_norms.frn import FilterResponseNorm
from automl_norms.normalizers import BatchNorm, FilterResponse, GroupNorm
from torch import nn

from automl.parts import Normalizer
from automl.training.flow import is_activation
from automl.training.swap import swap_normalizers

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def torchvisions(name):
    return getattr(torchvision.models, name)()


def layers(model):
    return [module for module in model.modules() if isinstance(module, FilterResponseNorm)]


def activations(model):
    return sum(is_activation(module) for module in model.modules())


FAMILIES = {  # layers, with TLU, activations left: after sums, in squeeze-and-excitation, without normalization
    "efficientnet_b0": (49, 33, 16),
    "resnet18": (20, 9, 8),
    "resnet50": (53, 33, 16),
    "resnetv2_50": (49, 49, 0),
    "mobilenetv2_100": (52, 35, 0),
    "mobilenetv3_small_100": (34, 23, 10),
    "regnety_004": (53, 33, 32),
    "densenet121": (121, 121, 0),
    "repvgg_a0": (61, 0, 22),
    "dla34": (37, 21, 12),
    "convnext_atto": (0, 0, 12),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_batch_normalization_goes_and_no_activation_is_doubled_or_lost(name):
    count, activated, left = FAMILIES[name]
    with torch.device("meta"):
        model = timm.create_model(name)
        assert swap_normalizers(model, FilterResponse(), (3, 64, 64)) is model
        assert model(torch.empty(2, 3, 64, 64)).shape == (2, 1000)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert len(layers(model)) == count
    assert sum(layer.tau is not None for layer in layers(model)) == activated
    assert activations(model) == left


@pytest.mark.parametrize(
    ("name", "count", "activated", "left"),
    [("resnet18", 20, 9, 8), ("mobilenet_v2", 52, 35, 0), ("densenet121", 121, 121, 0)],
)
def test_torchvision(name, count, activated, left):
    with torch.device("meta"):
        model = swap_normalizers(torchvisions(name), FilterResponse())
        assert model(torch.empty(2, 3, 64, 64)).shape == (2, 1000)
    assert len(layers(model)) == count
    assert sum(layer.tau is not None for layer in layers(model)) == activated
    assert activations(model) == left


class Same(Normalizer):
    """Batch normalization again, with the activation that was there: models swapped right compute what they did."""

    name, summary, brings_activation = "same", "for tests", True

    def layer(self, channels, activation):
        return nn.Sequential(nn.BatchNorm2d(channels), copy.deepcopy(activation) or nn.Identity())


@pytest.mark.parametrize(
    "build",
    [
        lambda: timm.create_model("efficientnet_b0"),
        lambda: timm.create_model("resnet18", act_layer=nn.SiLU),
        lambda: timm.create_model("resnetv2_50", act_layer=nn.SiLU),
        lambda: timm.create_model("mobilenetv3_small_050"),
        lambda: timm.create_model("regnetx_002", act_layer=nn.SiLU),
        lambda: timm.create_model("repvgg_a0", act_layer=nn.SiLU),
        lambda: torchvisions("resnet18"),
        lambda: torchvisions("mobilenet_v3_small"),
    ],
    ids=["efficientnet", "resnet", "resnetv2", "mobilenetv3", "regnet", "repvgg", "resnet-tv", "mobilenetv3-tv"],
)
def test_sums_and_activations_are_where_they_were(build):
    torch.manual_seed(0)
    model = build().double().eval()
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_parameters()
            norm.eps = 1e-5
    # A doubled ReLU would go unseen: it does nothing to what has passed one.
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if isinstance(child, nn.ReLU):
                setattr(parent, name, bent := nn.SiLU())
                bent.eval()
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    before = model(x)
    after = swap_normalizers(model, Same())
    torch.testing.assert_close(after(x), before)


@pytest.mark.parametrize("px", [32, 64])
def test_eps_is_learned_on_maps_of_one_place_only(px):
    with torch.device("meta"):
        model = swap_normalizers(timm.create_model("efficientnet_b0"), FilterResponse(), (3, px, px))
        sizes = {}
        for layer in layers(model):
            layer.register_forward_pre_hook(lambda module, inputs: sizes.update({module: inputs[0].shape[2:]}))
        model(torch.empty(1, 3, px, px))
    assert [layer.eps_l is not None for layer in sizes] == [size == (1, 1) for size in sizes.values()]
    assert len(sizes) == 49
    assert any(layer.eps_l is not None for layer in sizes) is (px == 32)


class TestEfficientNet:
    @pytest.fixture
    def build(self):
        def build(part=None, **options):
            model = timm.create_model("efficientnet_b0", **options)
            return model if part is None else swap_normalizers(model, part)

        return build

    def test_frn_takes_the_place_of_norms_and_their_activations(self, build):
        with torch.device("meta"):
            model, timms = build(FilterResponse()), build(norm_layer="frntlu")
        layers = [module for module in model.modules() if isinstance(module, FilterResponseNorm)]
        assert len(layers) == 49
        assert sum(layer.tau is not None for layer in layers) == 33, "16 projections are linear"
        assert [name for name, module in model.named_modules() if isinstance(module, nn.SiLU)] == [
            name for name, module in timms.named_modules() if isinstance(module, nn.SiLU)
        ]
        assert sum(isinstance(module, nn.SiLU) for module in model.modules()) == 16, "in squeeze-and-excitation"
        assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())

    def test_parameters_of_frn(self, build):
        with torch.device("meta"):
            ours, timms = (
                sum(p.numel() for p in m.parameters()) for m in (build(FilterResponse()), build(norm_layer="frntlu"))
            )
        assert timms == 5_307_748
        assert ours == timms + 49, "one learned eps a layer, which timm has not"

    def test_bn_changes_nothing(self, build):
        torch.manual_seed(0)
        original = build(num_classes=3)
        swapped = build(BatchNorm(), num_classes=3)
        swapped.load_state_dict(original.state_dict())
        x = torch.randn(2, 3, 64, 64)
        for mode in (True, False):
            assert torch.equal(swapped.train(mode)(x), original.train(mode)(x))

    @pytest.mark.parametrize("part", [GroupNorm(), FilterResponse()], ids=["gn", "frn"])
    def test_trains_on_one_example(self, build, part):
        model = build(part, num_classes=3).to(memory_format=torch.channels_last)
        model(torch.randn(1, 3, 32, 32)).sum().backward()
        idle = [name for name, p in model.named_parameters() if p.grad is None and not name.endswith("eps_l")]
        assert not idle
