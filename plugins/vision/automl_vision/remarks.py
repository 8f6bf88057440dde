"""What a person should know of a folder of pictures before a search spends anything on it."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from automl_vision.repeats import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl_vision.listing import Listing
    from automl_vision.pictures import Facts

MOST_BAD = 20
"""Broken files that a sentence names."""

KINDS = {1: "grey", 3: "coloured", 4: "partly transparent"}
"""Pictures by their number of channels."""


def bad_files(bad: Sequence[tuple[str, str]]) -> str:
    """Names and faults of what cannot be read."""
    named = [f"{name}: {fault}" for name, fault in bad[:MOST_BAD]]
    more = f"; and {len(bad) - MOST_BAD} more" if len(bad) > MOST_BAD else ""
    return f"{'; '.join(named)}{more}"


def of_files(listing: Listing, skipped: Sequence[tuple[str, str]]) -> list[str]:
    """What was passed over."""
    found = []
    if skipped:
        what = "1 file is" if len(skipped) == 1 else f"{len(skipped)} files are"
        found.append(f"{what} left out because of --skip-bad ({bad_files(skipped)}).")
    if listing.others:
        count = listing.others.total()
        endings = ", ".join(f"{ending} {number}" for ending, number in listing.others.most_common(5))
        what = "1 file that is" if count == 1 else f"{count} files that are"
        found.append(f"Passed over: {what} no picture in a class folder, by its ending ({endings}).")
    if listing.empty:
        found.append(f"Class folders without pictures are left out: {listed(listing.empty[:10], len(listing.empty))}.")
    return found


def of_shapes(facts: Sequence[Facts], shape: tuple[int, int, int], *, deep: bool) -> list[str]:
    """How pictures that differ are brought to one shape."""
    channels, height, width = shape
    found = []
    sizes = {(each.height, each.width) for each in facts}
    if sizes != {(height, width)}:
        (low_h, high_h), (low_w, high_w) = ((min(side), max(side)) for side in zip(*sizes, strict=True))
        span = f"{low_h}x{low_w}" + (f" to {high_h}x{high_w}" if len(sizes) > 1 else "")
        found.append(
            f"Pictures of {span} pixels (height x width) are resized to {height}x{width}, whatever their proportions; "
            "another size: ?size=HEIGHTxWIDTH."
        )
    kinds = collections.Counter(each.channels for each in facts)
    if set(kinds) != {channels}:
        counted = ", ".join(f"{number} {KINDS[kind]}" for kind, number in sorted(kinds.items()))
        found.append(f"Pictures are {counted}: all are read with {channels} channels; others: ?channels=1, 3 or 4.")
    if deep and (shallow := sum(not each.deep for each in facts)):
        found.append(f"{len(facts) - shallow} pictures have 16 bits a channel and {shallow} have 8; white stays white.")
    return found


def of_splits(sizes: Mapping[str, Sequence[int]], classes: Sequence[str], carved: Mapping[str, str]) -> list[str]:
    """Splits that were made, and classes they have no examples of.

    Args:
        sizes: Examples of each class, by split.
        classes: Their names.
        carved: Why a split is taken from the user's training split, by its name.
    """
    found = [f"{why}: a part of train is held out as {split}." for split, why in carved.items()]
    for split, purpose in (("val", "validate"), ("test", "test")):
        if lacking := [name for name, size in zip(classes, sizes[split], strict=True) if not size]:
            found.append(f"There is no example to {purpose} with of {listed(lacking[:10], len(lacking))}.")
    return found
