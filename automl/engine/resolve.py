"""From settings to a plan: names become parts, gaps become choices, contradictions become errors."""

from __future__ import annotations

import dataclasses
import math
import os
from typing import TYPE_CHECKING

from automl.engine.budget import Budget, parse_time_s
from automl.engine.executor import Serial
from automl.engine.goals import check_figures, chosen_objective
from automl.engine.limits import Limit, limits_of, parse_size
from automl.engine.narrow import Choices, Range, opened, parse_narrowing
from automl.engine.points import narrowed
from automl.engine.pricer import Pricer
from automl.engine.rungs import OFF, default_rungs, parse_rungs
from automl.engine.settings import EPOCHS
from automl.errors import UsageError
from automl.host import Host, get_host
from automl.parts import DataSource, DataSpec, Executor, Goal, Objective, Space, Strategy, Task
from automl.parts.executor import Resources
from automl.parts.recorded import RecordedSpace
from automl.training.trial import CHANNELS_LAST, FULL_PRECISION

if TYPE_CHECKING:
    from automl.engine.settings import Settings

BATCH_SIZE = 128

COMPUTING = ("threads", "precision", "memory_format")
"""Settings of how to compute."""

SMALL_EXAMPLE = 1024
"""Numbers in an example, up to which one thread trains about as fast as two, and faster in 32 bits than in 16."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """A search that can start.

    Attributes:
        settings: With every choice made.
        space: The part to search.
        objective: What good means.
        source: Where examples come from.
        data: What is known of them.
        task: How to learn from them.
        goals: What is to be made large or small.
        narrowing: The user's wishes by dimension.
        pricer: Carbon and money of figures, prices on other devices.
        budget: What the study may cost.
        strategy: How candidates are proposed and promoted.
        rungs: Epochs at which candidates are compared; the last is a full training.
        limits: What every model must keep to.
        executor: Where trials run.
        resources: What they may use.
        remarks: What a person should know of the data beforehand.
        left_open: Settings of how to compute that the user left open, so that a probe may change them.
        most_threads: Threads there are for a trial.
    """

    settings: Settings
    space: Space
    objective: Objective
    source: DataSource
    data: DataSpec
    task: Task
    goals: tuple[Goal, ...]
    narrowing: dict[str, Choices | Range]
    pricer: Pricer
    budget: Budget
    strategy: Strategy
    rungs: tuple[int, ...]
    limits: tuple[Limit, ...]
    executor: Executor
    resources: Resources
    remarks: tuple[str, ...] = ()
    left_open: tuple[str, ...] = ()
    most_threads: int = 1

    @property
    def recorded(self) -> bool:
        """Whether trainings are looked up, not made."""
        return isinstance(self.space, RecordedSpace)


def resolve(settings: Settings, host: Host | None = None) -> Plan:
    """Looks every name up and makes every choice that was left open.

    Raises:
        UsageError: An unknown name, a dimension out of limits, or options that contradict each other.
    """
    host = host or get_host()
    space = host.part(Space, settings.space)
    objective = chosen_objective(host, settings.objective, settings.goals)
    pricer = Pricer.of(settings)
    source, data = data_for(space, settings.data, host, skip_bad=settings.skip_bad)
    task = host.part(Task, data.task)
    check_figures(objective.reads(task), task, pricer.tariff)
    pricer.check_devices(objective.reads(task))
    budget = Budget.of(settings.time, settings.budget)
    check_figures((f"lifetime_{quantity}" for quantity in budget.limits), task, pricer.tariff)
    strategy = host.part(Strategy, settings.strategy) if settings.strategy else host.preferred(Strategy)
    dimensions = space.dimensions(data)
    narrow = {**opened(strategy.opens, dimensions), **settings.narrow}
    narrowing = parse_narrowing(narrow, dimensions, space.name)
    strategy.check(narrowed(dimensions, narrowing))
    limits = limits_of(settings)
    pricer.check_devices(limit.figure for limit in limits)
    rungs = _rungs(settings, space, data)
    executor = _executor(host, settings, space)
    _check_address(host, settings, executor)
    chosen = settings.model_copy(
        update={
            "objective": None if settings.goals else objective.name,
            "country": pricer.tariff.country or settings.country,
            "data": source.name,
            "narrow": narrow,
            "strategy": strategy.name,
            "epochs": rungs[-1],
            "rungs": ",".join(map(str, rungs)) if len(rungs) > 1 else OFF,
            "batch_size": settings.batch_size or min(BATCH_SIZE, data.train_size),
            "threads": settings.threads or _threads(data, settings.jobs),
            "precision": settings.precision or FULL_PRECISION,
            "memory_format": settings.memory_format or CHANNELS_LAST,
            "executor": executor.name,
            "home": settings.home.expanduser(),
        }
    )
    if chosen.batch_size and chosen.batch_size > data.train_size:
        raise UsageError(f"A batch of {chosen.batch_size} is more than the {data.train_size} training examples.")
    return Plan(
        settings=chosen,
        space=space,
        objective=objective,
        source=source,
        data=data,
        task=task,
        goals=objective.goals(task),
        narrowing=narrowing,
        pricer=pricer,
        budget=budget,
        strategy=strategy,
        rungs=rungs,
        limits=limits,
        executor=executor,
        resources=Resources(
            jobs=settings.jobs,
            timeout_s=parse_time_s(settings.trial_timeout) if settings.trial_timeout else None,
            memory_bytes=parse_size(settings.trial_memory) if settings.trial_memory else None,
            address=settings.address,
        ),
        remarks=source.remarks(data),
        left_open=() if _is_small(data) else tuple(name for name in COMPUTING if getattr(settings, name) is None),
        # What the machines of a cluster have is not known here.
        most_threads=chosen.threads or 1 if settings.address else max(1, cores() // settings.jobs),
    )


def _executor(host: Host, settings: Settings, space: Space) -> Executor:
    """The executor of that name, or else the first preferred one that can make so many steps at a time."""
    jobs, bounded = settings.jobs, settings.trial_timeout or settings.trial_memory
    if settings.executor:
        chosen = Serial() if settings.executor == Serial.name else host.part(Executor, settings.executor)
    elif isinstance(space, RecordedSpace) or (jobs == 1 and not bounded):
        # To look a training up takes less time than to ask another process for it.
        return Serial()
    else:
        able = [part for part in host.parts(Executor) if part.preferred and _can(part, jobs)]
        if not able:
            raise UsageError(f"No executor is installed that makes {jobs} trials at a time and holds them to limits.")
        chosen = able[0]
    if not _can(chosen, jobs):
        raise UsageError(f"The executor {chosen.name!r} makes {chosen.most_jobs} trial at a time, not {jobs}.")
    if isinstance(chosen, Serial) and bounded:
        raise UsageError("A trial in the process of the search itself cannot be held to a time or a memory.")
    return chosen


def _check_address(host: Host, settings: Settings, executor: Executor) -> None:
    if settings.address and not executor.takes_address:
        able = [f"--executor {part.name}" for part in host.parts(Executor) if part.takes_address]
        hint = f"take {' or '.join(able)}" if able else "no executor that is installed does"
        raise UsageError(f"The executor {executor.name!r} joins no cluster, so there is no --address for it: {hint}.")


def _can(executor: Executor, jobs: int) -> bool:
    return executor.most_jobs is None or jobs <= executor.most_jobs


def _rungs(settings: Settings, space: Space, data: DataSpec) -> tuple[int, ...]:
    """Epochs at which candidates are compared; where trainings are looked up, among those recorded."""
    if not isinstance(space, RecordedSpace):
        epochs = settings.epochs or EPOCHS
        return parse_rungs(settings.rungs, epochs) if settings.rungs else default_rungs(epochs)
    recorded = space.epochs(data)
    epochs = settings.epochs or recorded[-1]
    rungs = parse_rungs(settings.rungs, epochs) if settings.rungs else tuple(e for e in recorded if e <= epochs)
    if unknown := sorted({epochs, *rungs} - set(recorded)):
        known = ", ".join(map(str, recorded))
        raise UsageError(f"Trainings of {data.source} were recorded at {known} epochs, not at {unknown[0]}.")
    return rungs


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads(data: DataSpec, jobs: int) -> int:
    """A job's share of the cores, or one where the examples are small.

    The layers of a thumbnail are too small to share: two threads take about as long as one and twice the CPU time.
    What is chosen here depends on the data alone. For larger examples a probe may depart from it for a clear gain
    (`engine.computing`); that of thumbnails would tell what is known, and steps so short are not timed reliably.
    """
    return 1 if _is_small(data) else max(1, cores() // jobs)


def _is_small(data: DataSpec) -> bool:
    return math.prod(data.input_shape) <= SMALL_EXAMPLE


def data_for(space: Space, name: str | None, host: Host, *, skip_bad: bool = False) -> tuple[DataSource, DataSpec]:
    """The data that a space is to work on: by name, or else the space's own example, or else the preferred one.

    Args:
        space: What it is for.
        name: What the user calls it.
        host: Knows the data sources.
        skip_bad: Whether files that cannot be read are left out.

    Raises:
        UsageError: There is no such data, or it poses a task that the space is not for, or has no files to leave out.
    """
    chosen = name or space.default_data
    source = host.part(DataSource, chosen) if chosen else host.preferred(DataSource)
    if skip_bad:
        source = source.skipping_bad()
    data = source.spec()
    # A space is for a task in all its variants.
    if data.task.partition(":")[0] not in space.tasks:
        raise UsageError(
            f"Space {space.name!r} is for {' or '.join(space.tasks)}; data {source.name!r} poses {data.task}."
        )
    return source, data
