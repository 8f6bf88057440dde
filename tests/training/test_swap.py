"""Batch normalization out, another normalizer in."""

import copy
import io
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional

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
        model = swap_normalizers(nn.Sequential(NormAct(4), nn.Conv2d(4, 4, 1)), normalizer)
        assert isinstance(model[0], Scale)
        assert not model[0].given

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


class Residual(nn.Module):
    """As torchvision's: one ReLU for two places, one of them after the sum."""

    def __init__(self, *, adds_in_place=False):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.adds_in_place = adds_in_place

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.adds_in_place:
            out += x
        else:
            out = out + x
        return self.relu(out)


class Around(nn.Module):
    """Its activation follows the batch normalization at the end of what it holds."""

    def __init__(self):
        super().__init__()
        self.body, self.act = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)), nn.ReLU()

    def forward(self, x, scale=None):
        x = self.body(x)
        if scale is not None:
            x = x * scale
        return self.act(x)


class Optional(nn.Module):
    """Its code depends on whether an argument is given."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x, scale=None):
        x = torch.relu(self.bn(x))
        return x if scale is None else x * scale


class Calling(nn.Module):
    """Calls a module with some arguments."""

    def __init__(self, inner, **given):
        super().__init__()
        self.inner, self.given = inner, given

    def forward(self, x):
        return self.inner(x, **self.given)


class Both(nn.Module):
    """The result before the activation is used too."""

    def __init__(self):
        super().__init__()
        self.bn, self.act = nn.BatchNorm2d(4), nn.ReLU()

    def forward(self, x):
        x = self.bn(x)
        return x + self.act(x)


class Gate(nn.Module):
    """Batch normalization before a sigmoid that weighs maps."""

    def __init__(self):
        super().__init__()
        self.bn, self.gate = nn.BatchNorm2d(4), nn.Sigmoid()

    def forward(self, x):
        return x * self.gate(self.bn(x))


class Listed(nn.Module):
    """Its layers sit in a list."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4), nn.ReLU()])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class ByData(nn.Module):
    """Its code depends on the numbers it is given."""

    def __init__(self, norm=None):
        super().__init__()
        self.bn = norm or nn.BatchNorm2d(4)

    def forward(self, x):
        return torch.relu(self.bn(x)) if x.mean() > 0 else self.bn(x)


def scales(model):
    return [module for module in model.modules() if isinstance(module, Scale)]


X = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))


def without_norms(model):
    """What `model` computes when its normalizations do nothing and their activations are there."""
    reference = copy.deepcopy(model)
    for norm in reference.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 0.0
    return reference.eval()(X)


class ActingScale(Scale):
    """Brings a ReLU."""

    def forward(self, x):
        return torch.relu(super().forward(x)) if self.given else super().forward(x)


class Acting(Bringing):
    """A ReLU as the normalizer's own: a model swapped right computes what it did before."""

    def layer(self, channels, activation):
        return ActingScale(channels, activation)


class TestFlow:
    @pytest.mark.parametrize(
        ("build", "given"),
        [
            (Block, [True]),
            (Residual, [True, False]),
            (lambda: Residual(adds_in_place=True), [True, False]),
            (lambda: nn.Sequential(Residual(), nn.Conv2d(4, 4, 1), Residual()), [True, False, True, False]),
            (Around, [True]),
            (lambda: nn.Sequential(Around(), Around()), [True, True]),
            (Both, [False]),
            (Gate, [False]),
            (Listed, [True, True]),
            (lambda: Reversed(nn.ReLU(), nn.BatchNorm2d(4)), [True]),
            (lambda: Reversed(nn.BatchNorm2d(4), nn.ReLU()), [False]),
            (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)), [False]),
            (lambda: nn.Sequential(nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.ReLU()), [False]),
            (lambda: nn.Sequential(nn.BatchNorm2d(4), nn.Dropout(), nn.ReLU()), [True]),
            (lambda: nn.Sequential(nn.BatchNorm2d(4), Block(nn.Conv2d(4, 4, 1))), [False]),
        ],
    )
    def test_an_activation_is_replaced_where_it_alone_follows(self, build, given):
        torch.manual_seed(0)
        model = build()
        before = without_norms(model)
        swapped = swap_normalizers(model, Acting()).eval()
        assert [scale.given for scale in scales(swapped)] == given
        torch.testing.assert_close(swapped(X), before)

    def test_what_is_written_anew_keeps_its_parameters_and_can_be_copied_and_saved(self):
        model = nn.Sequential(Residual(), Residual())
        names = {name for name, _ in model.named_parameters() if "bn" not in name}
        swapped = swap_normalizers(model, Acting())
        assert swapped is model
        assert {name for name, _ in swapped.named_parameters() if "bn" not in name} == names
        assert torch.equal(copy.deepcopy(swapped)(X), swapped(X))
        file = io.BytesIO()
        torch.save(swapped, file)
        assert torch.equal(torch.load(io.BytesIO(file.getvalue()), weights_only=False)(X), swapped(X))

    @pytest.mark.parametrize("given", [{}, {"scale": -2.0}])
    def test_code_is_followed_as_it_is_called(self, given):
        model = swap_normalizers(Calling(Around(), **given), Acting())
        assert [scale.given for scale in scales(model)] == [not given], "a product stands between"
        model = swap_normalizers(Calling(Optional(), **given), Acting())
        assert [scale.given for scale in scales(model)] == [True]
        torch.testing.assert_close(model(X), torch.relu(X) * given.get("scale", 1))

    def test_code_that_is_called_in_two_ways_is_refused(self):
        inner = Optional()
        with pytest.raises(UsageError, match="called with more arguments here and fewer there"):
            swap_normalizers(nn.Sequential(Calling(inner), Calling(inner, scale=2.0)), Acting())

    def test_an_activation_with_parameters_that_is_shared_goes_nowhere(self):
        shared = nn.PReLU()
        model = swap_normalizers(nn.Sequential(nn.BatchNorm2d(4), shared, nn.Conv2d(4, 4, 1), shared), Acting())
        assert [scale.given for scale in scales(model)] == [True]
        assert list(model.parameters())[-1] is shared.weight
        model(X)

    def test_other_normalizers_change_no_code(self):
        model = nn.Sequential(Residual())
        swap_normalizers(model, PLAIN)
        assert type(model[0]) is Residual
        assert not any(scale.given for scale in scales(model))


