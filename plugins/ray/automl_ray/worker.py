"""The node's end: what a Ray task does. Plain data comes in, plain data and the bytes of files go out.

The Ray worker itself trains nothing. It has the workers of `automl_executors` for that, one step at a time: what
crashes, hangs or takes too much memory takes down a fork, and is told with its cause just as on one machine.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from automl_executors.process import ProcessWorkers

import automl
from automl.errors import AutoMLError
from automl.parts import Job, Resources
from automl.price import cpu
from automl.training.trial import TrialSpec
from automl_ray.files import Place

WANT_FILES = {"want": "files"}
"""The answer of a task that has to read files which it cannot see."""

_processes: dict[str | None, ProcessWorkers] = {}
"""At most one, by the GPU that it sees."""

_billed_s: list[float] = [0.0]


def make(request: dict[str, Any], carried: dict[str, Any] | None, mailbox: Any) -> dict[str, Any]:
    """Does what is asked for.

    Args:
        request: ``do`` (``run``, ``evaluate`` or ``time_step``), ``id``, ``version``, ``spec``, ``folder``,
            ``checkpoints``, ``token``, ``reads`` (whether files are needed), ``timeout_s``, ``memory_bytes``,
            ``steps``.
        carried: Files that were sent along: references by name.
        mailbox: Told of the beginning and of each epoch.

    Returns:
        ``result``, ``scores``, ``seconds`` or ``error``; ``machine``, ``shared``, ``cpu_s``, and ``files`` by name.
    """

    def tell(**message: Any) -> None:
        mailbox.put.remote({"id": request["id"], "cpu_s": _worked_s(), **message})

    place = Place(request, carried)
    where = {"machine": machine(), "shared": place.shared}
    if request["reads"] and not place.shared and carried is None:
        return {**WANT_FILES, **where, "cpu_s": 0.0}
    tell(node=ray.get_runtime_context().get_node_id(), **where)
    if request["version"] != automl.__version__:
        error = f"its node has automl {automl.__version__}, the search is of {request['version']}; install the same"
        return {"error": error, **where, "cpu_s": 0.0, "files": {}}
    with place:
        try:
            answer = _do(request, place, tell)
        except AutoMLError as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the search is told
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        files = place.left()
    worked_s = _worked_s()
    _billed_s[0] += worked_s
    return {**answer, **where, "cpu_s": worked_s, "files": files}


def _do(request: dict[str, Any], place: Place, tell: Callable[..., None]) -> dict[str, Any]:
    """A step, a test, or the timing of a training step."""
    spec = TrialSpec.from_json(request["spec"])
    workers, job = _workers(request), Job(spec, place.folder, place.checkpoints)
    if request["do"] == "time_step":
        return {"seconds": workers.time_step(spec, request["steps"])}
    if request["do"] == "evaluate":
        return {"scores": workers.evaluate(job)}
    workers.submit(job)
    [(_, result)] = workers.wait(
        lambda _, epoch, metrics, spent: tell(epoch=epoch, metrics=metrics, spent=spent.to_json())
    )
    return {"result": result.to_json()}


def machine() -> str:
    """What is the same for two processes if the same meters measure them."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()


def probe() -> bool:
    """A task that can be made wherever there is a node."""
    return True


def _workers(request: dict[str, Any]) -> ProcessWorkers:
    """Those of the last task, which have torch imported already, unless that had another GPU."""
    limits, gpu = Resources(1, request["timeout_s"], request["memory_bytes"]), os.environ.get("CUDA_VISIBLE_DEVICES")
    if gpu not in _processes:
        while _processes:
            _processes.popitem()[1].close()
        _processes[gpu] = ProcessWorkers(limits)
    workers = _processes[gpu]
    workers.hold_to(limits)
    return workers


def _worked_s() -> float:
    """CPU seconds of this process and its children that no finished task has told of."""
    return cpu.cpu_s() - _billed_s[0]
