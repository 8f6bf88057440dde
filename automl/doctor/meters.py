"""Check of the energy meters: which one works here, and why the others do not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from automl.doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "energy meter"
PROBE_TIMEOUT_S = 120
PROBE = """
import json
from automl.price import energy
energy.warm_up()
reader = energy.reader()
found = {"problems": energy.problems()}
if reader is not None:
    reader.read_wh()
    found |= {"method": reader.method, "how": reader.how}
print(json.dumps(found))
"""
"""What the other process runs: opening meters imports torch and more."""


def meters() -> Iterator[Check]:
    """What a search would meter energy with."""
    found = _probe()
    problems = " ".join(found.get("problems", []))
    if "method" not in found:
        cause = found.get("error") or problems
        yield Check(NAME, "warn", f"none: energy, carbon and money by energy stay unknown. {cause}", _remedy(problems))
        return
    # What the kernel has but does not show is worth a person's while; what is not there is as it should be.
    hidden = "only root may read" in problems
    remedy = _remedy(problems) if hidden else ""
    yield Check(NAME, "warn" if hidden else "ok", f"{found['method']}: {found['how']}. {problems}".strip(), remedy)


def _remedy(problems: str) -> str:
    """The command that a problem names between backticks."""
    _, tick, rest = problems.partition("`")
    return rest.partition("`")[0] if tick else ""


def _probe() -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            # -P: nothing of the working directory is what a search would import.
            [sys.executable, "-P", "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        return {"error": (error.stderr.strip().splitlines() or ["the probe died"])[-1]}
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return found
