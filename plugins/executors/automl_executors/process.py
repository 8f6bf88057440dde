"""Trials in processes of their own: a crash, a hang or a leak takes down that trial alone."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import TrialError
from automl.parts import Executor, Job
from automl.price import cpu
from automl.price.tag import PriceTag
from automl.training.trial import TrialResult
from automl_executors.failure import failed_result

if TYPE_CHECKING:
    from automl.parts import Resources, Workers
    from automl.parts.executor import OnEpoch
    from automl.training.trial import TrialSpec

POLL_S = 0.1
"""How often time and memory of the running steps are looked at."""

GRACE_S = 10.0
"""What the server may take to end its workers."""

CHUNK = 1 << 16

KILLED = {
    signal.SIGKILL: "killed by SIGKILL, as the kernel does where memory runs out",
    signal.SIGSEGV: "crashed by SIGSEGV, a segmentation fault",
    signal.SIGABRT: "crashed by SIGABRT: native code gave up",
    signal.SIGBUS: "crashed by SIGBUS: memory that was mapped is not there, as on a full disk",
    signal.SIGFPE: "crashed by SIGFPE, an arithmetic fault in native code",
    signal.SIGILL: "crashed by SIGILL: native code for another processor",
}


class Process(Executor):
    """Workers forked from a server that has torch and Lightning already imported, one a step."""

    name = "process"
    summary = "each step in a process of its own, several at a time; a crash takes down that trial alone"
    preferred = True

    def start(self, resources: Resources) -> Workers:
        """The server imports what it needs while the driver does too; nobody waits for it before the first step."""
        workers = ProcessWorkers(resources)
        workers.get_ready()
        return workers


@dataclasses.dataclass
class Running:
    """A step that a worker has.

    Attributes:
        job: The step.
        slot: Which of the places that are worked at.
        began: By the monotonic clock, when the worker was there.
        pid: Of the worker; None until it is there.
        history: Metrics of the epochs until now.
        spent: What it has cost until now, as the worker told last.
        answer: What it has answered: result, scores or error.
        fault: Why it was killed by us.
    """

    job: Job
    slot: int
    began: float | None = None
    pid: int | None = None
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    spent: PriceTag = dataclasses.field(default_factory=PriceTag)
    answer: dict[str, Any] | None = None
    fault: str = ""


class ProcessWorkers:
    """The driver's end of the server of `automl_executors.server`.

    Args:
        resources: Steps at a time, and what each may take.
    """

    elsewhere = PriceTag()

    def __init__(self, resources: Resources) -> None:
        self.slots = resources.jobs
        self._resources = resources
        self._running: dict[int, Running] = {}
        self._next = 0
        self._server: subprocess.Popen[bytes] | None = None
        self._held = contextlib.ExitStack()
        self._rest = b""

    # --- the contract --------------------------------------------------------------------------------------------
    def submit(self, job: Job) -> None:
        """Has the server fork a worker."""
        self._ask("run", job)

    def wait(self, on_epoch: OnEpoch) -> list[tuple[Job, TrialResult]]:
        """Listens to the workers until one has ended."""
        while self._running:
            ended = self._listen(on_epoch)
            if ended:
                return [(each.job, _result(each, status)) for each, status in ended]
        return []

    def evaluate(self, job: Job) -> dict[str, float]:
        """Scores it in a worker too: what crashed the training may crash the test."""
        answer, cause = self._one("evaluate", job)
        if "scores" not in answer:
            raise TrialError(f"Trial {job.spec.number} cannot be tested: {cause}.")
        return dict(answer["scores"])

    def time_step(self, spec: TrialSpec, steps: int) -> float:
        """Times it in a worker too."""
        answer, cause = self._one("time", Job(spec, Path(), Path()), steps=steps)
        if "step_s" not in answer:
            raise TrialError(cause)
        return float(answer["step_s"])

    def get_ready(self) -> None:
        """Starts the server."""
        self._start()

    def hold_to(self, limits: Resources) -> None:
        """From now on to other limits of time and memory; the server stays."""
        self._resources = limits

    def close(self) -> None:
        """The server ends its workers when nobody talks to it any more."""
        self._running.clear()
        server, self._server = self._server, None
        if server is not None:
            for stream in (server.stdin, server.stdout):
                assert stream is not None
                with contextlib.suppress(OSError):
                    stream.close()
            try:
                server.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        self._held.close()

    # --- talking to the server -----------------------------------------------------------------------------------
    def _one(self, what: str, job: Job, **more: Any) -> tuple[dict[str, Any], str]:
        """What a worker answers while nothing else is under way, and what is wrong if that is not what was asked."""
        self._ask(what, job, **more)
        while True:
            for each, status in self._listen(None):
                return each.answer or {}, _cause(each, status)

    def _ask(self, what: str, job: Job, **more: Any) -> None:
        taken = {each.slot for each in self._running.values()}
        slot = next(place for place in range(len(taken) + 1) if place not in taken)
        number, self._next = self._next, self._next + 1
        self._running[number] = Running(job, slot)
        self._say({
            "do": what, "id": number, "slot": slot, "spec": job.spec.to_json(), "folder": str(job.folder.absolute()),
            "checkpoints": str(job.checkpoints.absolute()), **more,
        })  # fmt: skip

    def _say(self, message: dict[str, Any]) -> None:
        server = self._server or self._start()
        assert server.stdin is not None
        # A server that is gone is noticed where its answers are read.
        with contextlib.suppress(BrokenPipeError):
            server.stdin.write(json.dumps(message).encode() + b"\n")
            server.stdin.flush()

    def _start(self) -> subprocess.Popen[bytes]:
        self._log = self._held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-m", "automl_executors.server"],
            env={**os.environ, "PYTHONPATH": _import_path()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            # Ctrl-C is the driver's to deal with.
            start_new_session=True,
        )
        self._held.enter_context(cpu.working(self._server.pid))
        self._rest = b""
        return self._server

    def _listen(self, on_epoch: OnEpoch | None) -> list[tuple[Running, int]]:
        """What has ended meanwhile, each with the worker's exit status as `os.waitstatus_to_exitcode` gives it."""
        server = self._server
        assert server is not None
        assert server.stdout is not None
        ended: list[tuple[Running, int]] = []
        with selectors.DefaultSelector() as selector:
            selector.register(server.stdout, selectors.EVENT_READ)
            if selector.select(POLL_S):
                data = os.read(server.stdout.fileno(), CHUNK)
                if not data:
                    return self._server_is_gone(server)
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    ended += self._take(json.loads(line), on_epoch)
        self._hold_to_limits()
        return ended

    def _take(self, message: dict[str, Any], on_epoch: OnEpoch | None) -> list[tuple[Running, int]]:
        each = self._running.get(message["id"])
        if each is None:
            return []
        if "pid" in message:
            each.pid, each.began = message["pid"], time.monotonic()
        elif "epoch" in message:
            each.spent = PriceTag.from_json(message["spent"])
            each.history.append(message["metrics"])
            if on_epoch is not None:
                on_epoch(each.job.spec, message["epoch"], message["metrics"], each.spent)
        elif "exit" in message:
            del self._running[message["id"]]
            return [(each, message["exit"])]
        else:
            each.answer = message
        return []

    def _hold_to_limits(self) -> None:
        """Has those killed that take too long or too much."""
        limits, now = self._resources, time.monotonic()
        for number, each in self._running.items():
            if each.pid is None or each.began is None or each.fault:
                continue
            if limits.timeout_s is not None and now - each.began > limits.timeout_s:
                each.fault = f"took longer than the {limits.timeout_s:g} s of --trial-timeout"
            elif limits.memory_bytes is not None and (taken := _resident_bytes(each.pid)) > limits.memory_bytes:
                most = f"{limits.memory_bytes / 1e9:g} GB of --trial-memory"
                each.fault = f"took {taken / 1e9:.2f} GB of memory, more than the {most}"
            if each.fault:
                self._say({"do": "kill", "id": number})

    def _server_is_gone(self, server: subprocess.Popen[bytes]) -> list[tuple[Running, int]]:
        """All that was under way has failed with the server; the next step gets a new one."""
        status = server.wait()
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").strip().splitlines()[-1:]
        fault = f"the server of the workers ended ({' '.join(last) or f'status {status}'})"
        lost = list(self._running.values())
        for each in lost:
            each.fault = each.fault or fault
        self.close()
        return [(each, -signal.SIGKILL) for each in lost]


