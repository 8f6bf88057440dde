"""The normalizers against the suite, and each against its own paper."""

import warnings

import pytest
import torch
from automl_norms.layers import FilterResponseNorm, group_count
from automl_norms.normalizers import BatchNorm, FilterResponse, GroupNorm
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from automl.testing.normalizers import NormalizerSuite
from automl.training.swap import swap_normalizers


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class TestBatchNorm(NormalizerSuite):
    part = BatchNorm()

    def test_state_dict_is_that_of_torch(self):
        assert BatchNorm().layer(8, nn.SiLU()).state_dict().keys() == nn.BatchNorm2d(8).state_dict().keys()

    def test_hyper_parameters_are_those_of_torch(self):
        layer, torchs = BatchNorm().layer(8, None), nn.BatchNorm2d(8)
        assert (layer.eps, layer.momentum) == (torchs.eps, torchs.momentum)

    def test_cannot_train_on_a_single_value(self):
        with pytest.raises(ValueError, match="more than 1 value"):
            BatchNorm().layer(8, None)(torch.randn(1, 8, 1, 1))


class TestGroupNorm(NormalizerSuite):
    part = GroupNorm()

    def test_trains_on_one_example_of_one_place(self):
        x = torch.randn(1, 8, 1, 1, requires_grad=True)
        (GroupNorm().layer(8, nn.SiLU())(x) * torch.randn_like(x)).sum().backward()
        assert x.grad.any()


@given(st.integers(1, 4096))
def test_groups_are_the_most_that_fit(channels):
    def fits(groups):
        return channels % groups == 0 and groups <= 32 and (groups == 1 or channels // groups >= 8)

    count = group_count(channels)
    assert fits(count)
    assert not any(fits(more) for more in range(count + 1, 33))


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (7, 1), (8, 1), (16, 2), (24, 3), (40, 5), (256, 32)])
def test_groups_by_hand(channels, groups):
    assert group_count(channels) == groups


class TestFilterResponse(NormalizerSuite):
    part = FilterResponse()

    def test_trains_on_one_example_of_one_place(self):
        x = torch.randn(1, 8, 1, 1, requires_grad=True)
        FilterResponse().layer(8, nn.SiLU())(x).sum().backward()
        assert x.grad.any()

    def test_half_precision_does_not_overflow(self):
        out = FilterResponse().layer(1, nn.SiLU())(torch.full((1, 1, 4, 4), 1000.0).half())
        assert torch.equal(out, torch.ones_like(out))

    def test_exports_to_onnx(self, tmp_path):
        pytest.importorskip("onnxscript")
        runtime = pytest.importorskip("onnxruntime")
        path = tmp_path / "frn.onnx"
        model = nn.Sequential(frn(4), nn.AdaptiveAvgPool2d(1), frn(4)).float().eval()
        x = torch.randn(2, 4, 3, 3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model, (x,), path, dynamo=True, verbose=False)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (out,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(out), model(x))


def frn(channels, *, activate=True, seed=0):
    """A layer in float64 whose parameters are all off their initial values."""
    generator = torch.Generator().manual_seed(seed)
    layer = FilterResponseNorm(channels, activate=activate).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64), alpha=0.3)
    return layer


def maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_channel(parameter):
    return parameter.detach().view(1, -1, 1, 1)


def eps_of(layer, x):
    return 1e-6 + layer.eps_l.detach().abs() if x.shape[2:] == (1, 1) else 1e-6


shapes = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))


@settings(deadline=None, max_examples=60)
@given(shape=shapes, activate=st.booleans(), seed=st.integers(0, 2**31))
def test_forward_is_the_formula(shape, activate, seed):
    layer, x = frn(shape[1], activate=activate, seed=seed), maps(*shape, seed=seed)
    nu2 = (x**2).mean((2, 3), keepdim=True)
    y = by_channel(layer.gamma) * x / torch.sqrt(nu2 + eps_of(layer, x)) + by_channel(layer.beta)
    torch.testing.assert_close(layer(x), torch.maximum(y, by_channel(layer.tau)) if activate else y)


@settings(deadline=None, max_examples=60)
@given(shape=shapes, seed=st.integers(0, 2**31))
def test_backward_is_the_formula(shape, seed):
    layer, x, dz = frn(shape[1], seed=seed), maps(*shape, seed=seed).requires_grad_(), maps(*shape, seed=seed + 1)
    layer(x).backward(dz)

    v = x.detach()
    root = torch.sqrt((v**2).mean((2, 3), keepdim=True) + eps_of(layer, v))
    normal = v / root
    passes = by_channel(layer.gamma) * normal + by_channel(layer.beta) > by_channel(layer.tau)
    dy = dz * passes
    g = by_channel(layer.gamma) * dy
    close = {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(x.grad, (g - normal * (g * normal).mean((2, 3), keepdim=True)) / root, **close)
    torch.testing.assert_close(layer.tau.grad, (dz * ~passes).sum((0, 2, 3)), **close)
    torch.testing.assert_close(layer.gamma.grad, (dy * normal).sum((0, 2, 3)), **close)
    torch.testing.assert_close(layer.beta.grad, dy.sum((0, 2, 3)), **close)


def test_starts_as_the_paper_says():
    layer = FilterResponseNorm(3, activate=True)
    assert layer.gamma.tolist() == [1, 1, 1]
    assert layer.beta.tolist() == layer.tau.tolist() == [0, 0, 0]
    assert layer.eps_l.item() == pytest.approx(1e-4)


def test_eps_is_learned_on_maps_of_one_place():
    layer, x = FilterResponseNorm(1, activate=False).double(), torch.full((1, 1, 1, 1), 0.01, dtype=torch.float64)
    assert layer(x).item() == pytest.approx(0.01 / (1e-4 + 1e-6 + 1e-4) ** 0.5, rel=1e-6)
    layer(x).sum().backward()
    assert layer.eps_l.grad.item() < 0, "more eps, less output"
    with torch.no_grad():
        layer.eps_l.neg_()
    assert layer(x).item() == pytest.approx(0.01 / (1e-4 + 1e-6 + 1e-4) ** 0.5, rel=1e-6)


@pytest.mark.parametrize("size", [(1, 2), (2, 1), (3, 3)])
def test_eps_is_fixed_on_larger_maps(size):
    layer, x = FilterResponseNorm(1, activate=False).double(), torch.full((1, 1, *size), 0.001, dtype=torch.float64)
    out = layer(x)
    torch.testing.assert_close(out, torch.full_like(out, 0.001 / (1e-6 + 1e-6) ** 0.5))
    out.sum().backward()
    assert layer.eps_l.grad is None, "an optimizer would move, or decay, what is not in use"


def test_does_not_centre():
    out = FilterResponseNorm(1, activate=False)(torch.full((1, 1, 4, 4), 5.0))
    torch.testing.assert_close(out, torch.ones_like(out))


@given(st.floats(1e-2, 1e3))
def test_scale_of_the_input_does_not_matter(factor):
    layer, x = FilterResponseNorm(3, activate=True).double(), maps(2, 3, 4, 4)
    torch.testing.assert_close(layer(factor * x), layer(x), rtol=1e-2, atol=1e-2)


def test_a_dead_map_has_finite_gradients():
    layer, x = FilterResponseNorm(2, activate=True), torch.zeros(1, 2, 3, 3, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.isfinite().all()


class TestEfficientNet:
    @pytest.fixture
    def build(self):
        timm = pytest.importorskip("timm")

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
