"""Arrays of images in one ``.npz`` file as data: any number of channels, with splits or without."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, ClassVar

from automl.errors import UsageError
from automl_vision.options import PlacedImages

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from automl.parts import DataSpec
    from automl_vision.image_source import Loaded

WORDS = {"layout": "channels-last", "skip-bad": ""}
LAYOUTS = ("channels-first", "channels-last")

CONSTANT_STD = 1.0
"""The deviation that a channel without any variation is given."""


class Npz(PlacedImages):
    """Images and labels as NumPy saves them, without pickles.

    Arrays ``images`` and ``labels`` are split 70 / 15 / 15, each class in proportion; ``x_train``, ``y_train``,
    ``x_test``, ``y_test`` and perhaps ``x_val``, ``y_val`` (as Keras names them), or ``train_images``,
    ``train_labels`` and so on (as MedMNIST does), stay as they are. Images are ``(images, height, width)``, or have
    their channels first or last. Pixels of 8 and 16 bits are scaled to [0, 1]; floating point is taken as it is.
    """

    name = "npz"
    summary = "arrays in a file: npz:PATH, with images and labels, or x_train, y_train, x_test, y_test"
    variants: ClassVar[dict[str, str]] = {
        "PATH": "the file; arrays images and labels, or x_train, y_train, x_test, y_test and perhaps x_val, y_val",
        "PATH?layout=L": "channels-first or channels-last, instead of: the much shorter axis holds the channels",
        "PATH?skip-bad": "leave out images with values that are not finite (as --skip-bad does)",
    }
    words = WORDS
    place = "file of arrays"

    def check(self) -> None:
        """Raises UsageError when the layout is none."""
        if self.options.get("layout", LAYOUTS[0]) not in LAYOUTS:
            raise UsageError(f"A layout is {' or '.join(LAYOUTS)}, not {self.options['layout']!r}.")

    def loaded(self) -> Loaded:
        """Read once a process, and again when the file has changed.

        Raises:
            UsageError: The file is missing or damaged, or its arrays do not go together.
        """
        path = self.where
        try:
            facts = path.stat()
        except OSError as error:
            raise UsageError(f"{path} cannot be opened: {error.strerror}.") from error
        if not path.is_file():
            raise UsageError(f"{path} is no file. Folders of pictures are folder:PATH.")
        options = (self.options.get("layout"), "skip-bad" in self.options)
        return _loaded(path, (facts.st_size, facts.st_mtime_ns), *options)

    def read(self, path: Path, spec: DataSpec) -> torch.Tensor:
        """A ``.npy`` array in the units of the training images, or a picture where these are [0, 1].

        Where they may be in [0, 1], 8 and 16 bits are scaled to it as those of the file were, and other types must lie
        in it. Where they cannot be, an array of any type is taken as it is.

        Raises:
            UsageError: As of the base class, or a picture or an array is in other units than the training images.
        """
        from automl_vision.files import read_array, read_images

        unit = _may_be_unit(spec)
        if path.suffix != ".npy" and path.is_file() and not unit:
            raise UsageError(
                f"{path} is no .npy array, and the images of {self.name} are not in [0, 1] as pictures are."
            )
        if path.suffix == ".npy":
            return read_array(path, spec.input_shape, unit=unit)
        return read_images(path, spec.input_shape)


def _may_be_unit(spec: DataSpec) -> bool:
    """Whether the training pixels may lie in [0, 1], as the deviation of each channel tells.

    What lies there deviates from its mean by sqrt(mean * (1 - mean)) at most (Bhatia and Davis, "A better bound on the
    variance", 2000, theorem 1).
    """
    count = spec.train_size * math.prod(spec.input_shape[1:])
    # The spec's is the deviation of a sample, and single precision rounds.
    slack = count / max(1, count - 1) + 1e-6
    return all(
        0 <= mean <= 1 and (std == CONSTANT_STD or std**2 <= slack * mean * (1 - mean))
        for mean, std in zip(spec.mean, spec.std, strict=True)
    )


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, _facts: tuple[int, int], layout: str | None, skip_bad: bool) -> Loaded:
    from automl_vision.npz_loading import load

    return load(path, layout, skip_bad=skip_bad)
