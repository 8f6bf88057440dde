"""Checks of torch: whether it fits torchvision, and which GPUs it sees."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.doctor.check import Check, installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = "torch + torchvision"
MEND_PAIR = "pip install -c constraints.txt torch torchvision"
# pip takes 2.14.1+cpu for 2.14.1 and would leave a pair of different builds as it is.
MEND_BUILD = "pip install --force-reinstall -c constraints.txt torch torchvision"
PROBE_TIMEOUT_S = 120
PROBE = """
import json, sys
found = {}
try:
    import torch
    found["torch"] = torch.__version__
    found["cuda"] = torch.version.cuda
    found["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    import torchvision
    found["torchvision"] = torchvision.__version__
except BaseException as error:
    found["error"] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""
"""What the other process runs; its last line says how far it came."""


def torch_and_gpu() -> Iterator[Check]:
    """Whether torch and torchvision import together, and which GPUs torch sees; both in a process of its own.

    They must be built for each other, in version and in kind: a CPU-only torch beside a CUDA torchvision dies with
    "operator torchvision::nms does not exist" and takes timm and Lightning along.
    """
    if not installed("torch"):
        return
    found = _probe()
    if "torch" not in found:
        yield Check(NAME, "fail", f"torch cannot be imported: {found['error']}", MEND_BUILD)
        return
    yield _pair(found)
    yield _gpu(found)


def _pair(found: dict[str, Any]) -> Check:
    torch, vision = installed("torch"), installed("torchvision")
    if not vision:
        return Check(NAME, "ok", f"torch {torch} imports, there is no torchvision")
    wanted = wanted_torch(importlib.metadata.requires("torchvision") or [])
    if wanted and wanted.partition("+")[0] != torch.partition("+")[0]:
        return Check(NAME, "fail", f"torchvision {vision} is built for torch {wanted}, but torch is {torch}", MEND_PAIR)
    kinds = torch.partition("+")[2], vision.partition("+")[2]
    if "error" in found:
        return Check(NAME, "fail", f"torch {torch}, torchvision {vision}: {found['error']}", MEND_BUILD)
    if kinds[0] != kinds[1]:
        return Check(NAME, "warn", f"torch {torch} and torchvision {vision} are different builds", MEND_BUILD)
    return Check(NAME, "ok", f"{torch} and {vision} import together")


def wanted_torch(requirements: Iterable[str]) -> str | None:
    """The torch version that a torchvision's requirements ask for: ``["torch==2.14.1"]`` gives ``"2.14.1"``."""
    for requirement in requirements:
        if match := re.match(r"torch\s*\(?\s*==\s*([0-9][^\s;,)]*)", requirement):
            return match[1]
    return None


def _gpu(found: dict[str, Any], driver: Path = Path("/proc/driver/nvidia/version")) -> Check:
    if found.get("gpus"):
        return Check("gpu", "ok", ", ".join(found["gpus"]))
    if not driver.exists():
        return Check("gpu", "ok", "none; training runs on the CPU")
    if found.get("cuda") is None:
        return Check("gpu", "warn", "there is one, but this torch is built for the CPU alone", MEND_BUILD)
    text = f"there is one, but torch, built for CUDA {found['cuda']}, cannot use it"
    return Check(
        "gpu", "warn", text, "run `nvidia-smi`; the driver may be too old, or CUDA_VISIBLE_DEVICES may hide it"
    )


def _probe() -> dict[str, Any]:
    # -P: a torch.py in the working directory is not what a search would import.
    command = [sys.executable, "-P", "-c", PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {PROBE_TIMEOUT_S} s"}
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return {"error": " ".join(done.stderr.split())[-300:] or f"the process died with {done.returncode}"}
    return found
