"""The search's end: hands tasks to the cluster, listens to them, and makes those again whose node died."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
import ray.exceptions

import automl
from automl.errors import TrialError
from automl.parts import Job
from automl.price.tag import PriceTag
from automl_ray import worker
from automl_ray.cluster import Cluster
from automl_ray.files import Token, carry, keep, needed
from automl_ray.mailbox import open_mailbox
from automl_ray.task import Task, cause_of

if TYPE_CHECKING:
    from automl.parts import Resources
    from automl.parts.executor import OnEpoch
    from automl.training.trial import TrialResult, TrialSpec

POLL_S = 1.0
"""How often limits and the cluster are looked at; letters and answers are taken as they come."""

GRACE_S = 30.0
"""What a task may take longer than its step before the search itself ends it."""

PATIENCE_S = 60.0
"""How long tasks wait for a cluster, which may still be growing, to get a node that can hold them."""

MOST_DEATHS = 3
"""Nodes that may die under a step; after that it has failed."""

Ended = tuple[Task, dict[str, Any] | None, str]
"""A task, its answer, or else why there is none."""


class RayWorkers:
    """Steps as Ray tasks.

    Args:
        resources: Steps at a time, what each may take, and where the cluster is.
        apart: Whether the nodes are to act as if they had no folder in common with the search.
        patience_s: See `PATIENCE_S`.
    """

    def __init__(self, resources: Resources, *, apart: bool = False, patience_s: float = PATIENCE_S) -> None:
        self.slots = resources.jobs
        self._resources = resources
        self._cluster = Cluster(resources)
        self._token = Token()
        self._apart = apart
        self._patience_s = patience_s
        self._carries = False
        self._gone = ""
        self._tasks: dict[int, Task] = {}
        self._next = 0
        self._mailbox: Any = None
        self._letters: Any = None
        self._ended: list[Ended] = []
        self._elsewhere: list[PriceTag] = []

    # --- the contract --------------------------------------------------------------------------------------------
    @property
    def elsewhere(self) -> PriceTag:
        """What nodes on other machines have told of CPU time and energy."""
        return PriceTag.total(
            [*self._elsewhere, *(tag for task in self._tasks.values() for tag in task.there.values())]
        )

    def submit(self, job: Job) -> None:
        """Hands a step over; the first one starts or joins the cluster."""
        self._submit(Task("run", job, epoch=job.spec.from_rung or 0))

    def wait(self, on_epoch: OnEpoch) -> list[tuple[Job, TrialResult]]:
        """Listens until a step has ended."""
        while self._tasks or self._ended:
            ended, self._ended = self._ended or self._listen(on_epoch), []
            if ended:
                return [(task.job, self._result(task, answer, cause, on_epoch)) for task, answer, cause in ended]
        return []

    def evaluate(self, job: Job) -> dict[str, float]:
        """Tests it as a task too."""
        scores = self._ask(Task("evaluate", job), f"Trial {job.spec.number} cannot be tested")["scores"]
        return {name: float(value) for name, value in scores.items()}

    def time_step(self, spec: TrialSpec, steps: int) -> float:
        """Seconds a training step of a candidate takes on a node of the cluster.

        Args:
            spec: The candidate; nothing of it is kept.
            steps: Steps to take, at least 2.

        Raises:
            TrialError: It cannot be trained.
        """
        task = Task("time_step", Job(spec, Path(), Path()), steps=steps)
        return float(self._ask(task, "A training step cannot be timed")["seconds"])

    def close(self) -> None:
        """Cancels what is under way; ends a cluster that was started here, leaves one that was joined."""
        tasks = [task for task in self._tasks.values() if task.ref is not None]
        for task in (*self._tasks.values(), *(task for task, _, _ in self._ended)):
            self._settle(task)
        self._tasks.clear()
        self._ended.clear()
        self._token.remove()
        with contextlib.suppress(Exception):  # the cluster may be gone
            for task in tasks:
                ray.cancel(task.ref, force=True)
            if tasks:
                ray.wait([task.ref for task in tasks], num_returns=len(tasks), timeout=GRACE_S)
            if self._mailbox is not None:
                ray.kill(self._mailbox)
        self._mailbox = self._letters = None
        self._cluster.close()

    # --- handing over --------------------------------------------------------------------------------------------
    def _submit(self, task: Task) -> None:
        if self._gone:
            # To look for it again takes Ray minutes; five steps that end so end the search, which can be resumed.
            self._ended.append((task, None, self._gone))
            return
        self._cluster.connect(task.job.spec.threads)
        task.number, self._next = self._next, self._next + 1
        task.asked = time.monotonic()
        self._tasks[task.number] = task
        spec, limits = task.job.spec, self._resources
        reads = needed(task.job, task.what)
        request = {
            "do": task.what, "id": task.number, "version": automl.__version__, "spec": spec.to_json(),
            "folder": str(task.job.folder.absolute()), "checkpoints": str(task.job.checkpoints.absolute()),
            "token": None if self._apart or task.what == "time_step" else self._token.beside(task.job),
            "reads": bool(reads), "timeout_s": limits.timeout_s, "memory_bytes": limits.memory_bytes,
            "steps": task.steps,
        }  # fmt: skip
        try:
            if self._mailbox is None:
                self._mailbox = open_mailbox()
            carried = carry(task.job, task.what) if reads and self._carries else None
            made = ray.remote(worker.make).options(**self._cluster.options(spec.threads))
            task.ref = made.remote(request, carried, self._mailbox)
        except (ray.exceptions.RayError, ConnectionError, RuntimeError) as error:
            # Told where the answers are: a search that cannot hand its steps over stops after some of them.
            del self._tasks[task.number]
            self._ended.append((task, None, cause_of(error)))

    def _ask(self, task: Task, what_fails: str) -> dict[str, Any]:
        """The answer to a task that is waited for; steps that end meanwhile are kept for `wait`."""
        self._submit(task)
        while True:
            ended = [*self._ended, *self._listen(None)]
            self._ended = [other for other in ended if other[0] is not task]
            for mine, answer, cause in ended:
                if mine is task:
                    self._settle(task)
                    if answer is None or "error" in answer:
                        said = str(answer["error"]) if answer else cause
                        raise TrialError(said if said.startswith(what_fails) else f"{what_fails}: {said}.")
                    return answer

    # --- listening -----------------------------------------------------------------------------------------------
    def _listen(self, on_epoch: OnEpoch | None) -> list[Ended]:
        """What has ended meanwhile."""
        if not self._tasks:
            return []
        try:
            return self._news(on_epoch)
        except (ray.exceptions.RayError, ConnectionError) as error:
            # The cluster itself does not answer: nothing that is under way will come back from it.
            tasks = list(self._tasks.values())
            self._tasks.clear()
            self._mailbox = self._letters = None
            self._cluster.close()
            cause = f"the Ray cluster is gone: {error}"
            self._gone = cause if self._cluster.joined else ""
            return [(task, None, cause) for task in tasks]

    def _news(self, on_epoch: OnEpoch | None) -> list[Ended]:
        if self._letters is None:
            self._letters = self._mailbox.take.remote()
        self._cluster.check()
        by_ref = {task.ref: task for task in self._tasks.values()}
        ready, _ = ray.wait([self._letters, *by_ref], num_returns=1, timeout=POLL_S)
        if self._letters in ready:
            self._take_letters(on_epoch)
        ended = [each for ref in ready if ref in by_ref and (each := self._take_answer(by_ref[ref]))]
        return ended + self._hold_to_limits()

    def _take_letters(self, on_epoch: OnEpoch | None) -> None:
        reference, self._letters = self._letters, None
        try:
            letters = ray.get(reference)
        except ray.exceptions.RayActorError:
            self._mailbox = open_mailbox()
            return
        for letter in letters:
            task = self._tasks.get(letter["id"])
            if task is None:
                continue
            task.hear(letter)
            self._carries = self._carries or not letter.get("shared", True)
            if "epoch" in letter:
                self._tell(task, letter["epoch"], letter["metrics"], on_epoch)

    @staticmethod
    def _tell(task: Task, epoch: int, metrics: dict[str, float], on_epoch: OnEpoch | None) -> None:
        """Tells of an epoch, once, whatever node it was made on."""
        if epoch > task.epoch and on_epoch is not None:
            task.epoch = epoch
            on_epoch(task.job.spec, epoch, metrics, task.spent)

    def _take_answer(self, task: Task) -> Ended | None:
        """How a task has ended; None when it is made again."""
        del self._tasks[task.number]
        try:
            answer = task.end(ray.get(task.ref))
        except (ray.exceptions.RayError, ConnectionError, ImportError) as error:
            if task.fault:
                return task, None, task.fault
            if self._node_died(task, error):
                task.again()
                if task.deaths > MOST_DEATHS:
                    return task, None, f"its node died, {task.deaths} times on end"
                self._submit(task)
                return None
            return task, None, cause_of(error)
        if answer.get("want"):
            self._carries = True
            self._submit(task)
            return None
        keep(task.job, answer["files"])
        return task, answer, str(answer.get("error", ""))

    def _node_died(self, task: Task, error: Exception) -> bool:
        """Whether a task was lost through no fault of its own."""
        if isinstance(error, ray.exceptions.NodeDiedError | ray.exceptions.ObjectLostError):
            return True
        crashed = isinstance(error, ray.exceptions.WorkerCrashedError)
        return crashed and bool(task.node) and not self._cluster.alive(task.node)

    def _hold_to_limits(self) -> list[Ended]:
        """Ends what its node should have ended, and what no node can ever begin."""
        now, limit = time.monotonic(), self._resources.timeout_s
        for task in self._tasks.values():
            if limit is not None and task.began and not task.fault and now - task.began > limit + GRACE_S:
                task.fault = f"took longer than the {limit:g} s of --trial-timeout"
                ray.cancel(task.ref, force=True)
        waiting = [t for t in self._tasks.values() if t.began is None and now - t.asked >= self._patience_s]
        ended: list[Ended] = []
        for task in waiting:
            if lacks := self._cluster.lacks(task.job.spec.threads):
                ray.cancel(task.ref, force=True)
                del self._tasks[task.number]
                ended.append((task, None, lacks))
        return ended

    def _result(self, task: Task, answer: dict[str, Any] | None, cause: str, on_epoch: OnEpoch) -> TrialResult:
        result = task.result(answer, cause)
        if result.status == "complete":
            # The letters of the last epochs may still be under way; nobody will read them.
            for epoch, metrics in enumerate(result.history, 1):
                self._tell(task, epoch, metrics, on_epoch)
        self._settle(task)
        return result

    def _settle(self, task: Task) -> None:
        """Puts on the bill for good what a task has spent on other machines."""
        if task.there:
            self._elsewhere = [PriceTag.total([*self._elsewhere, *task.there.values()])]
