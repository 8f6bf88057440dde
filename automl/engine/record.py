"""What a study remembers of one trial."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from automl.engine.front import dominates, front_indices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.parts import Goal
    from automl.training.trial import TrialResult, TrialSpec


@dataclasses.dataclass(frozen=True)
class Record:
    """A finished trial.

    Attributes:
        spec: What went in.
        result: What came out.
        values: One number a goal of the study, in their order; None when the trial failed.
        label: The config in a few words.
        test_score: The task's score on the test split; None until the front was tested, and for trials off it.
    """

    spec: TrialSpec
    result: TrialResult
    values: tuple[float, ...] | None
    label: str
    test_score: float | None = None

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.spec.number


def front(records: Sequence[Record], goals: Sequence[Goal]) -> list[Record]:
    """The records that no other dominates, the cheapest first (the last goal decides)."""
    scored = [record for record in records if record.values is not None]
    points = [record.values for record in scored if record.values is not None]
    kept = [scored[index] for index in front_indices(points, goals)]
    sign = -1 if goals[-1].direction == "maximize" else 1
    return sorted(kept, key=lambda record: sign * record.values[-1] if record.values else 0.0)


def verdict(record: Record, records: Sequence[Record], goals: Sequence[Goal]) -> str:
    """Where a trial stands among all, in a few words."""
    if record.values is None:
        return f"failed: {record.result.cause}"
    standing = front(records, goals)
    if any(member.number == record.number for member in standing):
        return "on the front" if len(goals) > 1 else "the best"
    for member in standing:
        if member.values is not None and dominates(member.values, record.values, goals):
            return f"beaten by {member.number}"
    return "equal to an earlier one"
