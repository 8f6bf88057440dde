from __future__ import annotations

import dataclasses
import functools
import io
import itertools
import random
from typing import ClassVar

import numpy as np
import pytest
import torch
from automl_norms.frn import FilterResponseNorm
from automl_vision.classification import ImageClassification
from automl_vision.datamodule import ImageDataModule
from automl_vision.depthwise import DepthwiseConv2d, quicken
from automl_vision.digits import Digits
from automl_vision.efficientnet import EfficientNet
from automl_vision.files import read_images
from automl_vision.models import Pixels, size_of
from PIL import Image
from torch import nn

from automl.errors import UsageError
from automl.parts import DataSpec
from automl.price.flops import count, multiply_add_flops
from automl.testing.data_sources import DataSourceSuite
from automl.testing.spaces import SpaceSuite
from automl.testing.tasks import TaskSuite
from automl.training.export import export
from automl.training.fit import run_trial
from automl.training.parts import load_model
from automl.training.trial import TrialSpec

IMAGENET = DataSpec("imagenet", "image-classification", (3, 224, 224), tuple(map(str, range(1000))), 9, 9, 9,
                    (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))  # fmt: skip
TINY = {
    "phi": -26.0, "width": 1.1**-26, "depth": 1.2**-26, "resolution_px": 4, "normalizer": "bn",
    "learning_rate": 0.02, "weight_decay": 0.05, "drop_rate": 0.0,
}  # fmt: skip


def at(phi, spec, normalizer="bn", **fixed):
    """The config a trial gives that always answers phi, and the first value otherwise."""

    class Fixed:
        def suggest_float(self, name, low, high, *, step=None, log=False):
            return phi if name == "phi" else fixed.get(name, low)

        def suggest_int(self, name, low, high, *, step=1, log=False):
            return fixed.get(name, low)

        def suggest_categorical(self, name, choices):
            return normalizer if name == "normalizer" else fixed.get(name, choices[0])

    return EfficientNet().suggest(Fixed(), spec)


@functools.cache
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
    assert multiply_add_flops(b0.prediction) == pytest.approx(2 * 0.3858e9, rel=0.01)


def test_a_step_of_phi_costs_what_the_rule_says_between_0_and_3():
    """On average, and each but the first, in which every stage of one or two repeats gets another (ceil of 1.2)."""
    flops = [work(float(phi), IMAGENET).prediction.flops for phi in range(4)]
    assert (flops[3] / flops[0]) ** (1 / 3) == pytest.approx(1.92, rel=0.15)
    assert [more / less for less, more in itertools.pairwise(flops[1:])] == pytest.approx([1.92, 1.92], rel=0.15)


def test_work_never_falls_as_phi_grows():
    flops = [work(float(phi), Digits().spec()).prediction.flops for phi in (-40, *range(-32, -4, 3), -3)]
    assert flops == sorted(flops)
    assert flops[-1] > 100 * flops[0]


def test_resolution_follows_phi_and_the_data():
    digits = Digits().spec()
    assert at(-40.0, digits)["resolution_px"] == 4, "never below 4"
    assert [at(phi, digits)["resolution_px"] for phi in (-26.0, -7.0, 0.0)] == [4, 12, 32]
    assert [at(phi, IMAGENET)["resolution_px"] for phi in (-2.0, 0.0, 1.0)] == [169, 224, 258]
    fashion = dataclasses.replace(digits, input_shape=(1, 28, 28))
    assert at(0.0, fashion)["resolution_px"] == 112


def test_a_normalizer_that_wants_larger_maps_is_left_to_who_asks_for_it():
    def normalizer(spec):
        return next(d for d in EfficientNet().dimensions(spec) if d.name == "normalizer")

    assert normalizer(Digits().spec()).choices == ("bn", "gn")
    assert {"bn", "frn", "gn"} <= set(normalizer(Digits().spec()).limits)
    assert normalizer(IMAGENET).choices == ("bn", "frn", "gn")


def test_frn_leaves_no_second_activation_and_works_on_single_pixels():
    from automl_norms.frn import FilterResponseNorm

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


