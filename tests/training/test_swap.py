"""Batch normalization out, another normalizer in."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from automl.errors import UsageError
from automl.parts import Normalizer
from automl.training.swap import swap_normalizers


class Scale(nn.Module):
    """A stand-in for a normalization; remembers what it was made with."""

    def __init__(self, channels, activation):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.given = activation is not None

    def forward(self, x):
        return x * self.weight.view(1, -1, 1, 1)


class Bringing(Normalizer):
    """Like FRN: brings its own activation."""

    name, summary, brings_activation = "bringing", "for tests", True

    def layer(self, channels, activation):
        return Scale(channels, activation)


class Plain(Normalizer):
    """Like group normalization: the model's activation is applied after it."""

    name, summary = "plain", "for tests"

    def layer(self, channels, activation):
        return nn.Sequential(Scale(channels, activation), activation) if activation else Scale(channels, None)


BRINGING, PLAIN = Bringing(), Plain()
both = pytest.mark.parametrize("normalizer", [BRINGING, PLAIN], ids=["bringing", "plain"])


class NormAct(nn.BatchNorm2d):
    """A norm-act layer as timm has them."""

    def __init__(self, channels, act=None, drop=None):
        super().__init__(channels)
        self.drop, self.act = drop or nn.Identity(), act or nn.Identity()

    def forward(self, x):
        return self.act(self.drop(super().forward(x)))


class Block(nn.Module):
    """A batch normalization whose activation is in the code."""

    def __init__(self, norm=None):
        super().__init__()
        self.bn = norm or nn.BatchNorm2d(4)

    def forward(self, x):
        return torch.relu(self.bn(x))


class TestNormAct:
    @both
    def test_activation_is_handed_over(self, normalizer):
        model = swap_normalizers(Block(NormAct(4, nn.SiLU())), normalizer)
        assert any(isinstance(module, Scale) and module.given for module in model.modules())
        assert any(isinstance(module, nn.SiLU) for module in model.modules()) is not normalizer.brings_activation

    @both
    def test_identity_is_no_activation(self, normalizer):
        model = swap_normalizers(Block(NormAct(4)), normalizer)
        assert isinstance(model.bn, Scale)
        assert not model.bn.given

    def test_drop_stays_between_norm_and_activation(self):
        layer = swap_normalizers(Block(NormAct(4, nn.SiLU(), nn.Dropout2d())), PLAIN).bn
        assert [type(module) for module in layer] == [Scale, nn.Dropout2d, nn.SiLU]

    def test_drop_comes_after_a_normalizer_with_its_own_activation(self):
        layer = swap_normalizers(Block(NormAct(4, nn.SiLU(), nn.Dropout2d())), BRINGING).bn
        assert [type(module) for module in layer] == [Scale, nn.Dropout2d]
        assert layer[0].given


class TestSequential:
    @pytest.mark.parametrize("between", [[], [nn.Identity()]], ids=["next", "after identity"])
    def test_activation_that_follows_is_replaced(self, between):
        model = swap_normalizers(nn.Sequential(nn.BatchNorm2d(4), *between, nn.ReLU()), BRINGING)
        assert model[0].given
        assert all(isinstance(module, nn.Identity) for module in model[1:])

    def test_activation_that_follows_stays(self):
        model = swap_normalizers(nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), PLAIN)
        assert [type(module) for module in model] == [Scale, nn.ReLU]

    def test_only_its_own_activation_is_replaced(self):
        shared = nn.ReLU()
        model = nn.Sequential(shared, nn.BatchNorm2d(4), shared, nn.Conv2d(4, 4, 1), shared)
        swap_normalizers(model, BRINGING)
        assert [type(module) for module in model] == [nn.ReLU, Scale, nn.Identity, nn.Conv2d, nn.ReLU]

    @both
    def test_a_layer_with_weights_shows_that_nothing_activates(self, normalizer):
        model = swap_normalizers(nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.ReLU()), normalizer)
        assert not model[0].given
        assert isinstance(model[2], nn.ReLU)

    def test_activation_after_a_norm_act_layer_without_one(self):
        model = swap_normalizers(nn.Sequential(NormAct(4), nn.ReLU()), BRINGING)
        assert model[0].given
        assert isinstance(model[1], nn.Identity)

    def test_names_are_kept(self):
        layers = OrderedDict(conv=nn.Conv2d(1, 4, 1), norm=nn.BatchNorm2d(4), act=nn.ReLU())
        model = swap_normalizers(nn.Sequential(layers), BRINGING)
        assert [name for name, _ in model.named_children()] == ["conv", "norm", "act"]