def _import_path() -> str:
    """Where this process imports from, for the server to import from there and nowhere else.

    Left to itself it would look into the working directory first: a ``torch.py`` in a study folder would be run.
    """
    return os.pathsep.join(path or str(Path.cwd()) for path in sys.path)


def _resident_bytes(pid: int) -> float:
    """Resident memory of a process and its children; 0 when it is gone."""
    return cpu.over_family(pid, lambda process: float(process.memory_info().rss))


def _cause(each: Running, status: int) -> str:
    """Why a worker gave no result, in a few words."""
    if each.fault:
        return each.fault
    if each.answer and "error" in each.answer:
        return str(each.answer["error"])
    if status < 0:
        with contextlib.suppress(ValueError):
            return KILLED.get(signal.Signals(-status), f"killed by {signal.Signals(-status).name}")
    return f"its process ended with status {status} and without a result"


def _result(each: Running, status: int) -> TrialResult:
    """What the worker answered, or a failure with its cause and what is known to have been spent."""
    if each.answer and "result" in each.answer:
        return TrialResult.from_json(each.answer["result"])
    # What the worker told last is of its last whole epoch; by the clock it had more.
    taken_s = None if each.began is None else time.monotonic() - each.began
    return failed_result(each.job, _cause(each, status), each.history, each.spent, taken_s)
