"""Where trials run: in this process, in others, on a cluster."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol

from automl.parts.base import Part

if TYPE_CHECKING:
    from pathlib import Path

    from automl.price.tag import PriceTag
    from automl.training.trial import TrialResult, TrialSpec

OnEpoch = Callable[["TrialSpec", int, dict[str, float], "PriceTag"], None]
"""Told after each epoch: the step, the epoch from 1, its metrics, and what the step has cost so far."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A step to be made.

    Attributes:
        spec: The candidate, and how far it is to be trained.
        folder: What is left of the step: ``spec.json``, ``result.json``, ``model.safetensors``.
        checkpoints: Folder from which the training goes on, and where a stopped one leaves what it needs.
    """

    spec: TrialSpec
    folder: Path
    checkpoints: Path


@dataclasses.dataclass(frozen=True)
class Resources:
    """What trials may use.

    Attributes:
        jobs: Steps at a time.
        timeout_s: Seconds a step may take; None for as long as it likes.
        memory_bytes: Resident memory a step may take; None for as much as there is.
        address: Where a cluster runs that the workers are to be of; None for the executor's own.
    """

    jobs: int = 1
    timeout_s: float | None = None
    memory_bytes: float | None = None
    address: str | None = None


class Workers(Protocol):
    """Running workers, used from one thread.

    What they spend is billed once: children of this process register themselves by `automl.price.cpu.working`, other
    processes of this machine tell of their CPU time by `automl.price.cpu.add`, other machines by `elsewhere`.

    Attributes:
        slots: Steps that may be under way at a time.
    """

    slots: int

    @property
    def elsewhere(self) -> PriceTag:
        """What they have spent on other machines until now, which no meter of this process sees.

        ``cpu_s`` and ``energy_wh``, as far as they are known; empty where there is nothing of the kind.
        """

    def submit(self, job: Job) -> None:
        """Takes a step; there is a free slot."""

    def wait(self, on_epoch: OnEpoch) -> list[tuple[Job, TrialResult]]:
        """Steps that have finished since, at least one, whatever became of them; waits for it and tells of epochs.

        A worker that crashes, hangs or takes too much gives a failed result with its cause.

        Raises:
            KeyboardInterrupt: The user stopped the search.
        """

    def evaluate(self, job: Job) -> dict[str, float]:
        """Scores a trained candidate on the test split, by metric.

        Raises:
            TrialError: It cannot be scored.
        """

    def time_step(self, spec: TrialSpec, steps: int) -> float:
        """Seconds that a training step of a candidate takes, by the clock, from `steps` of them; nothing is kept.

        Raises:
            TrialError: It cannot be trained.
        """

    def close(self) -> None:
        """Ends the workers and whatever is still under way."""


class Executor(Part, abc.ABC):
    """A place where trials run. One code path serves all: plain data goes in and comes out.

    Attributes:
        most_jobs: Steps it can make at a time; None for any number.
        takes_address: Whether its workers may be those of a running cluster.
    """

    kind: ClassVar[str] = "executor"
    most_jobs: ClassVar[int | None] = None
    takes_address: ClassVar[bool] = False

    @abc.abstractmethod
    def start(self, resources: Resources) -> Workers:
        """Workers that are ready, or get ready with the first step; the caller closes them."""
