from __future__ import annotations

import hashlib
import pickle
import socket
import urllib.error

import numpy as np
import pytest
import torch
from automl_vision.cifar import CIFAR10, CIFAR100
from automl_vision.fashion_mnist import FashionMNIST
from torchvision import datasets

from automl.errors import UsageError
from automl.testing.data_sources import DataSourceSuite
from automl.testing.hostile import Payload, unexecuted

KEYS = {"cifar10": "labels", "cifar100": "fine_labels"}


def write(part, root, monkeypatch, each=20):
    """Files in torchvision's layout; their checksums take the place of the authors'."""
    kind = getattr(datasets, part.kind)
    folder = root / part.below
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    sums = {}
    for name in part.files:
        if "meta" in name:
            content = {kind.meta["key"]: list(part.classes)}
        else:
            size = each * len(part.classes) // 2
            data = draw.integers(0, 256, (size, 3072), dtype=np.uint8)
            content = {"data": data, KEYS[part.name]: [number % len(part.classes) for number in range(size)]}
        (folder / name).write_bytes(pickle.dumps(content))
        sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    for listed in ("train_list", "test_list"):
        monkeypatch.setattr(kind, listed, [[name, sums[name]] for name, _ in getattr(kind, listed)])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": sums[kind.meta["filename"]]})
    return root


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_args, **_options):
        assert socket.getdefaulttimeout(), "without a timeout a dead network would be waited for"
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", refuse)


@pytest.fixture(scope="class")
def laid_out(tmp_path_factory, request):
    with pytest.MonkeyPatch.context() as monkeypatch:
        root = write(request.cls.kind, tmp_path_factory.mktemp("data"), monkeypatch, request.cls.each)
        request.cls.part = request.cls.kind.variant(f"@{root}")
        request.cls.part.spec()
        yield


@pytest.mark.usefixtures("laid_out")
class TestCIFAR10(DataSourceSuite):
    kind, each = CIFAR10(), 20

    def test_sizes(self):
        spec = self.part.spec()
        assert (spec.train_size, spec.val_size, spec.test_size) == (450, 50, 100)
        assert (spec.input_shape, spec.class_sizes) == ((3, 32, 32), (45,) * 10)


def test_cifar100_is_read(tmp_path, monkeypatch):
    spec = CIFAR100().variant(f"1000@{write(CIFAR100(), tmp_path, monkeypatch)}").spec()
    assert (spec.train_size, spec.val_size, spec.test_size) == (900, 100, 1000)
    assert len(set(spec.classes)) == 100


def test_pixels_stand_where_they_stood(tmp_path, monkeypatch):
    root = write(CIFAR10(), tmp_path, monkeypatch)
    images, labels = CIFAR10().part(root, train=False)
    kept = pickle.loads((root / CIFAR10.below / "test_batch").read_bytes())
    assert torch.equal(images.flatten(1), torch.from_numpy(kept["data"]))
    assert labels.tolist() == kept["labels"]


def test_classes_are_in_torchvisions_order():
    assert list(CIFAR10.classes) == sorted(CIFAR10.classes)
    assert list(CIFAR100.classes) == sorted(CIFAR100.classes)
    assert [name for name, _ in datasets.CIFAR10.train_list + datasets.CIFAR10.test_list] == list(CIFAR10.files[:-1])


def test_a_pickle_that_is_not_the_authors_is_not_opened(tmp_path, monkeypatch):
    root = write(CIFAR10(), tmp_path, monkeypatch)
    with unexecuted(tmp_path) as marker:
        (root / CIFAR10.below / "test_batch").write_bytes(pickle.dumps(Payload(marker)))
        with pytest.raises(UsageError, match="are damaged"):
            CIFAR10().variant(f"@{root}").spec()


@pytest.mark.parametrize("part", [CIFAR10(), CIFAR100(), FashionMNIST()])
def test_without_a_network_the_way_to_the_files_is_told(tmp_path, part, capsys):
    with pytest.raises(UsageError, match=r"There is no .* to download it failed: .*download=True") as told:
        part.variant(f"@{tmp_path}").spec()
    assert str(tmp_path) in str(told.value)
    assert socket.getdefaulttimeout() is None
    out, err = capsys.readouterr()
    assert f"Downloading {part.title} ({part.download_mb} MB) into {tmp_path}." in err
    assert not out, "what torchvision prints is no result"


def test_nothing_is_downloaded_where_there_is_no_folder(tmp_path, capsys):
    with pytest.raises(UsageError, match="download=True"):
        CIFAR10().variant(f"@{tmp_path / 'nowhere'}").spec()
    assert not capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_is_downloaded_is_read(tmp_path, monkeypatch, capsys):
    def download(self):
        write(CIFAR10(), tmp_path, monkeypatch)

    monkeypatch.setattr(datasets.CIFAR10, "download", download)
    assert CIFAR10().variant(f"@{tmp_path}").spec().train_size == 450
    assert "Downloading CIFAR-10" in capsys.readouterr().err


@pytest.mark.parametrize("text", [5000 * "1", "@~nobody-of-this-name/x", "@" + 300 * "x", "@a\0b"])
def test_numbers_and_folders_that_can_be_none_are_told(text):
    with pytest.raises(UsageError, match=r"9 digits at most|no path that can be looked at"):
        FashionMNIST().variant(text).spec()
