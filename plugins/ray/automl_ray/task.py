"""A task as the search sees it: what it is asked for, what it has told, what it has cost."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import ray.exceptions
from automl_executors.failure import LOST, failed_result

from automl.price import cpu
from automl.price.tag import PEAKS, Figure, PriceTag
from automl.training.trial import TrialResult
from automl_ray.worker import machine

if TYPE_CHECKING:
    from automl.parts import Job

UNTOLD = "what a worker on another machine did not tell"
HOW = "as workers on other machines have told"


@dataclasses.dataclass
class Task:
    """A step, a test or a timing that is under way on the cluster.

    Attributes:
        what: ``run``, ``evaluate`` or ``time_step``.
        job: The candidate.
        steps: Training steps to time.
        number: Of this attempt; another when it is made again.
        ref: Ray's reference to its answer; None where it could not be handed over.
        asked: By the monotonic clock, when it was handed over.
        began: By the monotonic clock, when it was heard of first; None before that.
        node: Ray's id of the node that it runs on; empty before it is heard of.
        machine: See `automl_ray.worker.machine`.
        deaths: How often its node has died.
        epoch: The last one that the search was told of.
        history: Metrics of the epochs that it told of.
        spent: What it has cost until the last of them.
        lost: What earlier attempts have cost, whose nodes died.
        fault: Why it was cancelled by us.
        cpu_s: CPU seconds that are on the bill already.
        there: What is to be billed of attempts on other machines, by number.
    """

    what: str
    job: Job
    steps: int = 0
    number: int = 0
    ref: Any = None
    asked: float = 0.0
    began: float | None = None
    node: str = ""
    machine: str = ""
    deaths: int = 0
    epoch: int = 0
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    spent: PriceTag = dataclasses.field(default_factory=PriceTag)
    lost: list[PriceTag] = dataclasses.field(default_factory=list)
    fault: str = ""
    cpu_s: float = 0.0
    there: dict[int, PriceTag] = dataclasses.field(default_factory=dict)

    def hear(self, letter: dict[str, Any]) -> None:
        """Takes in what it tells."""
        if self.began is None:
            self.began = time.monotonic()
        self.node, self.machine = letter.get("node", self.node), letter.get("machine", self.machine)
        if "epoch" in letter:
            self.spent = PriceTag.from_json(letter["spent"])
            self.history.append(letter["metrics"])
        self._charge(letter["cpu_s"], self.spent)

    def end(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Takes in its answer."""
        self.machine = answer["machine"]
        spent = PriceTag.from_json(answer["result"]["spent"]) if "result" in answer else self.spent
        self._charge(answer["cpu_s"], spent)
        return answer

    def _charge(self, cpu_s: float, spent: PriceTag) -> None:
        """Bills what it has done since the last time."""
        if self.machine == machine():
            # The meters of this process see this machine; all they lack are the CPU seconds of no child of its own.
            cpu.add(max(0.0, cpu_s - self.cpu_s))
            self.cpu_s = cpu_s
            return
        energy = spent.get("energy_wh", Figure(0.0, "estimated", without=(UNTOLD,)))
        figures = {"cpu_s": Figure(cpu_s, "measured", HOW), "energy_wh": energy}
        self.there[self.number] = PriceTag(figures)

    def again(self) -> None:
        """Forgets what was of an attempt whose node died, except what it has cost."""
        self.deaths += 1
        taken = {"wall_s": Figure(time.monotonic() - self.began, "measured", "wall clock")} if self.began else {}
        self.lost.append(self.spent | PriceTag(taken))
        self.ref, self.began, self.node, self.machine, self.cpu_s = None, None, "", "", 0.0
        self.history, self.spent = [], PriceTag()

    def result(self, answer: dict[str, Any] | None, cause: str) -> TrialResult:
        """What became of a step, with what was spent on nodes that died."""
        if answer is not None and "result" in answer:
            made = TrialResult.from_json(answer["result"])
        else:
            taken_s = None if self.began is None else time.monotonic() - self.began
            made = failed_result(self.job, cause, self.history, self.spent, taken_s)
        spent = made.spent
        for lost in self.lost:
            spent = PriceTag({name: _with_lost(name, figure, lost) for name, figure in spent.items()})
        return dataclasses.replace(made, spent=spent)


def _with_lost(name: str, figure: Figure, lost: PriceTag) -> Figure:
    """An amount and what is known of it of an attempt that was cut off: together a lower bound."""
    total = figure.plus(lost[name], peak=name in PEAKS) if name in lost else figure
    return dataclasses.replace(total, without=tuple(sorted({*total.without, LOST})))


def cause_of(error: BaseException) -> str:
    """Why a task gave no answer, in a few words that are the same for the same cause."""
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "killed by Ray, as the memory of its node ran out"
    if isinstance(error, ray.exceptions.WorkerCrashedError):
        return "its Ray worker was killed or crashed"
    if isinstance(error, ray.exceptions.TaskCancelledError):
        return "its Ray task was cancelled"
    cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) and error.cause else error
    lines = str(cause).strip().splitlines() or [""]
    text = " ".join(lines[-1].split())
    if "No module named 'automl" in str(cause):
        return f"its node lacks automl, a plugin or automl-ray ({text}); install the same there as here"
    return f"Ray: {type(cause).__name__}: {text}"