class Reversed(nn.Sequential):
    """A Sequential that is none."""

    def forward(self, x):
        for module in reversed(self):
            x = module(x)
        return x


HIDDEN = {
    "in code": Block,
    "end of a sequential": lambda: nn.Sequential(nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4)),
    "before a pool": lambda: nn.Sequential(nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.ReLU()),
    "before somebody's module": lambda: nn.Sequential(nn.BatchNorm2d(4), Block(NormAct(4))),
    "a sequential in another order": lambda: Reversed(nn.BatchNorm2d(4), nn.ReLU()),
}


class TestHidden:
    @pytest.mark.parametrize("build", HIDDEN.values(), ids=HIDDEN.keys())
    def test_normalizer_that_brings_its_own_is_refused(self, build):
        model = build()
        before = [type(module) for module in model.modules()]
        with pytest.raises(UsageError, match="bringing brings its own activation"):
            swap_normalizers(model, BRINGING)
        assert [type(module) for module in model.modules()] == before, "the model is left as it was"

    @pytest.mark.parametrize("build", HIDDEN.values(), ids=HIDDEN.keys())
    def test_others_take_none(self, build):
        model = swap_normalizers(build(), PLAIN)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
        assert not any(module.given for module in model.modules() if isinstance(module, Scale))

    def test_message_says_where(self):
        with pytest.raises(UsageError, match=r"follows model\.body\.bn and 1 more cannot be seen"):
            swap_normalizers(nn.ModuleDict({"body": Block(), "head": Block()}), BRINGING)


@both
def test_new_layers_are_where_the_old_ones_were(normalizer):
    model = Block(NormAct(4, nn.SiLU())).to("meta", torch.float64)
    swap_normalizers(model, normalizer)
    assert [(p.device.type, p.dtype) for p in model.parameters()] == [("meta", torch.float64)]


@both
def test_builds_under_the_meta_device(normalizer):
    with torch.device("meta"):
        model = swap_normalizers(Block(NormAct(4, nn.SiLU())), normalizer)
        assert model(torch.empty(2, 4, 3, 3)).is_meta


def test_a_model_in_evaluation_stays_in_it():
    model = swap_normalizers(Block(NormAct(4, nn.SiLU())).eval(), PLAIN)
    assert not any(module.training for module in model.modules())


def test_batch_norm_without_parameters():
    model = swap_normalizers(Block(nn.BatchNorm2d(4, affine=False, track_running_stats=False)), PLAIN)
    assert isinstance(model.bn, Scale)


def test_a_layer_used_twice_stays_one_layer():
    norm = NormAct(4, nn.SiLU())
    model = swap_normalizers(nn.ModuleList([Block(norm), Block(norm)]), BRINGING)
    assert isinstance(model[0].bn, Scale)
    assert model[0].bn is model[1].bn


def test_the_model_may_be_the_layer():
    assert isinstance(swap_normalizers(NormAct(4, nn.SiLU()), BRINGING), Scale)


@both
def test_other_activations_and_norms_stay(normalizer):
    model = nn.Sequential(nn.GroupNorm(2, 4), nn.ReLU(), nn.BatchNorm1d(4))
    assert swap_normalizers(model, normalizer) is model
    assert [type(module) for module in model] == [nn.GroupNorm, nn.ReLU, nn.BatchNorm1d]
