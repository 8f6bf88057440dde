"""What holds for every normalizer.

A plugin author subclasses the suite::

    class TestMine(NormalizerSuite):
        part = Mine()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
import torch
from torch import nn

from automl.price.flops import count
from automl.testing.parts import PartSuite

if TYPE_CHECKING:
    from automl.parts import Normalizer

CHANNELS = 8
"""Enough for a group of channels to have statistics of its own on a 1x1 map."""

LARGE, SMALL = (3, 2), (1, 1)
"""Height and width of the maps: one with several places and one with a single place, as at the end of a network."""

sizes = pytest.mark.parametrize("size", [LARGE, SMALL], ids=["3x2", "1x1"])
activations = pytest.mark.parametrize("activation", [None, nn.SiLU], ids=["linear", "activated"])


class NormalizerSuite(PartSuite):
    """Tests that every normalizer passes.

    Attributes:
        part: The normalizer under test.
        constant_on_1x1: Whether nothing is left of a 1x1 map, as after its own mean is subtracted.
    """

    part: ClassVar[Normalizer]
    constant_on_1x1: ClassVar[bool] = False

    @activations
    @pytest.mark.parametrize("size", [SMALL, (2, 3), (5, 4)], ids=["1x1", "2x3", "5x4"])
    @pytest.mark.parametrize("channels", [1, 3, 7, 24, 40])
    def test_shape_is_kept(self, channels: int, size: tuple[int, int], activation: type[nn.Module] | None) -> None:
        """Any number of channels and any size of map goes in and comes out, in training and in evaluation."""
        layer = self.part.layer(channels, activation() if activation else None)
        x = _maps(size, channels=channels)
        for mode in (True, False):
            out = layer.train(mode)(x)
            assert out.shape == x.shape, f"{tuple(x.shape)} becomes {tuple(out.shape)}"
            assert out.isfinite().all(), f"a map of shape {tuple(x.shape)} gives numbers that are not finite"

    @sizes
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
    def test_dtype_is_kept(self, dtype: torch.dtype, size: tuple[int, int]) -> None:
        """A model moved to another data type computes in it."""
        out = self._layer(nn.SiLU).to(dtype)(_maps(size).to(dtype))
        assert out.dtype == dtype, f"{dtype} becomes {out.dtype}"

    @sizes
    @activations
    def test_memory_format_changes_nothing(self, size: tuple[int, int], activation: type[nn.Module] | None) -> None:
        """The result is the same in channels_last, and stays in it."""
        x, layer = _maps(size), self._layer(activation)
        last = layer(x.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(last, layer(x))
        assert last.is_contiguous(memory_format=torch.channels_last), "the result is not in channels_last"

    @sizes
    @activations
    def test_gradients_are_right(self, size: tuple[int, int], activation: type[nn.Module] | None) -> None:
        """In training, gradients of input and parameters agree with finite differences."""
        layer = _perturbed(self._layer(activation)).double()
        names, parameters = zip(*layer.named_parameters(), strict=True) if list(layer.parameters()) else ((), ())
        x = _maps(size).double().requires_grad_()

        def forward(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
            # A training step may change buffers and depend on them: each call is given them as they were.
            state = {name: buffer.clone() for name, buffer in layer.named_buffers()}
            out: torch.Tensor = torch.func.functional_call(layer, state | dict(zip(names, values, strict=True)), (x,))
            return out

        assert torch.autograd.gradcheck(forward, (x, *parameters))

    def test_gradients_reach_everything(self) -> None:
        """The input always gets a gradient, and every parameter does on maps of some size."""
        layer = self._layer(nn.SiLU)
        reached = set()
        for size in (LARGE, SMALL):
            layer.zero_grad()
            x = _maps(size).requires_grad_()
            # The plain sum of a normalized map tells little: that of a batch normalization does not depend on x.
            (layer(x) * _maps(size, seed=1)).sum().backward()
            assert x.grad is not None, f"no gradient reaches the input, maps of {size}"
            assert x.grad.isfinite().all(), f"the input's gradient is not finite, maps of {size}"
            if size == LARGE or not self.constant_on_1x1:
                assert x.grad.any(), f"the input's gradient is zero, maps of {size}"
            reached |= {name for name, p in layer.named_parameters() if p.grad is not None and p.grad.any()}
        missed = {name for name, _ in layer.named_parameters()} - reached
        assert not missed, f"no gradient ever reaches {', '.join(sorted(missed))}"

    @sizes
    @activations
    def test_builds_on_the_meta_device(self, size: tuple[int, int], activation: type[nn.Module] | None) -> None:
        """The layer is made and run without allocating it, so that a model has a price before it exists."""
        with torch.device("meta"):
            layer = self.part.layer(CHANNELS, activation() if activation else None)
            out = layer(torch.empty(2, CHANNELS, *size))
        assert out.is_meta, "the result is not on the meta device"
        tensors = [*layer.named_parameters(), *layer.named_buffers()]
        real = [name for name, tensor in tensors if not tensor.is_meta]
        assert not real, f"{', '.join(real)} is not on the meta device"

    @sizes
    @activations
    def test_has_a_price(self, size: tuple[int, int], activation: type[nn.Module] | None) -> None:
        """All operators of prediction and training can be counted."""

        def build() -> nn.Module:
            layer = self.part.layer(CHANNELS, activation() if activation else None)
            return nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), layer)

        work = count(build, (CHANNELS, *size))
        uncounted = {*work.prediction.uncounted, *work.training.uncounted}
        assert not uncounted, f"no price is known for {', '.join(sorted(uncounted))}"

    @sizes
    @activations
    def test_input_is_left_as_it_is(self, size: tuple[int, int], activation: type[nn.Module] | None) -> None:
        """The layer does not write into its input, which a residual block still needs."""
        for mode in (True, False):
            x, layer = _maps(size), self._layer(activation).train(mode)
            layer(x)
            assert torch.equal(x, _maps(size)), "the layer changes its input"

    @sizes
    @activations
    def test_layer_for_a_known_map(self, size: tuple[int, int], activation: type[nn.Module] | None) -> None:
        """A layer made for maps of one size gives there what one for maps of any size does, and takes others too."""
        torch.manual_seed(0)
        known = self.part.layer_at(CHANNELS, activation(inplace=True) if activation else None, size)
        torch.testing.assert_close(known(_maps(size)), self._layer(activation)(_maps(size)))
        for other in (LARGE, SMALL):
            assert known(_maps(other)).shape == _maps(other).shape

    @sizes
    @activations
    def test_same_seed_same_result(self, size: tuple[int, int], activation: type[nn.Module] | None) -> None:
        """Two layers of one seed give the same bits, in training and in evaluation."""
        x = _maps(size)
        for mode in (True, False):
            first, second = (self._layer(activation).train(mode)(x) for _ in range(2))
            assert torch.equal(first, second), "two layers of the same seed give different results"

    @sizes
    def test_without_activation_it_has_none(self, size: tuple[int, int]) -> None:
        """A new layer without activation is odd, f(-x) = -f(x): it scales, but cuts and bends nothing."""
        x = _maps(size).double()
        for mode in (True, False):
            layer = self._layer(None).double().train(mode)
            torch.testing.assert_close(layer(-x), -layer(x), msg=lambda text: f"something activates: {text}")

    @sizes
    def test_activation_is_applied_or_replaced(self, size: tuple[int, int]) -> None:
        """The given activation comes last; with `brings_activation` it is left out, and the layer's own is there."""
        x = _maps(size).double()
        given, plain = (self._layer(of).double() for of in (nn.SiLU, None))
        if self.part.brings_activation:
            assert not any(isinstance(module, nn.SiLU) for module in given.modules()), "two activations in one layer"
            assert not torch.allclose(given(-x), -given(x)), "the layer brings no activation of its own"
        else:
            torch.testing.assert_close(given(x), nn.functional.silu(plain(x)))

    @activations
    def test_state_round_trip(self, activation: type[nn.Module] | None) -> None:
        """A state dict carries all that evaluation depends on."""
        x, trained = _maps(LARGE), _perturbed(self._layer(activation))
        trained(x)
        fresh = self._layer(activation)
        fresh.load_state_dict(trained.state_dict(), strict=True)
        assert torch.equal(fresh.eval()(x), trained.eval()(x)), "the state dict does not hold the whole layer"

    @sizes
    def test_examples_are_independent_in_evaluation(self, size: tuple[int, int]) -> None:
        """A prediction does not depend on which other examples are in the batch."""
        x, layer = _maps(size), self._layer(nn.SiLU)
        layer(x)
        layer.eval()
        alone = torch.cat([layer(example[None]) for example in x])
        torch.testing.assert_close(alone, layer(x))

    @sizes
    def test_exports(self, size: tuple[int, int]) -> None:
        """``torch.export`` captures the layer, and the program gives the same results."""
        x, layer = _maps(size), _perturbed(self._layer(nn.SiLU)).eval()
        program = torch.export.export(layer, (x,))
        torch.testing.assert_close(program.module()(x), layer(x))

    def _layer(self, activation: type[nn.Module] | None) -> nn.Module:
        """A new layer in training mode, from a fixed seed. Its activation works in place, as in most models."""
        torch.manual_seed(0)
        return self.part.layer(CHANNELS, activation(inplace=True) if activation else None)


def _maps(size: tuple[int, int], *, channels: int = CHANNELS, seed: int = 0) -> torch.Tensor:
    """Four random examples, float32 of shape ``(4, channels, *size)``."""
    return torch.randn(4, channels, *size, generator=torch.Generator().manual_seed(seed))


def _perturbed(layer: nn.Module) -> nn.Module:
    """The layer with its parameters moved off their initial values, at which some gradients are zero."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return layer
