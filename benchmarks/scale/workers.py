"""How many workers one driver can keep busy: proposals a second with 1 to 1,000 simulated workers.

    python benchmarks/scale/workers.py --data DATA [--workers 1 10 100 1000] [--strategies pareto random] [--seeds 3]

The engine is asked for a step whenever a worker is free, and told what LCBench's surrogate says of it when the seconds
that the benchmark recorded have passed, by a simulated clock: as many steps are under way as there are workers, and
they end in another order than they began. Timed is the engine alone, in CPU seconds, `ask` and `tell` together. The
last column is what working blind costs: the hypervolume reached when as many training seconds are told as the purse of
benchmarks/search holds, the mean price of 60 full trainings.

DATA is a folder with ``replay/`` as the README of the plugin `replay` lays it out.
"""

from __future__ import annotations

import argparse
import heapq
import os
import statistics
import sys
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
sys.path.insert(0, str(Path(__file__).parent.parent / "search"))

from methods import Ours, Setting  # noqa: E402
from problems import hypervolume, problems  # noqa: E402

PROBLEM = "lcbench-167152"
STEPS_A_WORKER = 3
"""Steps that each worker makes at least: with fewer nearly all would be first rungs of candidates asked for blindly."""

LEAST_STEPS = 1000


def searched(data: Path, strategy: str, workers: int, seed: int) -> dict:
    problem = problems(data)[PROBLEM]
    scales = problem.scales(Path(__file__).parent.parent / "search" / "results" / "scales")
    engine = Ours(Setting(problem, scales, "every", seed), strategy)
    most = max(LEAST_STEPS, STEPS_A_WORKER * workers)
    now_s, told_s, began = 0.0, 0.0, 0
    under_way: list[tuple[float, int, object, tuple[float, float], float]] = []
    took_s: list[float] = []
    paid: dict[int, float] = {}
    reached: list[tuple[float, float]] = []
    waits = 0
    while True:
        while began < most and len(under_way) < workers:
            before = time.process_time()
            step = engine.ask()
            took_s.append(time.process_time() - before)
            if step is None:
                waits += 1
                break
            values, price = problem.look_up(step.point, step.rung)
            seconds = max(price - paid.get(step.trial, 0.0), 0.0)
            paid[step.trial] = max(price, paid.get(step.trial, 0.0))
            began += 1
            heapq.heappush(under_way, (now_s + seconds, began, step, values, seconds))
        if not under_way:
            break
        now_s, _, step, values, seconds = heapq.heappop(under_way)
        before = time.process_time()
        engine.tell(step, values, seconds)
        took_s[-1] += time.process_time() - before
        told_s += seconds
        if told_s <= scales.purse:
            reached.append(values)
    return {
        "steps": began,
        "trials": len(paid),
        "per_s": began / sum(took_s),
        "median_ms": 1000 * statistics.median(took_s),
        "p99_ms": 1000 * statistics.quantiles(took_s, n=100)[98],
        "makespan_h": now_s / 3600,
        "waits": waits,
        "hypervolume": hypervolume([scales.losses(values, "every") for values in reached]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--strategies", nargs="+", default=["pareto", "random"])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print("| strategy | workers | steps (trials) | proposals/s | median ms | p99 ms | simulated hours | hypervolume |")
    print("|---|---|---|---|---|---|---|---|")
    for strategy in arguments.strategies:
        for workers in arguments.workers:
            runs = [searched(arguments.data, strategy, workers, seed) for seed in range(arguments.seeds)]

            def of(name: str, runs: list[dict] = runs) -> tuple[float, float]:
                values = [run[name] for run in runs]
                return statistics.fmean(values), statistics.pstdev(values)

            print(
                f"| {strategy} | {workers} | {of('steps')[0]:.0f} ({of('trials')[0]:.0f}) "
                f"| {of('per_s')[0]:.0f} ± {of('per_s')[1]:.0f} | {of('median_ms')[0]:.1f} | {of('p99_ms')[0]:.0f} "
                f"| {of('makespan_h')[0]:.2f} | {of('hypervolume')[0]:.3f} ± {of('hypervolume')[1]:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
