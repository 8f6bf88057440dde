from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import torch
from automl_vision.npz import Npz
from PIL import Image

from automl.errors import UsageError
from automl.testing.data_sources import DataSourceSuite
from automl.testing.hostile import Payload, unexecuted

RANDOM = np.random.default_rng(0)


def noise(count, *shape, dtype=np.uint8):
    if np.issubdtype(dtype, np.floating):
        return RANDOM.normal(50, 9, (count, *shape)).astype(dtype)
    return RANDOM.integers(0, np.iinfo(dtype).max, (count, *shape), dtype=dtype)


def labels(count, classes=2):
    return np.arange(count) % classes


def source(folder, options="", **arrays):
    np.savez(folder / "a.npz", **arrays)
    return Npz().variant(f"{folder / 'a.npz'}{options}")


def batch(part):
    spec = part.spec()
    return next(iter(part.datamodule(spec, batch_size=spec.train_size, seed=0).train_dataloader()))


@pytest.fixture(scope="class")
def laid_out(tmp_path_factory, request):
    images = noise(40, 13, 15, 17, dtype=np.float32)
    request.cls.part = source(
        tmp_path_factory.mktemp("data"), "?layout=channels-first", images=images, labels=labels(40)
    )


@pytest.mark.usefixtures("laid_out")
class TestManyChannels(DataSourceSuite):
    """Thirteen bands of floating point, far from [0, 1]."""

    def test_sizes(self):
        spec = self.part.spec()
        assert (spec.train_size, spec.val_size, spec.test_size) == (28, 6, 6)
        assert (spec.input_shape, spec.classes) == ((13, 15, 17), ("0", "1"))


def test_the_shorter_axis_holds_the_channels_unless_it_is_said(tmp_path):
    for shape, options, wanted in [
        ((8, 9), "", (1, 8, 9)),
        ((2, 8, 9), "", (2, 8, 9)),
        ((8, 9, 4), "", (4, 8, 9)),
        ((3, 9, 9), "?layout=channels-last", (9, 3, 9)),
        ((9, 9, 3), "?layout=channels-first", (9, 9, 3)),
    ]:
        part = source(tmp_path, options, images=noise(20, *shape), labels=labels(20))
        assert part.spec().input_shape == wanted
    for shape in ((8, 8, 8), (13, 16, 12)):
        with pytest.raises(UsageError, match="which axis of"):
            source(tmp_path, images=noise(20, *shape), labels=labels(20)).spec()


def test_channels_last_are_moved_not_reshaped(tmp_path):
    images = noise(20, 8, 9, 3)
    images[..., 1] = 255
    inputs, _ = batch(source(tmp_path, images=images, labels=labels(20)))
    assert inputs[:, 1].min() == 1
    assert inputs[:, 0].min() < 1


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535), (np.float64, 1)])
def test_whole_numbers_are_scaled_and_others_are_taken_as_they_are(tmp_path, dtype, full):
    images = noise(20, 4, 4, dtype=dtype)
    part = source(tmp_path, images=images, labels=labels(20))
    inputs, _ = batch(part)
    given = {float(np.float32(value)) for value in (images.astype(np.float32) / np.float32(full)).ravel()}
    assert set(inputs.ravel().tolist()) <= given
    np.save(tmp_path / "new.npy", images[:3])
    read = part.read(tmp_path / "new.npy", part.spec())
    torch.testing.assert_close(read[:, 0], torch.from_numpy(images[:3].astype(np.float32)) / full)


@pytest.mark.parametrize("names", ["x_{0} y_{0}", "{0}_images {0}_labels"])
@pytest.mark.parametrize("splits", [("train", "test"), ("train", "val", "test"), ("train",)])
def test_splits_of_the_user_stay(tmp_path, names, splits):
    arrays = {}
    for split in splits:
        images, column = names.format(split).split()
        arrays |= {images: noise(20, 4, 4), column: labels(20)[:, None]}
    spec = source(tmp_path, **arrays).spec()
    assert spec.test_size == (20 if "test" in splits else 4)
    assert spec.val_size == (20 if "val" in splits else 4)
    assert spec.train_size == 20 - 4 * (3 - len(splits))


