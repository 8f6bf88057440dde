"""What a study remembers of a trial as it stood at a rung."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from automl.engine.front import cheapest_first, dominates
from automl.errors import UsageError
from automl.parts.strategy import Step
from automl.training.trial import TrialResult, TrialSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.parts import Goal


@dataclasses.dataclass(frozen=True)
class Record:
    """A finished step: a trial as it stood at a rung, which is a model like any other.

    Attributes:
        spec: What went in.
        result: What came out.
        values: One number a goal of the study, in their order; None when the step failed.
        label: The config in a few words.
        test_score: The task's score on the test split; None until the front was tested, and for models off it.
        step: What the engine asked for; None where a record stands alone.
        price: What the step has cost, as the engine was told.
        finished_ms: When, in milliseconds since 1970.
    """

    spec: TrialSpec
    result: TrialResult
    values: tuple[float, ...] | None
    label: str
    test_score: float | None = None
    step: Step | None = None
    price: float = 0.0
    finished_ms: int = 0

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types, without the test score."""
        assert self.step is not None
        return {
            "spec": self.spec.to_json(),
            "result": self.result.to_json(),
            "values": self.values,
            "label": self.label,
            "step": vars(self.step),
            "price": self.price,
            "finished_ms": self.finished_ms,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """The inverse of `to_json`."""
        return cls(
            spec=TrialSpec.from_json(data["spec"]),
            result=TrialResult.from_json(data["result"]),
            values=tuple(data["values"]) if data["values"] else None,
            label=data["label"],
            step=Step(**data["step"]),
            price=data["price"],
            finished_ms=data.get("finished_ms", 0),
        )

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.spec.number

    @property
    def name(self) -> str:
        """``7``, or ``7@3`` for trial 7 as it stood after 3 epochs of a longer training."""
        return f"{self.number}" if self.spec.rung is None else f"{self.number}@{self.spec.rung}"


def find(records: Sequence[Record], text: str, study: str) -> Record:
    """The record a person means by ``7``, the last rung of trial 7 that did not fail, or by ``7@3``.

    Args:
        records: All of a study.
        text: What was typed.
        study: Name of the study, for messages.

    Raises:
        UsageError: The text is no trial, there is none of that number, or it did not stop at that rung.
    """
    number, at, epochs = text.partition("@")
    if not number.isdecimal() or (at and not epochs.isdecimal()):
        raise UsageError(
            f"{text!r} is no trial: give its number, as 7 or, after 3 epochs, 7@3; or 'best', 'knee' or 'cheapest'."
        )
    found = [record for record in records if record.number == int(number)]
    if not found:
        numbers = sorted({record.number for record in records})
        known = f"it has {len(numbers)}, numbered {numbers[0]} to {numbers[-1]}" if numbers else "it has none yet"
        raise UsageError(f"Study {study!r} has no finished trial {number}; {known}.")
    if not at:
        return latest(found)[0]
    reached = {record.spec.last_epoch: record for record in found}
    if int(epochs) not in reached:
        known = ", ".join(map(str, sorted(reached)))
        raise UsageError(f"Trial {number} of study {study!r} did not stop at {epochs} epochs, but at {known}.")
    return reached[int(epochs)]


def front(records: Sequence[Record], goals: Sequence[Goal]) -> list[Record]:
    """The records that no other dominates, the cheapest first (the last goal decides)."""
    scored = [record for record in records if record.values is not None]
    points = [record.values for record in scored if record.values is not None]
    return [scored[index] for index in cheapest_first(points, goals)]


def latest(records: Sequence[Record]) -> list[Record]:
    """Of each trial the record of its last rung, the last that did not fail where there is one."""
    last: dict[int, Record] = {}
    for record in records:
        if record.values is not None or record.number not in last:
            last[record.number] = record
    return list(last.values())


def trial_count(records: Sequence[Record]) -> int:
    """How many candidates the records are of."""
    return len({record.number for record in records})


def verdict(record: Record, records: Sequence[Record], goals: Sequence[Goal]) -> str:
    """Where a record stands among all, in a few words."""
    if record.values is None:
        return f"failed: {record.result.cause}"
    standing = front(records, goals)
    if any(member.name == record.name for member in standing):
        return "on the front" if len(goals) > 1 else "the best"
    for member in standing:
        if member.values is not None and dominates(member.values, record.values, goals):
            return f"beaten by {member.name}"
    return "equal to an earlier one"
