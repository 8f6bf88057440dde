"""From images in memory to what a data source of them is: hashes, repeats, mean and deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_vision.examples import Examples, channel_stats
from automl_vision.image_source import Loaded
from automl_vision.repeats import Known, repeats
from automl_vision.splits import content_key, split_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

Stats = tuple[tuple[float, ...], tuple[float, ...]]


def in_memory(
    splits: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
    classes: tuple[str, ...],
    *,
    stats: Stats | None = None,
    remarks: Sequence[str] = (),
) -> Loaded:
    """A source's data from its tensors.

    Args:
        splits: Images ``(examples, channels, height, width)``, as `Examples` takes them, and labels of ``train``,
            ``val`` and ``test``.
        classes: Names of the classes.
        stats: Mean and deviation of each channel of the training split; reckoned when None.
        remarks: What is to be said beside repeats.
    """
    known = {
        split: Known(content_keys(images), labels.tolist(), [f"{split} {i}" for i in range(len(labels))])
        for split, (images, labels) in splits.items()
    }
    examples = {split: Examples(images, labels) for split, (images, labels) in splits.items()}
    mean, std = stats or channel_stats(examples["train"])
    return Loaded(
        splits=examples,
        classes=classes,
        input_shape=tuple(splits["train"][0].shape[1:]),
        mean=mean,
        std=std,
        hashes=tuple(split_hash(each.keys, each.labels) for each in known.values()),
        remarks=(*remarks, *repeats(known)),
    )


def content_keys(images: torch.Tensor) -> list[str]:
    """A name for the contents of each image."""
    return [content_key(image.tobytes()) for image in images.numpy()]


def overall_stats(pixels: torch.Tensor) -> Stats:
    """Mean and deviation over all pixels of grey images at once, in single precision."""
    return (float(pixels.mean()),), (float(pixels.std()),)
