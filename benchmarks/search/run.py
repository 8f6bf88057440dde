"""Fronts for the price: our engine beside its peers on recorded benchmarks, equal purses, many seeds.

    python benchmarks/search/run.py --data DATA --seeds 10 --jobs 2 --peers PEERS/bin/python

runs every optimizer on every problem under every seed, each run a line in OUT, so that a benchmark that was interrupted
goes on where it stopped; then writes tables and plots (`report.py`). OUT is ``benchmarks/search/results`` when left
out, where the runs behind docs/benchmarks.md lie: another OUT makes them anew. DATA is a folder with ``replay/`` as the
README of the plugin `replay` lays it out. The peers that pin what they need run in an environment of their own:
``python -m venv PEERS && PEERS/bin/pip install -r benchmarks/search/peers/requirements.txt``.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

# Before numpy is loaded: two runs side by side must not fight for cores.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
sys.path.insert(0, str(Path(__file__).parent))

from methods import BY_READING, METHODS, Setting, run  # noqa: E402
from problems import DEVELOPED_ON, problems  # noqa: E402
from report import improvements, read, report  # noqa: E402

SLOW = ("gp", "primo")
"""Optimizers that take a second a proposal: they run last, so that there is something to see early."""

Task = tuple[str, str, str, int]
"""Problem, method, reading and seed of a run."""


def one(data: Path, out: Path, task: Task, peers: Path | None) -> dict[str, Any]:
    """Makes one run, and keeps of it what bettered its front and how long its proposals took."""
    name, method, reading, seed = task
    problem = problems(data)[name]
    scales = problem.scales(out / "scales")
    began = time.perf_counter()
    found = run(method, Setting(problem, scales, reading, seed, peers), scales.purse)
    return condensed(task, found, time.perf_counter() - began, len(problem.rungs) - 1)


def condensed(task: Task, found: dict[str, Any], wall_s: float, last: int) -> dict[str, Any]:
    """What is kept of a run."""
    took_ms = [1000 * seconds for seconds in found["proposals_cpu_s"]]
    return {
        **dict(zip(("method", "reading", "seed"), task[1:], strict=True)),
        "steps": len(took_ms),
        "wall_s": round(wall_s, 1),
        "proposal_cpu_ms": {
            "median": round(statistics.median(took_ms), 2),
            "mean": round(statistics.fmean(took_ms), 2),
        },
        "improvements": improvements(found["reached"], last),
    }


def keep(out: Path, name: str, record: dict[str, Any]) -> None:
    """Adds a line to the problem's file. One process alone writes."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")


def tasks(names: list[str], methods: list[str], seeds: range, timed: dict[str, bool]) -> list[Task]:
    """Every run there is to make, seed by seed, the slow optimizers last."""
    every = [
        (name, method, reading, seed)
        for seed in seeds
        for name in names
        for method in methods
        for reading in (("full", "every") if timed[name] and method in BY_READING else ("full",))
    ]
    return sorted(every, key=lambda task: task[1] in SLOW)


def make(todo: list[Task], data: Path, out: Path, peers: Path | None, jobs: int) -> None:
    """Makes runs side by side; one that fails is told and left out."""
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        futures = {pool.submit(one, data, out, task, peers): task for task in todo}
        for future in concurrent.futures.as_completed(futures):
            task = futures[future]
            if error := future.exception():
                print(*task, f"FAILED: {error!r}", flush=True)
                continue
            record = future.result()
            keep(out, task[0], record)
            print(*task, f"{record['steps']} steps, {record['wall_s']} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--peers", type=Path, help="python of the peers' environment")
    parser.add_argument("--problems", nargs="+", help="all but the ones developed on when left out")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--report-only", action="store_true")
    arguments = parser.parse_args()
    known, out = problems(arguments.data), arguments.out
    names = arguments.problems or [n for n in known if n.rpartition("-")[2] not in DEVELOPED_ON]
    if not arguments.report_only:
        for name in names:
            known[name].scales(out / "scales")
        made = {
            (n, *(r[key] for key in ("method", "reading", "seed"))) for n in names for r in read(out / f"{n}.jsonl")
        }
        todo = tasks(names, arguments.methods, range(arguments.seeds), {n: known[n].timed for n in names})
        todo = [task for task in todo if task not in made]
        print(f"{len(todo)} runs to make", flush=True)
        make(todo, arguments.data, out, arguments.peers, arguments.jobs)
    report(out, {name: known[name] for name in names}, list(METHODS))


if __name__ == "__main__":
    main()
