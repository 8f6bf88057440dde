"""From the listing of a folder to three splits of pictures, in memory where they fit."""

from __future__ import annotations

import collections
import math
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.errors import UsageError
from automl_vision import remarks
from automl_vision.examples import Files, channel_stats
from automl_vision.image_source import Loaded
from automl_vision.index import Index, threads
from automl_vision.repeats import Known, repeats
from automl_vision.splits import SPLITS, split_by_content, split_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl_vision.examples import Examples
    from automl_vision.folder import Wishes
    from automl_vision.listing import Listing, Picture
    from automl_vision.pictures import Facts

LONGEST_PX = 256
"""The longer side of pictures whose size the user leaves open: models of a search see 224 at most by default."""

Found = tuple["Picture", "Facts"]


def load(listing: Listing, wishes: Wishes) -> Loaded:
    """Decodes every picture of a folder once, and splits them.

    Args:
        listing: What is in the folder.
        wishes: What the user said of it.

    Raises:
        UsageError: A file cannot be read, or the folder holds too little to learn from.
    """
    index = Index(listing.root)
    found, bad = _examined(index, listing)
    if bad and not wishes.skip_bad:
        what = "1 file" if len(bad) == 1 else f"{len(bad)} files"
        raise UsageError(
            f"{what} of {listing.root} cannot be read: {remarks.bad_files(bad)}. Mend them or take them away, or go on "
            "without them: --skip-bad."
        )
    classes = _classes(listing, found)
    given = {picture.split for picture, _ in found} - {""}
    splits = _splits(found, classes, given)
    facts = [each for _, each in found]
    deep = any(each.deep for each in facts)
    channels = wishes.channels or max(each.channels for each in facts)
    shape = (channels, *(wishes.size or _common_size(facts)))
    known = {split: _known(members, classes) for split, members in splits.items()}
    files = {
        split: Files([picture.path for picture, _ in members], known[split].labels, shape, deep=deep)
        for split, members in splits.items()
    }
    hashes = {split: split_hash(each.keys, each.labels) for split, each in known.items()}
    size_bytes = len(found) * int(np.prod(shape)) * (2 if deep else 1)
    held: dict[str, Files | Examples] = dict(files)
    if size_bytes <= wishes.memory_bytes:
        held = {split: each.loaded(threads()) for split, each in files.items()}
        mean, std = channel_stats(held["train"], threads())
    else:
        mean, std = _remembered_stats(index, files["train"], f"{hashes['train']} {shape} {deep}")
    counts = {split: np.bincount(each.labels, minlength=len(classes)).tolist() for split, each in known.items()}
    carved = {
        split: f"There {'are no pictures in the' if split in listing.splits else 'is no'} folder {split}"
        for split in ("val", "test")
        if given and split not in given
    }
    return Loaded(
        splits=held,
        classes=classes,
        input_shape=shape,
        mean=mean,
        std=std,
        hashes=tuple(hashes[split] for split in SPLITS),
        remarks=(
            *repeats(known),
            *remarks.of_files(listing, bad),
            *remarks.of_splits(counts, classes, carved),
            *remarks.of_shapes(facts, shape, deep=deep),
        ),
    )


def _examined(index: Index, listing: Listing) -> tuple[list[Found], list[tuple[str, str]]]:
    """Pictures with their facts; names and faults of those that are none."""
    found, bad = [], list(listing.bad)
    for picture, facts in index.examine(listing.pictures):
        if isinstance(facts, str):
            bad.append((picture.name, facts))
        else:
            found.append((picture, facts))
    return found, bad


def _classes(listing: Listing, found: Sequence[Found]) -> tuple[str, ...]:
    """Names of the classes there are to learn: those with training pictures, or pictures of no given split."""
    learned = {picture.label for picture, _ in found if picture.split in {"", "train"}}
    if unknown := sorted({picture.label for picture, _ in found} - learned):
        raise UsageError(f"{listing.root} has pictures of {', '.join(unknown[:10])} in val or test, but none in train.")
    if len(learned) < 2:  # noqa: PLR2004 - one class is nothing to tell apart
        raise UsageError(
            f"{listing.root} has pictures of {len(learned)} classes ({', '.join(learned) or 'none'}); to learn to tell "
            "them apart two or more are needed, each in a sub-folder of its own."
        )
    return tuple(sorted(learned))


def _splits(found: Sequence[Found], classes: tuple[str, ...], given: set[str]) -> dict[str, list[Found]]:
    """The splits the user made; what is missing is taken from train by chance."""
    splits: dict[str, list[Found]] = collections.defaultdict(list)
    for picture, facts in found:
        splits[picture.split or "train"].append((picture, facts))
    held = [split for split in ("val", "test") if split not in given]
    whole = splits["train"]
    numbers = {name: number for number, name in enumerate(classes)}
    labels = [numbers[picture.label] for picture, _ in whole]
    parts = split_by_content(labels, [facts.key for _, facts in whole], held)
    splits |= {split: [whole[index] for index in indices] for split, indices in parts.items()}
    if lacking := [split for split in SPLITS if not splits[split]]:
        raise UsageError(
            f"There are too few pictures for {' and '.join(lacking)}: {len(whole)} of {len(classes)} classes. Three of "
            "one class or more are needed, and 20 of each to learn anything."
        )
    return {split: splits[split] for split in SPLITS}


def _known(members: Sequence[Found], classes: tuple[str, ...]) -> Known:
    numbers = {name: number for number, name in enumerate(classes)}
    return Known(
        keys=[facts.key for _, facts in members],
        labels=[numbers[picture.label] for picture, _ in members],
        names=[picture.name for picture, _ in members],
    )


def _common_size(facts: Sequence[Facts]) -> tuple[int, int]:
    """The median height and width, made smaller in proportion where the longer side is very long."""
    height = statistics.median(each.height for each in facts)
    width = statistics.median(each.width for each in facts)
    scale = min(1.0, LONGEST_PX / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _remembered_stats(index: Index, files: Files, of: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of pictures too many to be decoded by every process that trains on them."""
    sums = index.sums(of)
    if not _sound(sums, files.shape[0]):
        sums = [list(each) for each in channel_stats(files, threads())]
    # Also where these were known: the facts of files that are new would be found again by every process.
    index.keep(of, sums)
    mean, std = map(tuple, sums)
    return mean, std


def _sound(sums: Any, channels: int) -> bool:
    """Whether they are a finite mean and a deviation to divide by for each channel."""
    if not isinstance(sums, list) or len(sums) != 2 or not all(isinstance(each, list) for each in sums):  # noqa: PLR2004
        return False
    mean, std = sums
    return (
        len(mean) == len(std) == channels
        and all(isinstance(each, float) and math.isfinite(each) for each in mean + std)
        and min(std) > 0
    )