def test_labels_may_be_words(tmp_path):
    for words in (np.array(["eel", "ant"] * 10), np.array([b"eel", b"ant"] * 10)):
        part = source(tmp_path, images=noise(20, 4, 4), labels=words)
        assert part.spec().classes == ("ant", "eel")
    part = source(tmp_path, images=noise(20, 4, 4), labels=np.array([7, -3] * 10))
    assert part.spec().classes == ("-3", "7")


def test_an_image_in_two_splits_is_told(tmp_path):
    images, others = noise(20, 4, 4), noise(20, 4, 4)
    others[3] = images[7]
    part = source(tmp_path, x_train=images, y_train=labels(20), x_test=others, y_test=labels(20))
    assert any("Leak: 1 image" in remark and "test 3" in remark for remark in part.remarks(part.spec()))


def test_images_that_are_not_finite_are_told_and_may_be_skipped(tmp_path):
    images = noise(20, 4, 4, dtype=np.float32)
    images[3, 0, 0], images[5, 1, 1] = np.nan, np.inf
    part = source(tmp_path, images=images, labels=labels(20))
    with pytest.raises(UsageError, match=r"not finite: 3, 5\. .*--skip-bad"):
        part.spec()
    spec = part.skipping_bad().spec()
    assert spec.train_size + spec.val_size + spec.test_size == 18
    assert any("not finite: 3, 5" in remark for remark in part.skipping_bad().remarks(spec))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"pictures": noise(9, 4, 4)}, "must hold the arrays images and labels"),
        ({"images": noise(9, 4, 4)}, "must hold the arrays"),
        ({"x_test": noise(9, 4, 4), "y_test": labels(9)}, "must hold the arrays"),
        (
            {"x_train": noise(9, 4, 4), "y_train": labels(9), "x_test": noise(9, 4, 4)},
            "holds x_test, x_train, y_train",
        ),
        ({"images": np.uint8(3), "labels": labels(9)}, "one number for images"),
        ({"images": noise(9, 0, 4), "labels": labels(9)}, "no pixels"),
        ({"images": noise(9, 4, 4), "labels": labels(8)}, "9 images but 8 labels"),
        ({"images": noise(9, 4, 4), "labels": np.eye(9)}, "one label an image"),
        ({"images": noise(9, 4, 4), "labels": labels(9) / 2}, "neither whole numbers nor texts"),
        ({"images": noise(9, 4, 4), "labels": np.zeros(9, int)}, "1 classes"),
        ({"images": noise(9, 4), "labels": labels(9)}, "images of shape"),
        ({"images": noise(9, 4, 4, dtype=np.int64), "labels": labels(9)}, "type int64"),
        ({"images": noise(2, 4, 4), "labels": labels(2)}, "too few images for val and test"),
        ({"x_train": noise(9, 4, 4), "y_train": labels(9), "x_test": noise(9, 4, 5), "y_test": labels(9)}, "different"),
        ({"x_train": noise(9, 4, 4), "y_train": labels(9), "x_test": noise(9, 4, 4), "y_test": labels(9, 3)},
         "labels of test that train has not: 2"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_go_together_are_told(tmp_path, arrays, words):
    with pytest.raises(UsageError, match=words):
        source(tmp_path, **arrays).spec()


def test_files_that_are_none_are_told(tmp_path):
    with pytest.raises(UsageError, match="cannot be opened: No such file"):
        Npz().variant(str(tmp_path / "none.npz")).spec()
    with pytest.raises(UsageError, match="is no file"):
        Npz().variant(str(tmp_path)).spec()
    (tmp_path / "a.npz").write_bytes(b"PK rubbish")
    with pytest.raises(UsageError, match="no archive of arrays"):
        Npz().variant(str(tmp_path / "a.npz")).spec()
    with pytest.raises(UsageError, match="npz:PATH"):
        Npz().spec()
    with pytest.raises(UsageError, match="channels-first or channels-last"):
        Npz().variant("a.npz?layout=NHWC")


def test_pickles_and_headers_that_lie_are_refused(tmp_path):
    with unexecuted(tmp_path) as marker:
        part = source(tmp_path, images=np.array([Payload(marker)] * 9, dtype=object), labels=labels(9))
        with pytest.raises(UsageError, match="no archive of arrays"):
            part.spec()
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 8, 8)}".ljust(117) + b"\n"
    whole = io.BytesIO()
    np.save(whole, labels(9))
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        archive.writestr("labels.npy", whole.getvalue())
    with pytest.raises(UsageError, match="no archive of arrays"):
        Npz().variant(str(tmp_path / "b.npz")).spec()


