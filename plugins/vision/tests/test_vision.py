from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import torch
from automl_vision.classification import ImageClassification
from automl_vision.datamodule import TensorDataModule
from automl_vision.depthwise import DepthwiseConv2d, quicken
from automl_vision.digits import Digits
from automl_vision.efficientnet import EfficientNet
from automl_vision.files import read_images
from automl_vision.models import Pixels
from PIL import Image
from torch import nn

from automl.errors import UsageError
from automl.parts import DataSpec
from automl.price.flops import count
from automl.testing.data_sources import DataSourceSuite
from automl.testing.spaces import SpaceSuite
from automl.testing.tasks import TaskSuite
from automl.training.fit import run_trial
from automl.training.trial import TrialSpec

IMAGENET = DataSpec("imagenet", "image-classification", (3, 224, 224), tuple(map(str, range(1000))), 9, 9, 9,
                    (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))  # fmt: skip
TINY = {
    "phi": -26.0, "width": 1.1**-26, "depth": 1.2**-26, "resolution_px": 4, "normalizer": "bn",
    "learning_rate": 0.02, "weight_decay": 0.05, "drop_rate": 0.0,
}  # fmt: skip


def at(phi, spec, **fixed):
    """The config a trial gives that always answers phi, and defaults otherwise."""

    class Fixed:
        def suggest_float(self, name, low, high, *, step=None, log=False):
            return phi if name == "phi" else low

        def suggest_categorical(self, name, choices):
            return fixed.get(name, "bn")

    return EfficientNet().suggest(Fixed(), spec)


def work(phi, spec, **fixed):
    config = at(phi, spec, **fixed)
    return count(lambda: EfficientNet().build(config, spec), spec.input_shape)


class TestDigits(DataSourceSuite):
    part = Digits()

    def test_classes_are_in_proportion(self):
        for split in ("train", "val", "test"):
            shares = torch.bincount(self._all(split)[1]) / len(self._all(split)[1])
            assert shares.min() > 0.08
            assert shares.max() < 0.12


class TestEfficientNet(SpaceSuite):
    part = EfficientNet()
    data = Digits()
    cheap: ClassVar[dict[str, str]] = {"phi": "-20..-16"}


class TestImageClassification(TaskSuite):
    part = ImageClassification()
    data = Digits()
    space = "efficientnet"
    config = TINY


def test_phi_0_is_b0_of_the_paper():
    b0 = work(0.0, IMAGENET)
    assert b0.parameters == 5_288_548
    assert b0.prediction_flops == pytest.approx(2 * 0.3858e9, rel=0.01)


def test_four_steps_of_phi_cost_what_the_rule_says():
    """ALPHA * BETA^2 * GAMMA^2 = 1.92 a step; repeats are rounded up, which a single step shows most."""
    ratio = work(4.0, IMAGENET).prediction_flops / work(0.0, IMAGENET).prediction_flops
    assert ratio == pytest.approx(1.92**4, rel=0.25)


def test_work_never_falls_as_phi_grows():
    flops = [work(phi, Digits().spec()).prediction_flops for phi in (-26, -20, -14, -10, -6, -3)]
    assert flops == sorted(flops)
    assert flops[-1] > 100 * flops[0]


def test_resolution_follows_phi_and_the_data():
    digits = Digits().spec()
    assert [at(phi, digits)["resolution_px"] for phi in (-26.0, -7.0, 0.0)] == [4, 12, 32]
    assert [at(phi, IMAGENET)["resolution_px"] for phi in (-2.0, 0.0, 1.0)] == [169, 224, 258]
    fashion = dataclasses.replace(digits, input_shape=(1, 28, 28))
    assert at(0.0, fashion)["resolution_px"] == 112


def test_a_normalizer_that_wants_larger_maps_is_left_to_who_asks_for_it():
    def normalizer(spec):
        return next(d for d in EfficientNet().dimensions(spec) if d.name == "normalizer")

    assert normalizer(Digits().spec()).choices == ("bn", "gn")
    assert normalizer(Digits().spec()).limits == ("bn", "frn", "gn")
    assert normalizer(IMAGENET).choices == ("bn", "frn", "gn")


