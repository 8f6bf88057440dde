"""Adds calls up to a `Count`."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping

from automl.price.work import Count, Load


class Tally:
    """The sums over calls, by operator and by octave of arithmetic intensity."""

    def __init__(self) -> None:
        self._by_operator: dict[str, float] = collections.defaultdict(float)
        self._uncounted: set[str] = set()
        self._octaves: dict[float, list[float]] = collections.defaultdict(lambda: [0.0, 0.0, 0.0])

    def add(self, parts: Mapping[str, float], moved_bytes: float) -> None:
        """One call."""
        flops = math.fsum(parts.values())
        for name, part in parts.items():
            if part:
                self._by_operator[name] += part
        octave = self._octaves[_octave(flops, moved_bytes)]
        octave[0] += flops
        octave[1] += moved_bytes
        octave[2] += 1

    def miss(self, name: str) -> None:
        """An operator that has no formula."""
        self._uncounted.add(name)

    def count(self, activation_bytes: float) -> Count:
        """All that was added."""
        profile = tuple(Load(*sums) for _, sums in sorted(self._octaves.items()))
        return Count(
            flops=math.fsum(load.flops for load in profile),
            moved_bytes=math.fsum(load.moved_bytes for load in profile),
            activation_bytes=float(activation_bytes),
            by_operator=dict(sorted(self._by_operator.items(), key=lambda item: -item[1])),
            uncounted=tuple(sorted(self._uncounted)),
            profile=profile,
        )


def an_example(count: Count, examples: int) -> Count:
    """A pass over several examples as the share of one; calls are those of the whole pass, which come once a batch."""
    return Count(
        flops=count.flops / examples,
        moved_bytes=count.moved_bytes / examples,
        activation_bytes=count.activation_bytes / examples,
        by_operator={name: flops / examples for name, flops in count.by_operator.items()},
        uncounted=count.uncounted,
        profile=tuple(Load(load.flops / examples, load.moved_bytes / examples, load.calls) for load in count.profile),
    )


def _octave(flops: float, moved_bytes: float) -> float:
    if not flops:
        return -math.inf
    return math.floor(math.log2(flops / moved_bytes)) if moved_bytes else math.inf
