"""Filter response normalization against its paper, and what its autograd function promises."""

import copy

import pytest
import torch
from automl_norms import response
from automl_norms.frn import FilterResponseNorm
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from automl.price.flops import count_call


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


def test_half_precision_does_not_overflow():
    out = FilterResponseNorm(1, activate=True)(torch.full((1, 1, 4, 4), 1000.0).half())
    assert torch.equal(out, torch.ones_like(out))


formats = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["first", "last"])


@settings(deadline=None, max_examples=40)
@given(shape=shapes, activate=st.booleans(), chunk=st.integers(1, 60), seed=st.integers(0, 2**31))
def test_examples_in_groups_give_the_same(shape, activate, chunk, seed):
    def gradients(chunk):
        layer, x = frn(shape[1], activate=activate, seed=seed), maps(*shape, seed=seed).requires_grad_()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(response, "CHUNK", chunk)
            out = layer(x)
            out.backward(maps(*shape, seed=seed + 1))
        return [out, x.grad, *(p.grad for p in layer.parameters() if p.grad is not None)]

    for some, whole in zip(gradients(chunk), gradients(1 << 30), strict=True):
        torch.testing.assert_close(some, whole, rtol=1e-12, atol=1e-12)


@formats
@pytest.mark.parametrize("learns", [False, True], ids=["fixed eps", "learned eps"])
def test_gradients_in_groups_and_both_layouts(layout, learns, monkeypatch):
    monkeypatch.setattr(response, "CHUNK", 30)
    layer, size = frn(3), (1, 1) if learns else (3, 3)
    x = maps(4, 3, *size).requires_grad_()
    eps = layer.eps_l.detach().abs().add(0.1).requires_grad_() if learns else 1e-6

    def apply(x, *parameters):
        return response.FilterResponse.apply(x.contiguous(memory_format=layout), *parameters, eps)

    assert torch.autograd.gradcheck(apply, (x, layer.gamma, layer.beta, layer.tau))
    if learns:
        rest = x, layer.gamma, layer.beta, layer.tau
        assert torch.autograd.gradcheck(lambda eps: response.FilterResponse.apply(*rest, eps), (eps,))


@formats
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keeps_the_input_and_one_number_a_map(layout, dtype):
    layer, kept = FilterResponseNorm(6, activate=True), []
    x = maps(4, 6, 5, 7).to(dtype).contiguous(memory_format=layout).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        out = layer(x)
    parameters = {parameter.data_ptr() for parameter in layer.parameters()}
    mine = [t for t in kept if t.data_ptr() not in parameters]
    assert sum(t.data_ptr() == x.data_ptr() for t in mine) == 1
    assert sum(t.numel() for t in mine) == x.numel() + x.numel() // 35
    assert out.is_contiguous(memory_format=layout)
    out.sum().backward()
    assert x.grad.is_contiguous(memory_format=layout)


@formats
def test_a_gradient_in_the_other_layout(layout):
    other = torch.channels_last if layout == torch.contiguous_format else torch.contiguous_format
    layer, x, dz = frn(3), maps(2, 3, 4, 5).requires_grad_(), maps(2, 3, 4, 5, seed=1)
    (wanted,) = torch.autograd.grad(layer(x), x, dz)
    (got,) = torch.autograd.grad(layer(x.contiguous(memory_format=layout)), x, dz.contiguous(memory_format=other))
    torch.testing.assert_close(got, wanted)


def test_statistics_of_half_precision_are_single():
    x = maps(2, 4, 32, 32).to(torch.bfloat16)
    layer = FilterResponseNorm(4, activate=True)
    torch.testing.assert_close(layer(x), layer(x.float()).to(torch.bfloat16), rtol=0, atol=0)
    gradients = []
    for kind in (torch.bfloat16, torch.float32):
        v = x.detach().to(kind, copy=True).requires_grad_()
        layer(v).square().sum().backward()
        gradients.append(v.grad.float())
    torch.testing.assert_close(*gradients, rtol=2e-2, atol=2e-2)


def test_under_autocast_it_takes_and_gives_what_a_convolution_gives():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), FilterResponseNorm(4, activate=True))
    with torch.autocast("cpu", torch.bfloat16):
        out = model(torch.randn(2, 3, 8, 8))
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert all(p.grad.dtype == torch.float32 for name, p in model.named_parameters() if not name.endswith("eps_l"))


def test_plain_operators_give_the_same():
    for size in ((3, 4), (1, 1)):
        layer, x = frn(5), maps(2, 5, *size)
        arguments = x, layer.gamma, layer.beta, layer.tau, eps_of(layer, x)
        torch.testing.assert_close(response.plain(*arguments), layer(x), rtol=1e-12, atol=1e-12)


def test_second_derivatives_are_refused():
    x = maps(2, 3, 4, 4).requires_grad_()
    with pytest.raises(RuntimeError, match="cannot be differentiated once more"):
        torch.autograd.grad(frn(3)(x).sum(), x, create_graph=True)


def test_can_be_copied():
    layer, x = frn(3), maps(2, 3, 4, 4)
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))


@pytest.mark.parametrize("activate", [True, False])
def test_counted_is_what_is_computed(activate):
    """Square, add; multiply, add; compare: then again, with product, add, two multiply-adds and the sums of dy, dz."""

    def step(device):
        layer = FilterResponseNorm(8, activate=activate, learns_eps=False).to(device)
        x = torch.zeros(2, 8, 16, 16, device=device, requires_grad=True)
        return count_call(lambda: layer(x).backward(torch.ones_like(x)))

    on_meta, real = step("meta"), step("cpu")
    assert on_meta.uncounted == ()
    assert on_meta.flops == real.flops
    elements = 2 * 8 * 16 * 16
    each = 4 + 7 if not activate else 5 + 11
    assert each * elements < on_meta.flops < (each + 0.1) * elements


@pytest.mark.parametrize("learns", [True, False])
def test_eps_is_there_where_it_is_asked_for(learns):
    layer = FilterResponseNorm(2, activate=True, learns_eps=learns)
    assert ("eps_l" in layer.state_dict()) is learns
    assert layer(torch.ones(1, 2, 1, 1))[0, 0].item() == pytest.approx((1 + 1e-6 + 1e-4 * learns) ** -0.5, rel=1e-6)
