"""An engine for a study: fresh for a new one, and for one that goes on as if it had never stopped."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from automl.engine.beforehand import Beforehand
from automl.engine.engine import Engine
from automl.engine.study import IN_FLIGHT
from automl.errors import StudyError
from automl.parts import Categorical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.engine.record import Record
    from automl.engine.resolve import Plan
    from automl.engine.study import Study
    from automl.parts import Dimension
    from automl.parts.strategy import Step

QUOTES = 1
"""Candidates whose exact price is asked for at each proposal: counting a model takes part of a second."""

RECORDED_QUOTES = 16
"""The same where a table answers at once."""

MOST_RETRACED = 2000
"""Steps of a study that are gone through again when it goes on; each takes what a proposal takes."""


@dataclasses.dataclass
class Knowing:
    """An engine and what it was told.

    Attributes:
        engine: Which.
        beforehand: What is known of candidates before they are trained, by which the engine asks.
        latest: The last record of each trial.
        unfinished: Steps that a killed or interrupted search left under way: to be done first, from their checkpoints.
        retraced: Whether the engine stands where that of the search stood, what it rejected unpaid included.
    """

    engine: Engine
    beforehand: Beforehand
    latest: dict[int, Record] = dataclasses.field(default_factory=dict)
    unfinished: list[Step] = dataclasses.field(default_factory=list)
    retraced: bool = True

    @classmethod
    def nothing(cls, plan: Plan) -> Knowing:
        """A fresh one."""
        known = Beforehand(plan)
        engine = Engine(
            known.dimensions,
            plan.goals,
            rungs=plan.rungs,
            strategy=plan.strategy,
            seed=plan.settings.seed,
            landmarks=known.landmarks(),
            quote=known.quote,
            quotes=RECORDED_QUOTES if plan.recorded else QUOTES,
            refuse=known.refuse,
            key=known.key,
        )
        return cls(engine, known)

    def tell(self, record: Record) -> None:
        """Takes a step in that was made before."""
        assert record.step is not None
        self.beforehand.learn(record)
        self.latest[record.number] = record
        self.engine.tell(record.step, record.values, price=record.price)


def knowing(plan: Plan, study: Study, most: int) -> Knowing:
    """An engine that knows all that the study has learned.

    It is asked again for every step that was made, so that its sampler stands where it stood. Where it asks for
    others, as after a search of several jobs, whose steps finished in their own order, or one of another number of
    trials, it is only told what came out.

    Args:
        plan: The search.
        study: What was made.
        most: Candidates it may have in all.
    """
    dimensions = {dimension.name: dimension for dimension in Beforehand(plan).dimensions}
    records = [_completed(record, dimensions) for record in study.records]
    _check(plan, study, dimensions, records)
    under_way = _unfinished(study, dimensions)
    found = _retraced(plan, records, under_way, most) if len(records) <= MOST_RETRACED else None
    if found is None:
        found = Knowing.nothing(plan)
        found.retraced = False
        for record in records:
            if record.step is not None:
                found.tell(record)
    found.unfinished = under_way
    for step in found.unfinished:
        found.engine.resume(step)
    return found


def _completed(record: Record, dimensions: Mapping[str, Dimension]) -> Record:
    """The record with a value for every dimension; see `_whole`."""
    return record if record.step is None else dataclasses.replace(record, step=_whole(record.step, dimensions))


def _whole(step: Step, dimensions: Mapping[str, Dimension]) -> Step:
    """The step, its point with the default of each dimension that the space did not have when it was made.

    A space may get a dimension with a plugin that was installed since; the default is what was done before.
    """
    missing = {name: dimension.default for name, dimension in dimensions.items() if name not in step.point}
    # A point of nothing at all is no old one, but a damaged one.
    return dataclasses.replace(step, point={**step.point, **missing}) if missing and step.point else step


def _check(plan: Plan, study: Study, dimensions: Mapping[str, Dimension], records: Sequence[Record]) -> None:
    """Raises StudyError when a step that the study tells of is none of this search: no strategy would know it."""
    in_flight = [_whole(step, dimensions) for step in study.in_flight]
    told = [(step, f"{study.folder / IN_FLIGHT}, which names the steps under way") for step in in_flight]
    told += [(each.step, f"Trial {each.name} of study {study.name!r}") for each in records if each.step]
    for step, where in told:
        known = step.point.keys() == dimensions.keys() and step.rung < len(plan.rungs)
        if not known or not all(_fits(dimensions[name], value) for name, value in step.point.items()):
            raise StudyError(f"{where}, is not of this search: {step}.")


def _fits(dimension: Dimension, value: Any) -> bool:
    if isinstance(dimension, Categorical):
        return value in dimension.choices
    return isinstance(value, int | float) and math.isfinite(value)


def _unfinished(study: Study, dimensions: Mapping[str, Dimension]) -> list[Step]:
    made = {(record.number, record.step.rung) for record in study.records if record.step is not None}
    return [_whole(step, dimensions) for step in study.in_flight if (step.trial, step.rung) not in made]


def _retraced(plan: Plan, records: Sequence[Record], under_way: list[Step], most: int) -> Knowing | None:
    """An engine led the way that the search took; None where it would take another."""
    known, begun = Knowing.nothing(plan), set[int]()
    for record in records:
        if known.engine.ask(new=len(begun) < most) != record.step:
            return None
        begun.add(record.number)
        known.tell(record)
    asked = [known.engine.ask(new=len(begun) < most) for _ in under_way]
    return known if asked == under_way else None