class TestHidden:
    def test_normalizer_that_brings_its_own_is_refused(self):
        model = nn.Sequential(ByData(), nn.ReLU())
        before = [type(module) for module in model.modules()]
        with pytest.raises(UsageError, match="bringing brings its own activation"):
            swap_normalizers(model, BRINGING)
        assert [type(module) for module in model.modules()] == before, "the model is left as it was"

    def test_others_take_none(self):
        model = swap_normalizers(ByData(), PLAIN)
        assert [scale.given for scale in scales(model)] == [False]

    def test_a_norm_act_layer_says_itself(self):
        assert [scale.given for scale in scales(swap_normalizers(ByData(NormAct(4, nn.SiLU())), BRINGING))] == [True]
        assert [scale.given for scale in scales(swap_normalizers(ByData(NormAct(4)), BRINGING))] == [False]

    def test_message_says_where(self):
        with pytest.raises(UsageError, match=r"follows model\.body\.bn and 1 more cannot be seen: the code of ByData"):
            swap_normalizers(nn.ModuleDict({"body": ByData(), "head": ByData()}), BRINGING)


class TestMapSizes:
    @pytest.fixture
    def told(self, monkeypatch):
        told = []
        monkeypatch.setattr(Plain, "layer_at", lambda _, channels, act, size: told.append(size) or Scale(channels, act))
        monkeypatch.setattr(Plain, "layer", lambda _, channels, act: told.append(None) or Scale(channels, act))
        return told

    def test_layers_are_told_the_size_of_their_map(self, told):
        model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4)).train()
        swap_normalizers(model, PLAIN, (3, 9, 7))
        assert told == [(9, 7), (4, 3)]
        assert model.training

    def test_without_a_shape_they_are_not(self, told):
        swap_normalizers(nn.BatchNorm2d(3), PLAIN)
        assert told == [None]

    def test_maps_of_several_sizes_have_none(self, told):
        norm = nn.BatchNorm2d(3)
        swap_normalizers(nn.Sequential(norm, nn.MaxPool2d(2), norm), PLAIN, (3, 4, 4))
        assert told == [None]

    def test_a_wrong_shape_is_said_and_changes_nothing(self, told):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
        with pytest.raises(UsageError, match=r"does not run on examples of shape \(1, 8, 8\)"):
            swap_normalizers(model, PLAIN, (1, 8, 8))
        assert isinstance(model[1], nn.BatchNorm2d)
        assert model.training
        assert not model[1]._forward_pre_hooks
        assert not told

    def test_the_model_is_not_run_for_a_normalizer_that_asks_nothing(self):
        model = swap_normalizers(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), PLAIN, (1, 8, 8))
        assert not isinstance(model[1], nn.BatchNorm2d)


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


class Dropping(nn.Module):
    """Calls its activation in code that goes another way in evaluation."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        return functional.dropout(torch.relu(self.bn(x)), 0.5, self.training)


class Counting(Dropping):
    """Changes its own state."""

    def __init__(self):
        super().__init__()
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, x):
        self.steps.add_(1)
        return torch.relu(self.bn(x))


class Given(Dropping):
    """Has a default that is no plain value."""

    def forward(self, x, sizes=(1, 2)):
        return torch.relu(self.bn(x)) + len(sizes)


class Idle(Dropping):
    """Holds a layer that it does not call."""

    def __init__(self):
        super().__init__()
        self.spare = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return torch.relu(self.bn(x))


class OneByOne(nn.Module):
    """Takes a sequence for a list."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x):
        out = 0
        for layer in self.layers:
            x = layer(x)
            out = out + x
        return out


@pytest.mark.parametrize("made", [Dropping, Counting, Given, Idle])
def test_code_that_would_not_stay_itself_is_not_written_anew(made):
    model = nn.Sequential(nn.BatchNorm2d(4), made())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(UsageError, match=f"{made.__name__} "):
        swap_normalizers(model, BRINGING)
    assert isinstance(model[0], nn.BatchNorm2d)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_hooks_are_not_lost():
    model = nn.Sequential(Idle())
    model[0].register_forward_hook(lambda *_: None)
    with pytest.raises(UsageError, match="hooks"):
        swap_normalizers(model, BRINGING)


def test_a_sequence_whose_layers_are_called_one_by_one():
    assert [scale.given for scale in scales(swap_normalizers(OneByOne(), BRINGING))] == [False]
