"""Each normalizer against the formula of its paper."""

import pytest
import torch
from automl_norms.batch import BatchRenormAct
from automl_norms.evonorm import EvoNormB0, EvoNormS0
from automl_norms.group import group_count
from automl_norms.normalizers import InstanceNorm, LayerNorm, Unnormalized
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

seeds = st.integers(0, 2**31)


def maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moved(layer, seed=0):
    """The layer in float64, its parameters off their initial values."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.double().parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64), alpha=0.3)
    return layer


def by_channel(values):
    return values.detach().view(1, -1, 1, 1)


@pytest.mark.parametrize(
    ("part", "axes", "normal"),
    [(LayerNorm(), (1, 2, 3), lambda x: nn.functional.layer_norm(x, x.shape[1:])), (InstanceNorm(), (2, 3), None)],
    ids=["ln", "in"],
)
def test_statistics_of_layer_and_instance(part, axes, normal):
    layer, x = moved(part.layer(6, None)), maps(3, 6, 4, 5)
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    wanted = (x - mean) / torch.sqrt(variance + 1e-5)
    torch.testing.assert_close(layer(x), wanted * by_channel(layer.weight) + by_channel(layer.bias))
    torch.testing.assert_close(wanted, (normal or nn.functional.instance_norm)(x))


def test_instance_normalization_leaves_nothing_of_one_place():
    layer = moved(InstanceNorm().layer(4, None))
    torch.testing.assert_close(layer(maps(1, 4, 1, 1)), by_channel(layer.bias))


def test_without_normalization_a_residual_keeps_its_input():
    x = torch.full((1, 1, 2, 2), -1.0)
    activation = nn.ReLU(inplace=True)
    layer = Unnormalized().layer(1, activation)
    assert torch.equal(x + layer(x), x)
    assert activation.inplace, "the model's own is left alone"


class TestBatchRenorm:
    def test_in_the_beginning_it_is_batch_normalization(self):
        layer, plain = moved(BatchRenormAct(5, None)), nn.BatchNorm2d(5, momentum=0.01).double()
        plain.load_state_dict(layer.state_dict())
        x = maps(4, 5, 3, 3)
        for step in range(3):
            plain.momentum = 10 / (step + 10)
            torch.testing.assert_close(layer(x + step), plain(x + step))
        torch.testing.assert_close(layer.state_dict(), plain.state_dict())
        torch.testing.assert_close(layer.eval()(x), plain.eval()(x))

    @settings(deadline=None, max_examples=40)
    @given(steps=st.integers(0, 1200), seed=seeds)
    def test_is_the_formula(self, steps, seed):
        layer, x = moved(BatchRenormAct(3, None), seed), 3 * maps(4, 3, 2, 2, seed=seed) + 1
        layer.num_batches_tracked.fill_(steps)
        layer.running_mean.copy_(maps(3, seed=seed))
        layer.running_var.copy_(maps(3, seed=seed).exp())
        most_r = min(max(1 + 2 * (steps - 100) / 700, 1), 3)
        most_d = min(max(5 * (steps - 100) / 400, 0), 5)
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        root, averages = torch.sqrt(variance + 1e-5), torch.sqrt(layer.running_var + 1e-5)
        r = (root / averages).clamp(1 / most_r, most_r)
        d = ((mean - layer.running_mean) / averages).clamp(-most_d, most_d)
        normal = (x - by_channel(mean)) / by_channel(root) * by_channel(r) + by_channel(d)
        wanted = normal * by_channel(layer.weight) + by_channel(layer.bias)
        torch.testing.assert_close(layer(x), wanted, rtol=1e-5, atol=1e-5)  # the bounds are single precision
        assert layer.num_batches_tracked == steps + 1

    def test_within_the_bounds_training_is_evaluation(self):
        layer, x = moved(BatchRenormAct(3, None)), maps(4, 3, 5, 5)
        layer.num_batches_tracked.fill_(10_000)
        layer.running_mean.copy_(x.mean((0, 2, 3)) + 0.5)
        layer.running_var.copy_(x.var((0, 2, 3)) * 2)
        wanted = layer.eval()(x)
        torch.testing.assert_close(layer.train()(x), wanted)

    def test_no_gradient_goes_through_the_corrections(self):
        layer, x, dy = moved(BatchRenormAct(3, None)), maps(4, 3, 2, 2).requires_grad_(), maps(4, 3, 2, 2, seed=1)
        layer.num_batches_tracked.fill_(10_000)
        layer.running_var.fill_(0.3)
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
        root = torch.sqrt(variance + 1e-5)
        r = (root.detach() / (0.3 + 1e-5) ** 0.5).clamp(1 / 3, 3)
        (wanted,) = torch.autograd.grad((x - mean) / root * r * by_channel(layer.weight), x, dy)
        (got,) = torch.autograd.grad(layer(x), x, dy)
        torch.testing.assert_close(got, wanted)

    def test_a_training_goes_on_where_it_stopped(self):
        first = moved(BatchRenormAct(3, None))
        for step in range(300):
            first(maps(4, 3, 2, 2, seed=step))
        second = BatchRenormAct(3, None).double()
        second.load_state_dict(first.state_dict())
        assert torch.equal(first(maps(4, 3, 2, 2)), second(maps(4, 3, 2, 2)))

    def test_in_the_end_averages_move_by_a_hundredth(self):
        layer, x = moved(BatchRenormAct(3, None)), maps(4, 3, 5, 5)
        layer.num_batches_tracked.fill_(5_000)
        before = layer.running_mean.clone()
        layer(x)
        torch.testing.assert_close(layer.running_mean, before.lerp(x.mean((0, 2, 3)), 0.01), rtol=1e-6, atol=1e-6)

    def test_cannot_train_on_a_single_value(self):
        with pytest.raises(ValueError, match="no variance"):
            BatchRenormAct(8, None)(torch.randn(1, 8, 1, 1))


class TestEvoNorm:
    @settings(deadline=None, max_examples=30)
    @given(shape=st.tuples(st.integers(2, 4), st.integers(1, 20), st.integers(1, 4), st.integers(1, 4)), seed=seeds)
    def test_b0_is_the_formula(self, shape, seed):
        layer, x = moved(EvoNormB0(shape[1], activate=True), seed), maps(*shape, seed=seed)
        of_batch = torch.sqrt(x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5)
        of_map = torch.sqrt(x.var((2, 3), correction=0, keepdim=True) + 1e-5)

        def formula(of_batch):
            normal = x / torch.maximum(of_batch, by_channel(layer.v) * x + of_map)
            return normal * by_channel(layer.gamma) + by_channel(layer.beta)

        torch.testing.assert_close(layer(x), formula(of_batch))
        average = torch.sqrt(x.var((0, 2, 3), keepdim=True) + 1e-5)
        torch.testing.assert_close(layer.eval()(x), formula(average), msg="after one step the average is that batch's")

    def test_the_average_of_b0_is_even_and_then_moves_by_a_tenth(self):
        layer, wanted = EvoNormB0(2, activate=True).double(), torch.zeros(2, dtype=torch.float64)
        for step in range(1, 25):
            x = step * maps(4, 2, 3, 3, seed=step)
            layer(x)
            wanted += (x.var((0, 2, 3)) - wanted) * max(1 / step, 0.1)
        torch.testing.assert_close(layer.running_var, wanted)

    def test_b0_takes_a_single_value(self):
        layer = EvoNormB0(3, activate=True)
        assert layer(torch.randn(1, 3, 1, 1)).isfinite().all()
        assert torch.equal(layer.running_var, torch.zeros(3))

    @settings(deadline=None, max_examples=30)
    @given(
        shape=st.tuples(st.integers(1, 3), st.sampled_from([1, 5, 16, 24]), st.integers(1, 4), st.integers(1, 4)),
        seed=seeds,
    )
    def test_s0_is_the_formula(self, shape, seed):
        layer, x = moved(EvoNormS0(shape[1], activate=True), seed), maps(*shape, seed=seed)
        grouped = x.reshape(shape[0], group_count(shape[1]), -1)
        root = torch.sqrt(grouped.var(2, correction=0, keepdim=True) + 1e-5).expand_as(grouped).reshape(shape)
        wanted = x * torch.sigmoid(by_channel(layer.v) * x) / root * by_channel(layer.gamma) + by_channel(layer.beta)
        torch.testing.assert_close(layer(x), wanted)

    @pytest.mark.parametrize("kind", [EvoNormB0, EvoNormS0])
    def test_without_activation_it_scales_and_shifts(self, kind):
        layer, x = moved(kind(3, activate=False)), maps(2, 3, 4, 4)
        torch.testing.assert_close(layer(x), x * by_channel(layer.gamma) + by_channel(layer.beta))
        assert set(layer.state_dict()) == {"gamma", "beta"}

    @pytest.mark.parametrize("kind", [EvoNormB0, EvoNormS0])
    def test_half_precision_does_not_overflow(self, kind):
        x = 1000 * torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0)).half()
        assert kind(8, activate=True)(x).isfinite().all()
