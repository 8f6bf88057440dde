"""Runs one peer optimizer as a process of its own that speaks JSON lines.

    python worker.py METHOD

METHOD is moasha, moasha-ranked or primo (see moasha.py and primo.py). The interpreter must be one that has
requirements.txt installed; the project itself is not needed and never imported.

First line in, then questions and answers, one step at a time; the end of the input ends the process:

    {"dimensions": [{"name": "lr", "kind": "float", "low": 1e-4, "high": 1, "log": true},
                    {"name": "layers", "kind": "int", "low": 1, "high": 8},
                    {"name": "norm", "kind": "choice", "choices": ["batch", "group"]}],
     "losses": 2, "rungs": [2, 6, 17, 52], "seed": 3}
    {"ask": true}
        -> {"trial": 0, "point": {"lr": 0.1, ...}, "rung": 0, "from_rung": null, "cpu_s": 0.012}
    {"tell": {"trial": 0, "rung": 0, "losses": [0.3, 0.5], "price": 12.5}}

`rung` is the place in `rungs` where the step ends, `from_rung` the one where the trial stood, null for a new trial.
Losses are as the trial stands at that rung, about within 0 and 1, and lower is better. No peer here looks at the price.
`cpu_s` is the processor time of this proposal and of what was told since the last; neither start-up nor JSON counts.
"""

import json
import os
import random
import sys
import time
from typing import Any, Protocol

METHODS = ("moasha", "moasha-ranked", "primo")


class Peer(Protocol):
    """An optimizer that proposes one step at a time."""

    def ask(self) -> dict[str, Any]:
        """Give the next step: trial, point, rung and from_rung."""

    def tell(self, trial: int, rung: int, losses: list[float], price: float) -> None:
        """Take what the step last asked for has given."""


class Space:
    """Gives peers only what they can search and turns their points back.

    A dimension with one value is left out, because NePS takes none, and a choice is searched as its place in the list,
    because neither library takes values of mixed types.
    """

    def __init__(self, dimensions: list[dict[str, Any]]) -> None:
        self.fixed: dict[str, Any] = {}
        self.choices: dict[str, list[Any]] = {}
        self.searched: list[dict[str, Any]] = []
        for dimension in dimensions:
            name = dimension["name"]
            if dimension["kind"] == "choice":
                if len(dimension["choices"]) == 1:
                    self.fixed[name] = dimension["choices"][0]
                    continue
                self.choices[name] = dimension["choices"]
            elif dimension["low"] == dimension["high"]:
                self.fixed[name] = dimension["low"]
                continue
            self.searched.append({"log": False, **dimension})

    def decode(self, point: dict[str, Any]) -> dict[str, Any]:
        """Turn a peer's point into one of the space, in plain Python values."""
        decoded = dict(self.fixed)
        for dimension in self.searched:
            name, value = dimension["name"], point[dimension["name"]]
            if dimension["kind"] == "choice":
                decoded[name] = self.choices[name][int(value)]
            elif dimension["kind"] == "int":
                decoded[name] = int(value)
            else:
                # the way back from a logarithm may step over a bound by a rounding error
                decoded[name] = min(max(float(value), dimension["low"]), dimension["high"])
        return decoded


def build(method: str, space: Space, setup: dict[str, Any]) -> Peer:
    """Seed everything that draws, then make the peer."""
    import numpy as np
    import torch

    random.seed(setup["seed"])
    np.random.seed(setup["seed"])  # noqa: NPY002 - both libraries draw from numpy's global generator
    torch.manual_seed(setup["seed"])
    torch.set_num_threads(1)
    if method == "primo":
        from primo import Primo

        return Primo(space.searched, setup["rungs"])
    from moasha import Moasha

    return Moasha(space.searched, setup["losses"], setup["rungs"], setup["seed"], ranked=method == "moasha-ranked")


def serve(method: str) -> None:
    """Answer until the input ends."""
    # whatever the libraries print goes to stderr, so that stdout carries the answers alone
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # two benchmarks side by side must not fight for cores, and cpu_s must be one core's
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    setup = json.loads(sys.stdin.readline())
    space = Space(setup["dimensions"])
    peer = build(method, space, setup)
    cpu_s = 0.0
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        started_s = time.process_time()
        if "tell" in request:
            peer.tell(**request["tell"])
            cpu_s += time.process_time() - started_s
            continue
        step = peer.ask()
        cpu_s += time.process_time() - started_s
        answer = {**step, "point": space.decode(step["point"]), "cpu_s": cpu_s}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        cpu_s = 0.0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in METHODS:  # noqa: PLR2004
        sys.exit(f"usage: python worker.py {'|'.join(METHODS)}")
    serve(sys.argv[1])
