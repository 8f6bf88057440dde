from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from automl_vision import folder, folder_loading, index
from automl_vision.folder import Folder
from automl_vision.listing import list_pictures
from automl_vision.pictures import SUFFIXES
from PIL import Image

from automl.errors import UsageError
from automl.host import get_host
from automl.parts import DataSource
from automl.testing.data_sources import DataSourceSuite
from automl.training.fit import run_trial
from automl.training.trial import TrialSpec

CONFIG = {"phi": -32.0, "width": 1.1**-32, "depth": 1.2**-32, "resolution_px": 4, "normalizer": "bn",
          "learning_rate": 0.05, "weight_decay": 0.05, "drop_rate": 0.1}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def picture(path, seed, size=(4, 6), mode="RGB"):
    """Noise, so that no two are the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 4), dtype=np.uint8)
    Image.fromarray(noise).convert("RGB").convert(mode).save(path)
    return path


def write(root, classes=("cat", "dog"), count=20, **options):
    for number, name in enumerate(classes):
        for each in range(count):
            picture(root / name / f"{each:02}.png", 1000 * number + each, **options)
    return root


def source(root, options=""):
    return Folder().variant(f"{root}{options}")


def remarks(part):
    return " ".join(part.remarks(part.spec()))


@pytest.fixture
def root(tmp_path):
    return write(tmp_path / "pets")


@pytest.fixture(scope="class")
def laid_out(tmp_path_factory, request):
    request.cls.part = source(write(tmp_path_factory.mktemp("data") / "pets"), request.cls.options)


@pytest.mark.usefixtures("laid_out")
class TestInMemory(DataSourceSuite):
    options = ""

    def test_sizes(self):
        spec = self.part.spec()
        assert (spec.train_size, spec.val_size, spec.test_size) == (28, 6, 6)
        assert (spec.input_shape, spec.classes, spec.class_sizes) == ((3, 4, 6), ("cat", "dog"), (14, 14))


@pytest.mark.usefixtures("laid_out")
class TestFromFiles(DataSourceSuite):
    options = "?memory=1B"


def test_the_name_is_absolute_and_in_one_spelling(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    part = get_host().part(DataSource, "folder:pets?skip-bad&size=8")
    assert part.name == f"folder:{root}?size=8&skip-bad"
    assert get_host().part(DataSource, "folder:pets?size=8").skipping_bad().name == part.name


def test_batches_and_draws_are_the_same_from_memory_and_from_files(root):
    """So that the limit of memory changes no model, and a training resumes the same way."""
    parts = [source(root), source(root, "?memory=1B")]
    specs = [part.spec() for part in parts]
    assert specs[0] == dataclasses.replace(specs[1], source=specs[0].source)
    loaders = [
        part.datamodule(spec, batch_size=7, seed=3).train_dataloader() for part, spec in zip(parts, specs, strict=True)
    ]
    assert [loader.num_workers > 0 for loader in loaders] == [False, True]
    states = []
    for loader in loaders:
        torch.manual_seed(0)
        epochs = [list(loader) for _ in range(2)]
        states.append((epochs, torch.get_rng_state(), loader.sampler.sampler.generator.get_state()))
    (one, *ours), (other, *theirs) = states
    for batch, same in zip(one[0] + one[1], other[0] + other[1], strict=True):
        assert torch.equal(batch[0], same[0])
        assert torch.equal(batch[1], same[1])
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_training_from_files_goes_on_as_if_it_had_never_stopped(root, tmp_path):
    spec = TrialSpec("s", 0, "efficientnet", CONFIG, source(root, "?memory=1B").spec(), 2, 7, 0, 1)
    whole = run_trial(spec, tmp_path / "whole")
    run_trial(dataclasses.replace(spec, rung=1), tmp_path / "a", checkpoints=tmp_path / "c")
    rest = run_trial(dataclasses.replace(spec, from_rung=1), tmp_path / "b", checkpoints=tmp_path / "c")
    assert whole.status == rest.status == "complete", whole.cause
    one, other = (tmp_path / name / "model.safetensors" for name in ("whole", "b"))
    assert one.read_bytes() == other.read_bytes()


def test_what_was_reckoned_of_many_files_is_remembered(root, monkeypatch):
    for path in root.rglob("*.png"):
        os.utime(path, (1e9, 1e9))
    spec = source(root, "?memory=1B").spec()
    folder._kept.clear()  # as in another process
    monkeypatch.setattr(index, "examine", None)
    monkeypatch.setattr(folder_loading, "channel_stats", None)
    assert source(root, "?memory=1B").spec() == spec


@pytest.mark.parametrize("text", ["", "[]", '{"files": {"cat/00.png": [1]}, "sums": {}}', '{"files": {}, "sums": 1}'])
def test_a_damaged_memory_is_none(root, text):
    spec = source(root, "?memory=1B").spec()
    [kept] = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")
    kept.write_text(text)
    folder._kept.clear()
    assert source(root, "?memory=1B").spec() == spec


@pytest.mark.parametrize(
    "sums", [[[0.5] * 3, [-1.0] * 3], [[0.5] * 3, [float("nan")] * 3], [[0.5], [0.5]], ["abc"] * 2]
)
def test_sums_that_are_none_are_made_again(root, sums):
    spec = source(root, "?memory=1B").spec()
    [kept] = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")
    content = json.loads(kept.read_text())
    kept.write_text(json.dumps({**content, "sums": dict.fromkeys(content["sums"], sums)}))
    folder._kept.clear()
    assert source(root, "?memory=1B").spec() == spec


def test_what_lies_beside_the_splits_is_told(tmp_path):
    write(tmp_path / "train")
    write(tmp_path / "elsewhere" / "val")
    (tmp_path / "train" / "notes.txt").write_text("x")
    (tmp_path / "elsewhere").rename(tmp_path / ".elsewhere")
    (tmp_path / "val").symlink_to(tmp_path / ".elsewhere" / "val")
    picture(tmp_path / "loose.png", 9)
    with pytest.raises(UsageError, match="val: a link to a folder"):
        source(tmp_path).spec()
    assert "2 files that are no picture in a class folder" in remarks(source(tmp_path, "?skip-bad"))


def test_an_empty_split_is_not_called_missing(tmp_path):
    write(tmp_path / "train")
    (tmp_path / "val" / "cat").mkdir(parents=True)
    told = remarks(source(tmp_path))
    assert "There are no pictures in the folder val: a part of train" in told
    assert "There is no folder test: a part of train" in told


def test_a_file_that_is_gone_before_it_is_looked_at_is_told(root, monkeypatch):
    scandir = os.scandir
    entries = list(scandir(root / "cat"))
    (root / "cat" / "00.png").unlink()
    monkeypatch.setattr(os, "scandir", lambda at: contextlib.nullcontext(entries) if "cat" in str(at) else scandir(at))
    with pytest.raises(UsageError, match=r"cat/00.png: No such file"):
        source(root).spec()


def test_folders_may_lie_very_deep(root):
    made = [root / "cat" / "a"]
    made[0].mkdir()
    for _ in range(1200):
        made.append(made[-1] / "a")
        made[-1].mkdir()
    deepest = picture(made[-1] / "a.png", 99)
    try:
        assert len(list_pictures(root, SUFFIXES).pictures) == 41
    finally:  # what clears up after tests would not get so deep
        deepest.unlink()
        for each in reversed(made):
            each.rmdir()


def test_names_that_are_one_for_people_have_facts_of_their_own(root):
    paths = [picture(root / "cat" / f"{os.fsdecode(name)}.bmp", seed) for name, seed in ((b"\xff", 77), (b"\\xff", 78))]
    for path in (*paths, *root.rglob("*.png")):
        os.utime(path, (1e9, 1e9))
    spec = source(root, "?memory=1B").spec()
    assert spec.split_hashes == source(root).spec().split_hashes
    folder._kept.clear()
    assert source(root, "?memory=1B").spec() == spec
    assert "repeat" not in remarks(source(root))


def test_facts_of_files_that_are_new_are_remembered_where_the_sums_are_known(root, monkeypatch):
    for path in root.rglob("*.png"):
        os.utime(path, (1e9, 1e9))
    spec = source(root, "?memory=1B").spec()
    (root / "cat" / "00.png").rename(root / "cat" / "zz.png")  # the same contents under a name that is not known
    for again in (True, False):
        folder._kept.clear()
        if not again:
            monkeypatch.setattr(index, "examine", None)
        assert source(root, "?memory=1B").spec() == spec


def test_splits_of_the_user_stay(tmp_path):
    for split, count in (("train", 10), ("valid", 3), ("Test", 4)):
        for number, name in enumerate(("cat", "dog")):
            for each in range(count):
                picture(tmp_path / split / name / f"{each}.png", 1000 * number + 100 * count + each)
    part = source(tmp_path)
    spec = part.spec()
    assert (spec.train_size, spec.val_size, spec.test_size) == (20, 6, 8)
    assert remarks(part) == ""


def test_a_missing_split_is_taken_from_train(tmp_path):
    write(tmp_path / "train", count=20)
    write(tmp_path / "test", count=2, size=(4, 7))
    part = source(tmp_path)
    spec = part.spec()
    assert (spec.train_size, spec.val_size, spec.test_size) == (34, 6, 4)
    assert "no folder val" in remarks(part)


def test_a_class_may_be_called_train(tmp_path):
    assert source(write(tmp_path, ("car", "train"))).spec().classes == ("car", "train")


def test_a_stray_folder_beside_the_splits_is_told(tmp_path):
    for split in ("train", "test", "unlabelled"):
        write(tmp_path / split, count=3)
    with pytest.raises(UsageError, match="beside them unlabelled"):
        source(tmp_path).spec()


def test_a_class_that_is_not_trained_on_is_told(tmp_path):
    write(tmp_path / "train")
    write(tmp_path / "test", ("cat", "eel"), count=3)
    with pytest.raises(UsageError, match="eel in val or test"):
        source(tmp_path).spec()


def test_a_leak_is_told_by_name_and_repeats_stay_together(tmp_path):
    write(tmp_path / "train")
    write(tmp_path / "test", count=3, size=(4, 7))
    picture(tmp_path / "test" / "cat" / "again.png", 5)
    assert "Leak: 1 image stands in more than one split (train/cat/05.png = test/cat/again.png)" in remarks(
        source(tmp_path)
    )
    whole = write(tmp_path / "whole")
    for number in range(20):
        picture(whole / "cat" / f"again{number:02}.png", number)
    told = remarks(source(whole))
    assert "20 images repeat others of the same split" in told
    assert "Leak" not in told


def test_broken_files_are_told_by_name_and_may_be_skipped(root):
    (root / "cat" / "00.png").write_bytes(b"rubbish")
    (root / "dog" / "01.png").write_bytes((root / "dog" / "02.png").read_bytes()[:60])
    with pytest.raises(UsageError, match=r"2 files of .*cat/00.png: no picture.*dog/01.png: .*--skip-bad"):
        source(root).spec()
    part = source(root).skipping_bad()
    spec = part.spec()
    assert spec.train_size + spec.val_size + spec.test_size == 38
    assert "2 files are left out because of --skip-bad (cat/00.png" in remarks(part)


def test_a_hundred_broken_files_are_not_all_named(root):
    for number in range(100):
        (root / "cat" / f"bad{number:03}.png").write_bytes(b"rubbish")
    with pytest.raises(UsageError, match=r"100 files .*bad019.png: no picture of a known format; and 80 more"):
        source(root).spec()


def test_links_that_lead_out_and_pipes_are_not_opened(root, tmp_path):
    outside = picture(tmp_path / "outside" / "a.png", 77)
    (root / "cat" / "out.png").symlink_to(outside)
    (root / "eel").symlink_to(outside.parent)
    (root / "cat" / "loop").symlink_to(root)
    (root / "cat" / "nothing.png").symlink_to(root / "nowhere.png")
    os.mkfifo(root / "dog" / "pipe.png")
    (root / "dog" / "twin.png").symlink_to(root / "dog" / "00.png")
    with pytest.raises(UsageError) as told:
        source(root).spec()
    for words in (
        "5 files", "out.png: a link that leads out", "eel: a link that leads out", "loop: a link to a folder",
        "nothing.png: a link to nothing", "pipe.png: no regular file",
    ):  # fmt: skip
        assert words in str(told.value)
    part = source(root, "?skip-bad")
    assert "1 image repeats another" in remarks(part), "a link to a file within is followed"


def test_hidden_files_others_and_empty_classes_are_passed_over(root):
    (root / ".DS_Store").write_bytes(b"")
    (root / "cat" / "._00.png").write_bytes(b"")
    (root / ".git").mkdir()
    (root / "notes.txt").write_text("x")
    (root / "cat" / "Thumbs.db").write_bytes(b"")
    picture(root / "loose.png", 9)
    (root / "eel").mkdir()
    part = source(root)
    assert part.spec().classes == ("cat", "dog")
    told = remarks(part)
    assert "3 files that are no picture in a class folder" in told
    assert "left out: eel" in told


def test_folders_within_a_class_are_of_the_class(root):
    picture(root / "cat" / "siamese" / "a.png", 500)
    assert sum(source(root).loaded().splits[split].labels.eq(0).sum() for split in ("train", "val", "test")) == 21


def test_names_of_any_bytes_are_taken(tmp_path):
    names = ("a b", "ü€", "-rf", "[red]", "new\nline")
    write(tmp_path, names, count=3)
    odd = os.fsdecode(b"\xff\xfe")
    picture(tmp_path / odd / (odd + ".png"), 999)
    spec = source(tmp_path).spec()
    assert set(spec.classes) == {*names, r"\xff\xfe"}


def test_small_classes_are_told(tmp_path):
    write(tmp_path, ("cat",), count=10)
    picture(tmp_path / "dog" / "a.png", 99)
    told = remarks(source(tmp_path))
    assert "no example to validate with of dog" in told
    assert "no example to test with of dog" in told
    assert "uneven: from 1 training examples (dog) to 6 (cat)" in told


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, "no folder"),
        (lambda root: root.mkdir(), "no pictures in sub-folders"),
        (lambda root: picture(root / "a.png", 0), "no pictures in sub-folders"),
        (lambda root: write(root, ("cat",)), r"1 classes \(cat\)"),
        (lambda root: write(root, count=1), "too few pictures for val and test: 2 of 2 classes"),
    ],
)
def test_folders_of_too_little_are_told(tmp_path, make, words):
    make(tmp_path / "pets")
    with pytest.raises(UsageError, match=words):
        source(tmp_path / "pets").spec()


def test_sizes_that_differ_are_brought_to_their_median(tmp_path):
    write(tmp_path, ("cat",), size=(10, 30))
    write(tmp_path, ("dog",), size=(20, 20))
    for number in range(5):
        picture(tmp_path / "dog" / f"more{number}.png", 50 + number, size=(20, 20))
    part = source(tmp_path)
    assert part.spec().input_shape == (3, 20, 20)
    assert "10x20 to 20x30 pixels (height x width) are resized to 20x20" in remarks(part)
    assert source(tmp_path, "?size=5x7").spec().input_shape == (3, 5, 7)
    assert source(tmp_path, "?size=9").spec().input_shape == (3, 9, 9)


def test_large_pictures_are_made_smaller_in_proportion(tmp_path):
    part = source(write(tmp_path, count=3, size=(100, 1000)))
    assert part.spec().input_shape == (3, 26, 256)
    assert "Pictures of 100x1000 pixels (height x width) are resized to 26x256" in remarks(part)


def test_channels_are_the_most_there_are_unless_they_are_said(root):
    write(root, ("eel",), mode="L")
    assert source(root).spec().input_shape[0] == 3
    assert "20 grey, 40 coloured: all are read with 3 channels" in remarks(source(root))
    assert source(root, "?channels=1").spec().input_shape[0] == 1
    Image.new("RGBA", (6, 4), (1, 2, 3, 4)).save(root / "eel" / "through.png")
    assert source(root).spec().input_shape[0] == 4


def test_pictures_of_16_bits_are_kept_so(tmp_path):
    for number in range(6):
        for name in ("cat", "dog"):
            shades = np.full((2, 2), 1000 + number + 10 * (name == "dog"), dtype=np.uint16)
            path = tmp_path / name / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(shades).save(path)
    for options in ("", "?memory=1B"):
        module = source(tmp_path, options).datamodule(source(tmp_path, options).spec(), batch_size=8, seed=0)
        [(inputs, labels)] = module.train_dataloader()
        shades = (inputs[:, 0, 0, 0] * 65535).round().int()
        assert len(set(shades.tolist())) == 8, "eight bits would make all of them the same"
        assert ((shades >= 1010) == labels.bool()).all()


def test_data_that_has_changed_is_noticed(root):
    part = source(root)
    spec = part.spec()
    (root / "cat" / "00.png").rename(root / "cat" / "zz.png")
    assert part.spec() == spec, "names do not count"
    part.datamodule(spec, batch_size=4, seed=0)
    picture(root / "cat" / "01.png", 12345)
    assert part.spec().split_hashes != spec.split_hashes
    with pytest.raises(UsageError, match=r"not what it was when the study was made \(.*\)"):
        part.datamodule(spec, batch_size=4, seed=0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Name the place"),
        ("?size=3", "Name the place"),
        ("p?sise=3", "Did you mean 'size'"),
        ("p?size=3&size=4", "stands twice"),
        ("p?size", "as size=64x48"),
        ("p?skip-bad=yes", "as skip-bad, not"),
        ("p?size=0x4", "HEIGHTxWIDTH"),
        ("p?size=1x2x3", "HEIGHTxWIDTH"),
        ("p?size=" + 5000 * "1", "HEIGHTxWIDTH"),
        ("~nobody-of-this-name/x", "no path that can be looked at: .*home"),
        ("~nobody-of-this-name/x?size=3", "no path that can be looked at"),
        (300 * "x", "no path that can be looked at: File name too long"),
        ("a\0b", "no path that can be looked at"),
        ("p?channels=2", "1, 3 or 4 channels"),
        ("p?memory=lots", "lots"),
    ],
)
def test_bad_variants_are_told(text, words):
    with pytest.raises(UsageError, match=words):
        Folder().variant(text)


def test_a_path_below_a_closed_folder_is_told(tmp_path, monkeypatch):
    def closed(path, **_options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(UsageError, match="can be looked at: Permission denied"):
        Folder().variant(str(tmp_path / "closed" / "pets"))


def test_a_folder_must_be_named():
    with pytest.raises(UsageError, match="folder:PATH"):
        Folder().spec()


def test_a_path_may_hold_a_question_mark(tmp_path):
    write(tmp_path / "who?size=me")
    assert source(tmp_path / "who?size=me").spec().train_size == 28
    assert source(tmp_path / "who?size=me", "?size=5").spec().input_shape == (3, 5, 5)
