from __future__ import annotations

import numpy as np
import pytest
from automl_vision.files import read_images
from automl_vision.pictures import UnreadableError, depth, examine, pixels
from PIL import Image

from automl.errors import UsageError


def saved(path, image, **options):
    image.save(path, **options)
    return path


def at(path, channels, size=(2, 3)):
    return pixels(path, channels, size)


def test_grey_of_16_bits_keeps_all_of_them(tmp_path):
    shades = np.array([[0, 1, 300], [4095, 40000, 65535]], dtype=np.uint16)
    path = saved(tmp_path / "a.png", Image.fromarray(shades))
    assert examine(path)[1:] == (2, 3, 1, True)
    assert at(path, 1)[..., 0].tolist() == shades.tolist()
    assert at(path, 3).tolist() == np.dstack([shades] * 3).tolist()
    assert at(path, 4)[..., 3].min() == 65535
    assert at(path, 1, (1, 1)).item() == round(shades.mean())
    assert read_images(path, (1, 2, 3))[0, 0, 1, 0].item() == pytest.approx(4095 / 65535)


def test_shades_are_the_same_in_8_and_16_bits():
    eight = np.arange(256, dtype=np.uint8)
    assert depth(eight, deep=True).tolist() == [257 * shade for shade in range(256)]
    assert depth(depth(eight, deep=True), deep=False).tolist() == eight.tolist()
    assert depth(eight, deep=False) is eight


def test_a_palette_is_colours(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 1]], dtype=np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    path = saved(tmp_path / "a.png", image)
    assert examine(path).channels == 3
    assert at(path, 3, (1, 3))[0].tolist() == [[255, 0, 0], [0, 0, 255], [0, 0, 255]]


def test_a_photograph_is_turned_as_its_camera_was(tmp_path):
    image = Image.fromarray(np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    path = saved(tmp_path / "a.png", image, exif=exif)
    assert examine(path)[1:3] == (3, 2)
    assert at(path, 1, (3, 2))[..., 0].tolist() == [[255, 0]] * 3
    assert read_images(path, (1, 3, 2))[0, 0].tolist() == [[1.0, 0.0]] * 3


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 3), ("RGB", 3), ("CMYK", 3), ("YCbCr", 3)])
def test_other_modes_become_what_is_asked_for(tmp_path, mode, channels):
    path = saved(tmp_path / "a.tif", Image.new("RGB", (3, 2), "white").convert(mode))
    assert examine(path).channels == channels
    for wanted in (1, 3, 4):
        assert at(path, wanted).shape == (2, 3, wanted)
        assert at(path, wanted).min() == 255


def test_alpha_counts_only_where_something_shows_through(tmp_path):
    opaque = saved(tmp_path / "a.png", Image.new("RGBA", (3, 2), (9, 9, 9, 255)))
    through = saved(tmp_path / "b.png", Image.new("RGBA", (3, 2), (0, 0, 0, 0)))
    assert (examine(opaque).channels, examine(through).channels) == (3, 4)
    assert at(through, 4)[0, 0].tolist() == [0, 0, 0, 0]
    assert at(through, 3)[0, 0].tolist() == [255, 255, 255], "what is transparent lies on white"
    assert at(opaque, 1)[0, 0].tolist() == [9]


def test_sides_are_height_and_width_and_resizing_averages(tmp_path):
    image = Image.fromarray(np.array([[0, 100, 0, 0], [100, 200, 0, 0]], dtype=np.uint8))
    path = saved(tmp_path / "a.png", image)
    assert at(path, 1, (1, 2))[..., 0].tolist() == [[100, 0]]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b""), "no picture of a known format"),
        (lambda path: path.mkdir(), "no regular file"),
        (lambda path: Image.new("F", (2, 2)).save(path, "TIFF"), "range is not known"),
        (lambda path: path.write_bytes(torn()), "truncated"),
        (lambda path: None, "No such file"),
    ],
)
def test_what_gives_no_pixels_says_why(tmp_path, make, words):
    make(tmp_path / "a.png")
    with pytest.raises(UnreadableError, match=words):
        examine(tmp_path / "a.png")


def torn():
    import io

    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(whole, "JPEG")
    return whole.getvalue()[:900]


def test_arrays_of_many_channels_are_told_apart_from_pictures(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="no picture has 7 channels"):
        read_images(tmp_path / "a.png", (7, 4, 4))


@pytest.mark.parametrize("deepest", [4095, 65535])
def test_pgm_of_16_bits_is_grey_of_16_bits(tmp_path, deepest):
    shades = np.array([[0, deepest, deepest // 3]], dtype=">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 3 1 %d\n" % deepest + shades.tobytes())
    assert examine(tmp_path / "a.pgm")[1:] == (1, 3, 1, True)
    assert at(tmp_path / "a.pgm", 1, (1, 3))[..., 0].tolist() == [[0, 65535, 65535 // 3]]


@pytest.mark.parametrize(("mode", "through", "other"), [("RGB", (9, 8, 7), (1, 2, 3)), ("L", 9, 3)])
def test_a_transparent_colour_of_a_png_is_alpha(tmp_path, mode, through, other):
    image = Image.new(mode, (3, 2), other)
    opaque = saved(tmp_path / "a.png", image, transparency=through)
    image.putpixel((0, 0), through)
    path = saved(tmp_path / "b.png", image, transparency=through)
    assert (examine(opaque).channels, examine(path).channels) == (len(image.getbands()), 4)
    for channels in (1, 3):
        assert at(path, channels)[0, 0].tolist() == [255] * channels, "what is transparent lies on white"
    assert at(path, 4)[0, :2, 3].tolist() == [0, 255]


def test_lab_is_colours(tmp_path):
    path = saved(tmp_path / "a.tif", Image.new("LAB", (3, 2), (255, 128, 128)))
    assert examine(path).channels == 3
    for wanted in (1, 3, 4):
        assert at(path, wanted).shape == (2, 3, wanted)
        assert at(path, wanted).min() > 250
