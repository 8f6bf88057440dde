"""The process that workers are forked from: torch and Lightning are imported once, and a step begins in milliseconds.

Speaks JSON lines. In: ``{"do": "run" | "evaluate" | "time", "id", "slot", "spec", "folder", "checkpoints"}``, to time
with ``steps`` as well, and ``{"do": "kill", "id"}``; the end of the input ends all workers and the server. Out, by
``id``: ``pid`` when the worker is there; ``epoch`` with ``metrics`` and ``spent``; ``result``, ``scores``, ``step_s``
or ``error``; ``exit`` when it is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import importlib
import json
import os
import selectors
import signal
import sys
from pathlib import Path
from typing import Any

POLL_S = 0.02
"""How soon the end of a worker is noticed."""

CHUNK = 1 << 16

PR_SET_PDEATHSIG = 1
"""Of the kernel's ``prctl``: the signal that a process gets when its parent ends."""


@dataclasses.dataclass
class Worker:
    """A fork.

    Attributes:
        number: The request's.
        pid: Its process, and its process group.
        pipe: Where it answers.
        rest: Of its answers, what is no whole line yet.
    """

    number: int
    pid: int
    pipe: int
    rest: bytes = b""


class Server:
    """Forks workers and passes their answers on.

    Args:
        requests: File descriptor to read from.
        answers: File descriptor to write to.
    """

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, answers
        self._workers: dict[int, Worker] = {}
        self._needed: list[str] = []
        self._rest = b""

    def serve(self) -> None:
        """Until the input ends."""
        with selectors.DefaultSelector() as selector:
            self._selector = selector
            selector.register(self._requests, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(POLL_S if self._workers else None):
                    if key.data is not None:
                        self._pass_on(key.data)
                    elif not self._listen():
                        return
                for worker in list(self._workers.values()):
                    self._reap(worker)

    def end(self) -> None:
        """Ends all workers."""
        for worker in self._workers.values():
            _kill_group(worker.pid)
        for worker in self._workers.values():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(worker.pid, 0)

    def _listen(self) -> bool:
        """Takes requests in; False when there will be none any more."""
        data = os.read(self._requests, CHUNK)
        if not data:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if request["do"] == "kill":
                if worker := self._workers.get(request["id"]):
                    _kill_group(worker.pid)
            else:
                self._fork(request)
        return True

    def _fork(self, request: dict[str, Any]) -> None:
        self._learn()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            # Nothing of the server's is the worker's but what it has imported.
            for descriptor in (self._requests, self._answers, reading, *(w.pipe for w in self._workers.values())):
                os.close(descriptor)
            work(request, writing)
        with contextlib.suppress(OSError):  # whoever of the two is first; a kill is for the whole group
            os.setpgid(pid, pid)
        os.close(writing)
        os.set_blocking(reading, False)
        worker = self._workers[request["id"]] = Worker(request["id"], pid, reading)
        self._selector.register(reading, selectors.EVENT_READ, worker)
        write_line(self._answers, {"id": worker.number, "pid": pid})

    def _pass_on(self, worker: Worker) -> bool:
        """Passes whole lines on; False when there was nothing to read."""
        try:
            data = os.read(worker.pipe, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(worker.pipe)
            return False
        *lines, worker.rest = (worker.rest + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            self._needed += message.pop("modules", ())
            write_line(self._answers, {"id": worker.number, **message})
        return True

    def _learn(self) -> None:
        """Imports what workers had to import themselves, so that the next ones need not."""
        needed, self._needed = self._needed, []
        for name in needed:
            if name not in sys.modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)

    def _reap(self, worker: Worker) -> None:
        """Says so when a worker has ended; what it started itself ends with it."""
        pid, status = os.waitpid(worker.pid, os.WNOHANG)
        if not pid:
            return
        _kill_group(worker.pid)
        while self._pass_on(worker):
            pass
        with contextlib.suppress(KeyError):
            self._selector.unregister(worker.pipe)
        os.close(worker.pipe)
        del self._workers[worker.number]
        write_line(self._answers, {"id": worker.number, "exit": os.waitstatus_to_exitcode(status)})


def work(request: dict[str, Any], pipe: int) -> None:
    """A worker's life; does not return."""
    status = 1
    there = set(sys.modules)
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # A scheduler sends it to all processes of a job. The driver is the one to obey: a training that did would be a
        # trial that failed. Blocked, because Lightning puts a handler of its own in the place of any other.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        _end_with_parent()
        os.environ.update(device_for(request["slot"], os.environ, len(list(Path("/dev").glob("nvidia[0-9]*")))))
        answered = answer(request, pipe)
        write_line(pipe, {**answered, "modules": [name for name in sys.modules if name not in there]})
        status = 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, the driver is told
        with contextlib.suppress(OSError):
            write_line(pipe, {"error": " ".join(f"{type(error).__name__}: {error}".split())})
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        # Nothing of the server's is to be cleaned up by its fork.
        os._exit(status)


def answer(request: dict[str, Any], pipe: int) -> dict[str, Any]:
    """Does what is asked for."""
    from automl.price import energy
    from automl.training.fit import evaluate, run_trial, time_step
    from automl.training.trial import TrialSpec

    spec, folder = TrialSpec.from_json(request["spec"]), Path(request["folder"])
    if request["do"] == "evaluate":
        return {"scores": evaluate(spec, folder)}
    if request["do"] == "time":
        return {"step_s": time_step(spec, request["steps"])}

    def on_epoch(epoch: int, metrics: dict[str, float], spent: Any) -> None:
        write_line(pipe, {"epoch": epoch, "metrics": metrics, "spent": spent.to_json()})

    energy.reopen()
    return {"result": run_trial(spec, folder, on_epoch, Path(request["checkpoints"])).to_json()}


def device_for(slot: int, environment: Any, count: int) -> dict[str, str]:
    """What makes a worker see one GPU of several, each slot the next one.

    Args:
        slot: Which of the places that are worked at, from 0.
        environment: Where CUDA_VISIBLE_DEVICES may name the devices to deal out.
        count: Devices of the machine.
    """
    named = environment.get("CUDA_VISIBLE_DEVICES")
    devices = [str(n) for n in range(count)] if named is None else [d for d in named.split(",") if d.strip()]
    return {"CUDA_VISIBLE_DEVICES": devices[slot % len(devices)]} if devices else {}


def write_line(descriptor: int, message: dict[str, Any]) -> None:
    """A message, whole."""
    data = memoryview(json.dumps(message).encode() + b"\n")
    while data:
        data = data[os.write(descriptor, data) :]


def _end_with_parent() -> None:
    """Has the kernel kill this process when the server is killed, which then can end nobody; known to Linux alone."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def main() -> None:
    """Imports what is heavy, then serves."""
    # Whatever libraries print is no answer.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as of the workers: the end of the input is what ends it
    answers = os.dup(1)
    os.dup2(2, 1)
    os.set_inheritable(answers, False)

    from automl.host import get_host
    from automl.price import energy

    get_host()
    energy.warm_up()
    importlib.import_module("lightning.pytorch")
    server = Server(0, answers)
    try:
        server.serve()
    finally:
        server.end()
    # To take torch and Lightning down again takes the interpreter seconds, and there is nothing left to clean up.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
