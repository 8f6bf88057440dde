from __future__ import annotations

import struct
from collections import Counter

import numpy as np
import pytest
import torch
from automl_vision.fashion_mnist import CLASSES, FILES, FashionMNIST
from automl_vision.splits import stratified_order
from PIL import Image

from automl.errors import UsageError
from automl.host import get_host
from automl.parts import DataSource
from automl.testing.data_sources import DataSourceSuite
from automl.training.fit import run_trial
from automl.training.trial import TrialSpec

TRAIN, TEST = 240, 40


def write_idx(path, array):
    """Bytes with their shape before them: two zeros, the type, the number of dimensions, each big-endian."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_files(folder, side_px=28):
    """Noise, so that no two images are the same; its class is the share of bright pixels."""
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for part, size in (("train", TRAIN), ("t10k", TEST)):
        labels = draw.permutation(np.arange(size) % 10)
        levels = (labels[:, None, None] + draw.random((size, side_px, side_px))) * 25
        write_idx(raw / f"{part}-images-idx3-ubyte", levels)
        write_idx(raw / f"{part}-labels-idx1-ubyte", labels)
    return raw


@pytest.fixture
def raw(tmp_path):
    return write_files(tmp_path)


@pytest.fixture
def folder(raw):
    return raw.parents[1]


def splits(text):
    """All examples by split."""
    part = FashionMNIST().variant(text)
    module = part.datamodule(part.spec(), batch_size=part.spec().train_size, seed=0)
    loaders = {name: getattr(module, f"{name}_dataloader")() for name in ("train", "val", "test")}
    return {name: [torch.cat(each) for each in zip(*loader, strict=True)] for name, loader in loaders.items()}


def images(split):
    return {image.numpy().tobytes() for image in split[0]}


@pytest.fixture(scope="class")
def laid_out(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("data")
    write_files(folder)
    request.cls.part = FashionMNIST().variant(f"{request.cls.size}@{folder}")


@pytest.mark.usefixtures("laid_out")
class TestWhole(DataSourceSuite):
    size = ""

    def test_sizes(self):
        spec = self.part.spec()
        assert (spec.train_size, spec.val_size, spec.test_size) == (200, 40, 40)
        assert (spec.input_shape, spec.classes) == ((1, 28, 28), CLASSES)


@pytest.mark.usefixtures("laid_out")
class TestSubset(DataSourceSuite):
    size = "120"

    def test_sizes(self):
        spec = self.part.spec()
        assert (spec.train_size, spec.val_size, spec.test_size) == (100, 20, 40)


def test_classes_are_those_of_torchvision():
    from torchvision.datasets import FashionMNIST as Torchvision

    assert list(CLASSES) == Torchvision.classes
    assert {name + ".gz" for name in FILES} == {name for name, _ in Torchvision.resources}


def test_classes_are_in_proportion_in_every_split(folder):
    for text, train, val in ((f"@{folder}", 20, 4), (f"120@{folder}", 10, 2)):
        found = splits(text)
        assert found["train"][1].bincount().tolist() == [train] * 10
        assert found["val"][1].bincount().tolist() == [val] * 10


def test_the_images_of_a_size_are_among_those_of_a_larger_one_and_in_the_same_split(folder):
    small, large, whole = (splits(text + f"@{folder}") for text in ("60", "120", ""))
    for split in ("train", "val"):
        assert images(small[split]) < images(large[split]) < images(whole[split])
    assert images(small["test"]) == images(whole["test"])
    assert not images(small["train"]) & images(whole["val"])


def test_images_keep_their_labels_and_their_range(folder):
    for inputs, labels in splits(f"@{folder}").values():
        assert torch.equal((inputs.mean((1, 2, 3)) * 255 / 25).long(), labels)
        assert inputs.min() >= 0
        assert inputs.max() <= 1


def test_the_order_is_by_chance_and_repeats():
    labels = [0] * 30 + [1] * 20 + [2] * 10
    order = stratified_order(labels, 0)
    assert sorted(order) == list(range(60))
    assert order == stratified_order(labels, 0) != stratified_order(labels, 1)
    for end in range(1, 61):
        counts = Counter(labels[index] for index in order[:end])
        assert all(abs(counts[label] - end * labels.count(label) / 60) <= 1 for label in (0, 1, 2))


def test_the_folder_comes_from_the_environment_unless_it_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOML_DATA_DIR", str(folder))
    assert FashionMNIST().spec().train_size == 200
    part = get_host().part(DataSource, "fashion-mnist:60")
    assert (part.name, part.spec().source, part.spec().train_size) == ("fashion-mnist:60", "fashion-mnist:60", 50)
    with pytest.raises(UsageError, match="elsewhere"):
        FashionMNIST().variant(f"@{tmp_path / 'elsewhere'}").spec()


def test_no_folder_is_told(monkeypatch):
    monkeypatch.delenv("AUTOML_DATA_DIR", raising=False)
    with pytest.raises(UsageError, match=r"AUTOML_DATA_DIR .* after @.*download=True"):
        FashionMNIST().spec()


def test_missing_files_are_told_with_the_folder_and_the_way_to_get_them(tmp_path, raw):
    (raw / FILES[1]).unlink()
    for folder, words in ((tmp_path / "nowhere", f"{FILES[0]} and no"), (tmp_path, f"no {FILES[1]} in")):
        with pytest.raises(UsageError, match=words) as told:
            FashionMNIST().variant(f"@{folder}").spec()
        assert str(folder / "FashionMNIST" / "raw") in str(told.value)
        assert f"FashionMNIST('{folder}', download=True)" in str(told.value)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept_bytes", [0, 3, 9, -1])
def test_truncated_files_are_told(folder, raw, name, kept_bytes):
    whole = (raw / name).read_bytes()
    (raw / name).write_bytes(whole[:kept_bytes])
    with pytest.raises(UsageError, match=name):
        FashionMNIST().variant(f"@{folder}").spec()


def test_files_that_do_not_fit_are_told(folder, raw):
    write_idx(raw / FILES[1], np.arange(TRAIN - 10) % 10)
    with pytest.raises(UsageError, match=r"240, 28, 28.*230 labels"):
        FashionMNIST().variant(f"@{folder}").spec()
    write_idx(raw / FILES[1], np.arange(TRAIN) % 11)
    with pytest.raises(UsageError, match="11 classes"):
        FashionMNIST().variant(f"@{folder}").spec()
    write_idx(raw / FILES[1], np.arange(TRAIN) % 9)
    with pytest.raises(UsageError, match="9 classes"):
        FashionMNIST().variant(f"@{folder}").spec()


def test_images_of_another_side_are_told(tmp_path):
    write_files(tmp_path, side_px=8)
    with pytest.raises(UsageError, match="28x28"):
        FashionMNIST().variant(f"@{tmp_path}").spec()


@pytest.mark.parametrize("text", ["many", "-60", "1e3", "60.0", "", "@", "half@folder"])
def test_bad_variants_are_told(text):
    with pytest.raises(UsageError, match="fashion-mnist:N, fashion-mnist:@FOLDER"):
        FashionMNIST().variant(text)


def test_sizes_out_of_range_are_told(folder):
    with pytest.raises(UsageError, match="60 images or more, not 59"):
        FashionMNIST().variant("59")
    with pytest.raises(UsageError, match=r"240 training images .* not 241"):
        FashionMNIST().variant(f"241@{folder}").spec()


def test_pictures_are_read(folder, tmp_path):
    part = FashionMNIST().variant(f"@{folder}")
    Image.new("L", (56, 56), 51).save(tmp_path / "grey.png")
    torch.testing.assert_close(part.read(tmp_path / "grey.png", part.spec()), torch.full((1, 1, 28, 28), 0.2))


def test_it_trains(folder, tmp_path):
    data = FashionMNIST().variant(f"@{folder}").spec()
    config = {"phi": -32.0, "width": 1.1**-32, "depth": 1.2**-32, "resolution_px": 4, "normalizer": "bn",
              "learning_rate": 0.05, "weight_decay": 0.05, "drop_rate": 0.0}  # fmt: skip
    result = run_trial(TrialSpec("s", 0, "efficientnet", config, data, 1, 50, 0, 1), tmp_path / "trial")
    assert result.status == "complete", result.cause
    assert result.trained_examples == 200
