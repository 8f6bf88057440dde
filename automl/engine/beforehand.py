"""What is known of a candidate before it is trained: what it is, whether it may be tried, what it costs."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING

from automl.engine.narrow import NarrowedTrial, starting_point
from automl.engine.points import PointTrial, narrowed
from automl.engine.resolve import BATCH_SIZE, Plan
from automl.parts.recorded import RecordedSpace
from automl.price.named import NamedFigures
from automl.price.tag import PriceTag
from automl.training.trial import CHANNELS_LAST, FULL_PRECISION, TrialSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from automl.engine.record import Record
    from automl.parts import Config
    from automl.parts.strategy import Point, Step

UNBUILDABLE = "cannot be built"


class Beforehand:
    """A search's points as candidates of its space.

    Args:
        plan: The search.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.dimensions = narrowed(plan.space.dimensions(plan.data), plan.narrowing)
        self._an_epoch: tuple[float, float] | None = None

    def learn(self, record: Record) -> None:
        """Takes from a training how many examples an epoch truly has: a data source may leave the last few out."""
        epochs, result = len(record.result.history), record.result
        if epochs and result.score is not None and result.work is not None:
            self._an_epoch = result.trained_examples / epochs, result.steps / epochs

    def landmarks(self) -> list[Point]:
        """The space's landmarks, moved to where the user's wishes allow."""
        space, data = self._plan.space, self._plan.data
        declared = space.dimensions(data)
        return [starting_point(landmark, declared, self._plan.narrowing) for landmark in space.landmarks(data)]

    def config(self, point: Point) -> Config:
        """The candidate of a point."""
        trial = PointTrial(point, self.dimensions)
        return self._plan.space.suggest(NarrowedTrial(trial, self._plan.narrowing), self._plan.data)

    def key(self, point: Point) -> str:
        """The same text for points that are one candidate."""
        return json.dumps(self.config(point), sort_keys=True)

    def spec(self, step: Step, study: str) -> TrialSpec:
        """All there is to know to make a step."""
        rungs = self._plan.rungs
        return dataclasses.replace(
            trial_spec(self._plan, self.config(step.point), study, step.trial),
            rung=rungs[step.rung] if step.rung < len(rungs) - 1 else None,
            from_rung=None if step.from_rung is None else rungs[step.from_rung],
        )

    def refuse(self, point: Point) -> str:
        """Why a point must not be tried; empty when it may be, or when its price is not known beforehand."""
        if not self._plan.limits:
            return ""
        try:
            [figures] = self._figures(point, self._plan.rungs[-1:])
        except Exception as error:  # noqa: BLE001 - what cannot be built cannot be shown to keep a limit
            return f"{UNBUILDABLE} ({type(error).__name__})"
        for limit in self._plan.limits:
            try:
                if broken := limit.broken(figures):
                    return broken
            except KeyError:
                return f"{limit.figure} is not known beforehand"
        return ""

    def quote(self, point: Point) -> list[tuple[float, ...]]:
        """For each rung a value a goal, NaN where training alone will tell."""
        blank = (math.nan,) * len(self._plan.goals)
        try:
            return [self._values(figures) for figures in self._figures(point, self._plan.rungs)]
        except Exception:  # noqa: BLE001 - it fails in its own trial, with its cause
            return [blank] * len(self._plan.rungs)

    def _values(self, figures: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(float(value) for value in self._plan.objective.values(self._plan.task, _Known(figures)))

    def _figures(self, point: Point, rungs: Sequence[int]) -> list[NamedFigures]:
        """What is known of a candidate as it would stand at each of the rungs."""
        plan = self._plan
        predictions = plan.settings.predictions
        if isinstance(plan.space, RecordedSpace):
            known = plan.space.before(self.config(point), plan.data)
            if known is None:
                return [NamedFigures({}, PriceTag(), PriceTag(), predictions)] * len(rungs)
            return [NamedFigures(known.metrics, known.training, known.prediction, predictions)] * len(rungs)
        from automl.training.parts import count_work

        spec = trial_spec(plan, self.config(point))
        work = count_work(spec)
        prediction = work.prediction_tag()
        examples, steps = self._an_epoch or (plan.data.train_size, math.ceil(plan.data.train_size / spec.batch_size))
        trainings = [work.training_tag(round(n * examples), round(n * steps), spec.batch_size) for n in rungs]
        return [
            NamedFigures({}, training, prediction, predictions, lambda device: plan.pricer.on_device(work, device))
            for training in trainings
        ]


def trial_spec(plan: Plan, config: Config, study: str = "", number: int = 0) -> TrialSpec:
    """A full training of a candidate, as the plan asks for it."""
    settings = plan.settings
    return TrialSpec(
        study=study,
        number=number,
        space=plan.space.name,
        config=config,
        data=plan.data,
        epochs=plan.rungs[-1],
        batch_size=settings.batch_size or BATCH_SIZE,
        seed=settings.seed + number,
        threads=settings.threads or 1,
        precision=settings.precision or FULL_PRECISION,
        memory_format=settings.memory_format or CHANNELS_LAST,
    )


class _Known(dict[str, float]):
    """Figures as far as they are known, NaN for the others, so that an objective's sums stay unknown where they are."""

    def __init__(self, figures: Mapping[str, float]) -> None:
        super().__init__()
        self._figures = figures

    def __missing__(self, name: str) -> float:
        try:
            return self._figures[name]
        except KeyError:
            return math.nan

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)