def test_frn_trains_where_all_maps_are_single_pixels():
    spec = Digits().spec()
    config = at(-20.0, spec, normalizer="frn")
    sizes = set()
    model = EfficientNet().build(config, spec)
    model[1].conv_head.register_forward_hook(lambda module, _, out: sizes.add(tuple(out.shape[-2:])))
    out = model(torch.rand(2, 1, 8, 8))
    out.square().sum().backward()
    assert sizes == {(1, 1)}
    assert out.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_pixels_are_standardised_and_resized_both_ways():
    images = torch.full((1, 1, 8, 8), 0.7)
    for size in (4, 8, 13):
        out = Pixels(size, (0.2,), (0.5,))(images)
        assert out.shape == (1, 1, size, size)
        torch.testing.assert_close(out, torch.full_like(out, 1.0))


@pytest.mark.parametrize(
    ("shape", "size"), [((8, 8), (16, 16)), ((32, 96), (5, 16)), ((96, 32), (16, 5)), ((1, 500), (1, 16))]
)
def test_models_keep_the_proportions_of_the_images(shape, size):
    assert size_of(dataclasses.replace(IMAGENET, input_shape=(3, *shape)), 16) == size


def test_only_layers_of_single_pixels_learn_their_eps():
    spec = dataclasses.replace(IMAGENET, input_shape=(1, 32, 32), classes=tuple("ab"), mean=(0.5,), std=(0.2,))
    config = at(0.0, spec, "frn", base_width=0.1, base_depth=0.1, base_px=32)
    model = EfficientNet().build(config, spec)
    layers = [module for module in model.modules() if isinstance(module, FilterResponseNorm)]
    # The fifth halving leaves a pixel: two layers of that block, three of the next and the head.
    assert [layer.eps_l is not None for layer in layers] == [False] * (len(layers) - 6) + [True] * 6


def test_pixels_are_standardised_by_channel():
    out = Pixels(4, (0.0, 0.5), (1.0, 0.25))(torch.ones(1, 2, 4, 4))
    assert out[0, :, 0, 0].tolist() == [1.0, 2.0]


def test_shrinking_pixels_leaves_none_out():
    images = torch.zeros(1, 1, 16, 16)
    images[..., 0, 0] = 1.0
    assert Pixels(4, (0.0,), (1.0,))(images).sum() > 0


@pytest.mark.parametrize("size", [5, 13])
def test_pixels_export_to_onnx(size):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")

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
    wanted = multiply_add_flops(count(lambda: conv.to("meta"), (6, 1, 1)).prediction)
    assert multiply_add_flops(flops.prediction) == wanted == 2 * 25 * 6


def test_a_short_training_is_far_better_than_chance_and_repeats(tmp_path):
    spec = TrialSpec("s", 0, "efficientnet", TINY, Digits().spec(), epochs=4, batch_size=64, seed=0, threads=1)
    one, other = (run_trial(spec, tmp_path / name) for name in "ab")
    assert one.score > 0.4
    assert one.history == other.history
    assert one.history[0]["val_accuracy"] > 0.15, "running averages lag: the first epoch looks like chance"


