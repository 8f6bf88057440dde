"""Why a trial of a front is a good choice, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.report import units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.engine.record import Record
    from automl.parts import Goal

TITLES = {
    "best": "has the best {score}",
    "knee": "is the knee: beyond it more price buys little",
    "cheapest": "is the cheapest",
}


def reason(
    record: Record, front: Sequence[Record], goals: Sequence[Goal], way: str, min_score: float | None = None
) -> str:
    """What a trial has to say for itself: its values, and what its neighbours on the front would cost or save.

    Args:
        record: The trial that was picked.
        front: Trials that no other beats, the cheapest first.
        goals: The goals of the study.
        way: How it was picked.
        min_score: The score that was asked for.
    """
    score = units.title(goals[0].metric)
    title = TITLES[way].format(score=score)
    if min_score is not None:
        title += f" that reaches {units.metric(goals[0].metric, min_score)}"
    text = f"Trial {record.name} {title}: {_values(record, goals)}"
    index = next(place for place, other in enumerate(front) if other.name == record.name)
    beside = []
    if len(goals) > 1 and index > 0:
        beside.append(f"the next cheaper, trial {front[index - 1].name}, has {_values(front[index - 1], goals)}")
    if len(goals) > 1 and index + 1 < len(front):
        beside.append(f"the next dearer, trial {front[index + 1].name}, {_values(front[index + 1], goals)}")
    return f"{text}; {', and '.join(beside)}." if beside else f"{text}."


def _values(record: Record, goals: Sequence[Goal]) -> str:
    shown = [units.metric(goal.metric, value) for goal, value in zip(goals, record.values or (), strict=False)]
    return " for ".join([shown[0], *([" and ".join(shown[1:])] if shown[1:] else [])])