def test_frn_leaves_no_second_activation_and_works_on_single_pixels():
    from automl_norms.layers import FilterResponseNorm

    spec = Digits().spec()
    config = at(-16.0, spec, normalizer="frn")
    model = EfficientNet().build(config, spec)
    assert not [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    layers = [m for m in model.modules() if isinstance(m, FilterResponseNorm)]
    blocks = sum(m.__class__.__name__.endswith(("Separable", "Conv", "InvertedResidual")) for m in model[1].modules())
    activations = [m for m in model.modules() if isinstance(m, nn.SiLU | nn.ReLU)]
    # What remains is within squeeze-and-excitation, one a block.
    assert len(activations) == sum(m.__class__.__name__ == "SqueezeExcite" for m in model.modules()) <= blocks
    assert any(layer.tau is None for layer in layers)
    assert any(layer.tau is not None for layer in layers)
    model(torch.rand(2, 1, 8, 8)).sum().backward()


def test_pixels_are_standardised_and_resized_both_ways():
    images = torch.full((1, 1, 8, 8), 0.7)
    for size in (4, 8, 13):
        out = Pixels(size, (0.2,), (0.5,))(images)
        assert out.shape == (1, 1, size, size)
        torch.testing.assert_close(out, torch.full_like(out, 1.0))


@pytest.mark.parametrize("size", [5, 13])
def test_pixels_export_to_onnx(size):
    import io

    import onnxruntime

    images = torch.rand(2, 1, 8, 8)
    model = Pixels(size, (0.2,), (0.5,))
    buffer = io.BytesIO()
    torch.onnx.export(model.eval(), (images,), input_names=["input"], dynamo=True, verbose=False).save(buffer)
    got = onnxruntime.InferenceSession(buffer.getvalue()).run(None, {"input": images.numpy()})[0]
    np.testing.assert_allclose(got, model(images).numpy(), atol=1e-4)


@pytest.mark.parametrize(("kernel", "stride", "bias"), [(3, 1, False), (5, 2, True), (5, 1, False)])
def test_depthwise_on_a_single_pixel_is_the_convolution(kernel, stride, bias):
    plain = nn.Conv2d(6, 6, kernel, stride, kernel // 2, groups=6, bias=bias)
    quick = quicken(nn.Sequential(nn.Conv2d(6, 6, kernel, stride, kernel // 2, groups=6, bias=bias)))[0]
    assert type(quick) is DepthwiseConv2d
    quick.load_state_dict(plain.state_dict())
    x = torch.randn(4, 6, 1, 1)
    torch.testing.assert_close(quick(x), plain(x))
    quick(x).square().sum().backward()
    plain(x).square().sum().backward()
    torch.testing.assert_close(quick.weight.grad, plain.weight.grad)


def test_only_depthwise_convolutions_that_keep_the_pixel_are_quickened():
    others = [
        nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 2, groups=4),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, padding_mode="circular"), nn.Conv2d(4, 4, 3, padding="same", groups=4),
    ]  # fmt: skip
    assert all(type(module) is nn.Conv2d for module in quicken(nn.Sequential(*others)))


def test_a_quickened_convolution_costs_what_the_convolution_costs():
    conv = nn.Conv2d(6, 6, 5, padding=2, groups=6, bias=False)
    flops = count(lambda: quicken(nn.Sequential(nn.Conv2d(6, 6, 5, padding=2, groups=6, bias=False))), (6, 1, 1))
    assert flops.prediction_flops == count(lambda: conv.to("meta"), (6, 1, 1)).prediction_flops == 2 * 25 * 6


def test_a_short_training_is_far_better_than_chance_and_repeats(tmp_path):
    spec = TrialSpec("s", 0, "efficientnet", TINY, Digits().spec(), epochs=4, batch_size=64, seed=0, threads=1)
    one, other = (run_trial(spec, tmp_path / name) for name in "ab")
    assert one.score > 0.4
    assert one.history == other.history
    assert one.history[0]["val_accuracy"] > 0.15, "running averages lag: the first epoch looks like chance"


def test_last_short_batch_is_dropped_unless_it_is_the_only_one():
    splits = {split: (torch.rand(10, 1), torch.zeros(10).long()) for split in ("train", "val", "test")}
    assert [len(x) for x, _ in TensorDataModule(splits, batch_size=4, seed=0).train_dataloader()] == [4, 4]
    assert [len(x) for x, _ in TensorDataModule(splits, batch_size=64, seed=0).train_dataloader()] == [10]
    assert [len(x) for x, _ in TensorDataModule(splits, batch_size=4, seed=0).val_dataloader()] == [10]


def test_pictures_are_read(tmp_path):
    Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / "red.png")
    assert read_images(tmp_path / "red.png", (3, 8, 8))[0, :, 0, 0].tolist() == [1.0, 0.0, 0.0]
    assert read_images(tmp_path / "red.png", (1, 8, 8)).shape == (1, 1, 8, 8)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (5, 8, 8), (5, 1, 8, 8)])
def test_arrays_are_read(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.full(shape, 0.5))
    images = read_images(tmp_path / "a.npy", (1, 8, 8))
    assert images.shape == (np.prod(shape) // 64, 1, 8, 8)
    assert images.dtype == torch.float32


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((9, 9)), "shape"),
        (np.full((8, 8), 16.0), "expected in"),
        (np.full((8, 8), np.nan), "finite"),
        (np.array(["a"] * 64).reshape(8, 8), "finite real numbers"),
    ],
)
def test_bad_arrays_are_told(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UsageError, match=words):
        read_images(tmp_path / "a.npy", (1, 8, 8))


def test_an_array_of_objects_is_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="no array"):
        read_images(tmp_path / "a.npy", (1, 8, 8))
