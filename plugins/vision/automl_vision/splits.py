"""Which examples are for training, validation and test: by chance, in proportion, and told by contents alone."""

from __future__ import annotations

import collections
import hashlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SPLITS = ("train", "val", "test")
HELD_SHARE = 0.15
"""Part of the examples that validation has, and as much again the test, where the data does not say."""


def content_key(data: bytes | memoryview) -> str:
    """A name for contents that no others have: 128 bits of BLAKE2b (RFC 7693) in hexadecimal."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def split_hash(keys: Iterable[str], labels: Iterable[int]) -> str:
    """A name for a split: another one as soon as an example, its label or the order is another.

    Args:
        keys: `content_key` of each example.
        labels: The class of each.
    """
    digest = hashlib.blake2b(digest_size=16)
    for key, label in zip(keys, labels, strict=True):
        digest.update(f"{key} {label}\n".encode())
    return digest.hexdigest()


def split_by_content(
    labels: Sequence[int], keys: Sequence[str], held: Sequence[str] = ("val", "test"), seed: int = 0
) -> dict[str, list[int]]:
    """Splits examples by chance, each class in proportion; those of the same contents stay together.

    Contents decide, not names or places: a file that is renamed stays in its split, and one that is added moves few
    others. A split that is held out gets `HELD_SHARE` of each class, but at least one example where the class has
    examples enough: of two, one is for training and one for the first of `held`. Repeated examples go to
    training first, so that what is held out weighs each picture once.

    Args:
        labels: The class of each example.
        keys: `content_key` of each.
        held: The splits to hold out, the most needed first.
        seed: Decides the chance.

    Returns:
        Indices by split, ``train`` and those of `held`, in an order that contents alone decide.
    """
    luck = {key: hashlib.blake2b(f"{seed} {key}".encode(), digest_size=16).digest() for key in keys}
    groups = collections.defaultdict(list)
    for index, key in enumerate(keys):
        groups[key].append(index)
    by_class = collections.defaultdict(list)
    for group in groups.values():
        by_class[labels[group[0]]].append(group)
    found: dict[str, list[int]] = {split: [] for split in ("train", *held)}
    for mates in by_class.values():
        mates.sort(key=lambda group: (len(group), luck[keys[group[0]]]))
        quota = max(1, round(HELD_SHARE * sum(map(len, mates))))
        for place, split in enumerate(held):
            taken = 0
            # One group is left for training and, once this split has any, one for each split that is still to come.
            while taken < quota and len(mates) > (len(held) - place if taken else 1):
                group = mates.pop(0)
                found[split] += group
                taken += len(group)
        for group in mates:
            found["train"] += group
    return {split: sorted(indices, key=lambda i: (luck[keys[i]], labels[i])) for split, indices in found.items()}


def stratified_order(labels: Sequence[int], seed: int) -> list[int]:
    """Indices in an order by chance of which every beginning, and so every stretch, holds the classes in proportion.

    Args:
        labels: The class of each example.
        seed: Decides the order.
    """
    # `Random.random` is the one generator that Python promises to keep.
    draw = random.Random(seed)
    luck = [draw.random() for _ in labels]
    members = collections.defaultdict(list)
    for index in sorted(range(len(labels)), key=luck.__getitem__):
        members[labels[index]].append(index)
    # The k-th of a class's n stands at the share (k + 1/2) / n of the whole.
    places = {
        index: ((rank + 0.5) / len(indices), luck[index])
        for indices in members.values()
        for rank, index in enumerate(indices)
    }
    return sorted(places, key=places.__getitem__)
