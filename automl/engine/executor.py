"""The executor of last resort: this process. All others are plugins'."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ClassVar

from automl.errors import TrialError
from automl.parts.executor import Executor, Job, OnEpoch, Resources, Workers
from automl.price.tag import PriceTag

if TYPE_CHECKING:
    from automl.training.trial import TrialResult, TrialSpec


class Serial(Executor):
    """One step after the other, in this process."""

    name = "serial"
    summary = "one step after the other, in the process of the search"
    preferred = True
    most_jobs: ClassVar[int | None] = 1

    def start(self, resources: Resources) -> Workers:
        """Nothing is started."""
        return SerialWorkers()


class SerialWorkers:
    """The one worker there is, which works while it is waited for."""

    slots = 1
    elsewhere = PriceTag()

    def __init__(self) -> None:
        self._job: Job | None = None

    def submit(self, job: Job) -> None:
        """Notes it."""
        self._job = job

    def wait(self, on_epoch: OnEpoch) -> list[tuple[Job, TrialResult]]:
        """Makes it."""
        from automl.training.fit import run_trial

        job, self._job = self._job, None
        if job is None:
            return []
        return [(job, run_trial(job.spec, job.folder, functools.partial(on_epoch, job.spec), job.checkpoints))]

    def evaluate(self, job: Job) -> dict[str, float]:
        """See `automl.training.fit.evaluate`."""
        from automl.training.fit import evaluate

        return evaluate(job.spec, job.folder)

    def time_step(self, spec: TrialSpec, steps: int) -> float:
        """See `automl.training.fit.time_step`."""
        from automl.training.fit import time_step

        try:
            return time_step(spec, steps)
        except Exception as error:
            raise TrialError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Nothing is held."""