def test_a_trained_model_exports_to_onnx_and_takes_raw_pixels(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    spec = TrialSpec("s", 0, "efficientnet", TINY, Digits().spec(), epochs=1, batch_size=128, seed=0, threads=1)
    assert run_trial(spec, tmp_path).status == "complete"
    export(spec, tmp_path, "onnx", tmp_path / "model.onnx")
    images = next(iter(Digits().datamodule(spec.data, batch_size=1, seed=0).val_dataloader()))[0][:7]
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    got = session.run(None, {"input": images.numpy()})[0]
    np.testing.assert_allclose(got, load_model(spec, tmp_path)(images).detach().numpy(), atol=1e-4)


def test_last_short_batch_is_dropped_unless_it_is_the_only_one():
    splits = {split: (torch.rand(10, 1), torch.zeros(10).long()) for split in ("train", "val", "test")}
    assert [len(x) for x, _ in ImageDataModule(splits, batch_size=4, seed=0).train_dataloader()] == [4, 4]
    assert [len(x) for x, _ in ImageDataModule(splits, batch_size=64, seed=0).train_dataloader()] == [10]
    assert [len(x) for x, _ in ImageDataModule(splits, batch_size=4, seed=0).val_dataloader()] == [10]


def test_each_epoch_has_an_order_of_its_own():
    splits = {"train": (torch.arange(64.0).unsqueeze(1), torch.arange(64))}
    loaders = [ImageDataModule(splits, batch_size=16, seed=3).train_dataloader() for _ in range(2)]
    epochs = [[torch.cat([y for _, y in loader]).tolist() for _ in range(2)] for loader in loaders]
    assert epochs[0] == epochs[1], "the seed decides"
    assert epochs[0][0] != epochs[0][1]
    assert sorted(epochs[0][0]) == sorted(epochs[0][1]) == list(range(64))
    assert all(torch.equal(x[:, 0].long(), y) for x, y in loaders[0]), "inputs and targets stay together"


def test_pictures_are_read(tmp_path):
    Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / "red.png")
    assert read_images(tmp_path / "red.png", (3, 8, 8))[0, :, 0, 0].tolist() == [1.0, 0.0, 0.0]
    assert read_images(tmp_path / "red.png", (1, 8, 8)).shape == (1, 1, 8, 8)
    Image.new("L", (8, 8), 51).save(tmp_path / "grey.png")
    for channels in (1, 3):
        images = read_images(tmp_path / "grey.png", (channels, 8, 8))
        torch.testing.assert_close(images, torch.full((1, channels, 8, 8), 0.2))
        assert images.dtype == torch.float32


def test_pictures_are_not_turned_or_transposed(tmp_path):
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_images(tmp_path / "a.png", (1, 2, 3))[0, 0].numpy() * 255, pixels, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_16_bits_keep_their_shades(tmp_path, channels):
    Image.fromarray(np.full((8, 8), 13107, dtype=np.uint16)).save(tmp_path / "deep.png")
    images = read_images(tmp_path / "deep.png", (channels, 8, 8))
    torch.testing.assert_close(images, torch.full((1, channels, 8, 8), 0.2))


def test_pictures_of_unknown_range_are_told(tmp_path):
    Image.fromarray(np.full((8, 8), 0.5, dtype=np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(UsageError, match="range is not known"):
        read_images(tmp_path / "float.tiff", (1, 8, 8))


@pytest.mark.parametrize("suffix", ["png", "npy"])
def test_damaged_files_are_told(tmp_path, suffix):
    """Whatever bytes are wrong: either it is still an image, or the user's error."""
    file, damaged = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    if suffix == "png":
        Image.new("RGB", (16, 16), (9, 9, 9)).save(file)
    else:
        np.save(file, np.full((8, 8), 0.5))
    draw, whole, told = random.Random(0), file.read_bytes(), 0
    for _ in range(400):
        data = bytearray(whole)
        data[draw.randrange(min(128, len(data)))] = draw.randrange(256)
        damaged.write_bytes(data)
        try:
            assert read_images(damaged, (1, 8, 8)).shape == (1, 1, 8, 8)
        except UsageError:
            told += 1
    assert told > 40


def test_missing_files_and_rubbish_are_told(tmp_path):
    (tmp_path / "rubbish.png").write_bytes(b"rubbish")
    (tmp_path / "rubbish.npy").write_bytes(b"PK\x03\x04 no archive")
    with (tmp_path / "archive.npy").open("wb") as archive:
        np.savez(archive, a=np.zeros((8, 8)))
    for name, words in {
        "missing.png": "no file", "rubbish.png": "neither", "rubbish.npy": "no array", "archive.npy": "archive",
    }.items():  # fmt: skip
        with pytest.raises(UsageError, match=words):
            read_images(tmp_path / name, (1, 8, 8))


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
        (np.zeros((3, 8, 8, 8)), "shape"),
        (np.zeros((0, 8, 8)), "no values"),
        (np.full((8, 8), -0.5), "expected in"),
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
