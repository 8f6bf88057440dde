"""Examples of the same contents: within a split, in two splits, under two labels."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_NAMED = 10
"""Examples that a sentence names."""


@dataclasses.dataclass(frozen=True)
class Known:
    """A split as far as it takes to find repeats.

    Attributes:
        keys: A name for the contents of each example.
        labels: The class of each.
        names: What a person calls each: its file, or its place in an array.
    """

    keys: Sequence[str]
    labels: Sequence[int]
    names: Sequence[str]


def repeats(splits: Mapping[str, Known]) -> list[str]:
    """A sentence for each kind of repeat that there is, the gravest first."""
    places: dict[str, list[tuple[str, int, str]]] = collections.defaultdict(list)
    for split, known in splits.items():
        for key, label, name in zip(known.keys, known.labels, known.names, strict=True):
            places[key].append((split, label, name))
    many = [group for group in places.values() if len(group) > 1]
    leaks = [group for group in many if len({split for split, _, _ in group}) > 1]
    torn = [group for group in many if len({label for _, label, _ in group}) > 1]
    within = sum(count - 1 for group in many for count in collections.Counter(split for split, _, _ in group).values())
    found = []
    if leaks:
        named = [_pair(group, 0) for group in leaks[:MOST_NAMED]]
        verb = "image stands" if len(leaks) == 1 else "images stand"
        found.append(f"Leak: {len(leaks)} {verb} in more than one split ({listed(named, len(leaks))}).")
    if torn:
        named = [_pair(group, 1) for group in torn[:MOST_NAMED]]
        verb = "image has" if len(torn) == 1 else "images have"
        found.append(f"{len(torn)} {verb} more than one label ({listed(named, len(torn))}).")
    if within:
        counted = "1 image repeats another" if within == 1 else f"{within} images repeat others"
        found.append(f"{counted} of the same split.")
    return found


def listed(names: Sequence[str], count: int) -> str:
    """The names, and how many there are beside them."""
    text = ", ".join(names)
    return text if count <= len(names) else f"{text} and {count - len(names)} more"


def _pair(group: list[tuple[str, int, str]], differing: int) -> str:
    """Two examples of a group that differ in split or label."""
    first = group[0]
    other = next(each for each in group if each[differing] != first[differing])
    return f"{first[2]} = {other[2]}"