def test_a_picture_is_taken_where_it_can_be_in_the_units_of_the_images(tmp_path):
    Image.new("RGB", (9, 9), (51, 51, 51)).save(tmp_path / "a.png")
    part = source(tmp_path, images=noise(20, 8, 8, 3), labels=labels(20))
    torch.testing.assert_close(part.read(tmp_path / "a.png", part.spec()), torch.full((1, 3, 8, 8), 0.2))
    part = source(tmp_path, images=noise(20, 8, 8, 3, dtype=np.float32), labels=labels(20))
    with pytest.raises(UsageError, match="not in"):
        part.read(tmp_path / "a.png", part.spec())


def test_a_new_image_may_have_its_channels_last(tmp_path):
    images = noise(20, 10, 11, 5)
    part = source(tmp_path, images=images, labels=labels(20))
    np.save(tmp_path / "one.npy", images[4])
    read = part.read(tmp_path / "one.npy", part.spec())
    assert read.shape == (1, 5, 10, 11)
    assert torch.equal((read[0, 3] * 255).round().byte(), torch.from_numpy(images[4, :, :, 3]))


def test_a_new_array_is_taken_in_the_units_of_the_training_images(tmp_path):
    path = tmp_path / "new.npy"

    def read(part, array):
        np.save(path, array)
        return part.read(path, part.spec())

    whole = noise(3, 8, 8)
    raw = source(tmp_path, images=noise(20, 8, 8).astype(np.float32), labels=labels(20))
    for array in (whole, whole.astype(np.float32), whole.astype(np.int64)):
        assert torch.equal(read(raw, array)[:, 0], torch.from_numpy(whole).float())
    pixels = noise(20, 8, 8, 4)
    pixels[..., 3] = 255  # an alpha channel that is opaque does not deviate at all
    unit = source(tmp_path, images=pixels, labels=labels(20))
    assert torch.equal(read(unit, pixels[:3]), read(unit, (pixels[:3] / 255).astype(np.float32)))
    for array in (pixels[:3].astype(np.float32), pixels[:3].astype(np.int64)):
        with pytest.raises(UsageError, match=r"values from 0 to 255; .* in \[0, 1\]"):
            read(unit, array)


def test_a_class_without_examples_in_a_split_and_splits_that_are_made_are_told(tmp_path):
    part = source(tmp_path, images=noise(12, 4, 4), labels=np.array([0] * 10 + [1] * 2))
    assert "There is no example to test with of 1." in part.remarks(part.spec())
    part = source(tmp_path, x_train=noise(20, 4, 4), y_train=labels(20), x_test=noise(9, 4, 4), y_test=labels(9))
    assert part.spec().test_size == 9
    assert part.remarks(part.spec()) == ("There are no arrays x_val, y_val: a part of train is held out as val.",)


def test_bytes_of_numbers_may_be_the_other_way_round(tmp_path):
    images = noise(20, 4, 4, dtype=np.uint16)
    specs = [source(tmp_path, images=images.astype(kind), labels=labels(20)).spec() for kind in ("<u2", ">u2")]
    assert specs[0] == specs[1]


def test_labels_may_be_bytes_in_one_split_and_characters_in_another(tmp_path):
    words = np.array(["eel", "änt"] * 10)
    part = source(
        tmp_path, x_train=noise(20, 4, 4), y_train=words, x_test=noise(20, 4, 4), y_test=np.char.encode(words, "utf-8")
    )
    assert part.spec().classes == ("eel", "änt")


def test_a_member_that_is_no_array_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", b"text")
        archive.writestr("labels.npy", b"text")
    with pytest.raises(UsageError, match="images is no array"):
        Npz().variant(str(tmp_path / "a.npz")).spec()


def test_a_constant_channel_does_not_divide_by_nothing(tmp_path):
    images = noise(20, 2, 4, 4, dtype=np.float32)
    images[:, 1] = 0.1
    assert source(tmp_path, images=images, labels=labels(20)).spec().std[1] == 1.0
