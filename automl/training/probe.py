"""Which threads, precision and memory format train fastest: a few steps of one candidate each way, in turn."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Any

from automl.errors import TrialError
from automl.training.trial import CHANNELS_LAST, CONTIGUOUS, MIXED_PRECISION

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from automl.training.trial import TrialSpec

USUAL = "usual"
ROUNDS = 4
STEPS = 3

MARGIN = 1.2
"""How many times as fast something must be to be taken in the place of what is usual."""

NEAR = 0.9
"""Part of what is needed that must be reached in every round, the least of the seconds until then counting."""

USE = 0.75
"""Least share of each further thread that must be of use: two threads are to be 1.5 times as fast as one."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was found.

    Attributes:
        chosen: Fields of the spec that are to be other than usual, with their values.
        gains: How many times as fast the training is with each of these alone.
        step_s: Seconds a training step took, the least of all rounds, by the field that was changed, or ``usual``.
        steps: Steps that were taken.
    """

    chosen: dict[str, Any]
    gains: dict[str, float]
    step_s: dict[str, float]
    steps: int


def probe(
    spec: TrialSpec, fields: Collection[str], most_threads: int, step_s: Callable[[TrialSpec, int], float]
) -> Outcome:
    """Times a candidate as is usual and with one field changed at a time, and takes what wins by a clear margin.

    What wins is as many times as fast as it must be, by the least seconds of all rounds, and in its slowest round still
    faster than the usual in its fastest: where other programs disturb the clock, the usual stays. What does not come
    near is not tried again. Each field is decided alone.

    Args:
        spec: The candidate, with what is usual.
        fields: Those of threads, precision and memory_format that may be changed.
        most_threads: Threads there are for a training.
        step_s: Returns the seconds that a training step of a candidate takes, from so many steps; raises TrialError
            where it cannot be trained.

    Returns:
        The outcome; nothing is chosen where the candidate cannot be trained as is usual.
    """
    others = {
        name: dataclasses.replace(spec, **{name: value})
        for name, value in _others(spec, most_threads).items()
        if name in fields
    }
    taken: dict[str, list[float]] = collections.defaultdict(list)
    for _ in range(ROUNDS if others else 0):
        for name, candidate in {USUAL: spec, **others}.items():
            try:
                taken[name].append(step_s(candidate, STEPS))
            except TrialError:
                if name == USUAL:
                    return Outcome({}, {}, {}, 0)
                del others[name]  # what is gone through is a copy
        gains = {name: min(taken[USUAL]) / min(taken[name]) for name in others}
        others = {name: other for name, other in others.items() if gains[name] >= NEAR * _needed(spec, other)}
        if not others:
            break
    won = {
        name: getattr(other, name)
        for name, other in others.items()
        if gains[name] >= (needed := _needed(spec, other)) and min(taken[USUAL]) >= max(taken[name]) * min(needed, 1.0)
    }
    least = {name: min(seconds) for name, seconds in taken.items() if seconds}
    return Outcome(won, {name: gains[name] for name in won}, least, STEPS * sum(map(len, taken.values())))


def _others(spec: TrialSpec, most_threads: int) -> dict[str, Any]:
    """What there is beside what is usual, by field."""
    others: dict[str, Any] = {}
    threads = most_threads if spec.threads == 1 else 1
    if threads != spec.threads:
        others["threads"] = threads
    if spec.precision != MIXED_PRECISION and has_bf16():
        others["precision"] = MIXED_PRECISION
    if spec.memory_format == CHANNELS_LAST:
        others["memory_format"] = CONTIGUOUS
    return others


def _needed(spec: TrialSpec, other: TrialSpec) -> float:
    """How many times as fast `other` must be.

    More threads must be of use. Fewer are taken where all the others together gain less than the margin.
    """
    if other.threads > spec.threads:
        return max(MARGIN, USE * other.threads / spec.threads)
    if other.threads < spec.threads:
        return 1 / MARGIN
    return MARGIN


def has_bf16() -> bool:
    """Whether the hardware that trainings run on computes in bfloat16, and does not only imitate it."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001 - no other way
