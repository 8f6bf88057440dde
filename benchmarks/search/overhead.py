"""What the engine itself costs: a proposal in a replayed search of 1,000 trials, and its share of a real search.

    python benchmarks/search/overhead.py --data DATA [--search]

asks the default strategy for steps on LCBench, in both readings, and on NAS-Bench-201 until 1,000 trials were begun,
and prints CPU milliseconds a step (ask and tell), around the hundredth and the thousandth trial, and resident memory.
``--search`` runs the default search of ``make search`` and prints which part of its wall time the engine took, and how
much of that was the counting of candidates' operations, which those that are trained need for their price tag anyway.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
sys.path.insert(0, str(Path(__file__).parent))

import psutil  # noqa: E402
from methods import Ours, Setting  # noqa: E402
from problems import problems  # noqa: E402

AROUND = 40
"""Steps on either side of the hundredth and the thousandth trial whose median stands for it."""


def replayed(data: Path, name: str, reading: str, trials: int) -> None:
    problem = problems(data)[name]
    engine = Ours(Setting(problem, None, reading, seed=0), "pareto")  # type: ignore[arg-type] - it needs no scales
    took_ms, begun, rss_mb, paid = [], [], [], {}
    while not begun or begun[-1] < trials:
        began = time.process_time()
        step = engine.ask()
        asked = time.process_time() - began
        if step is None:
            break
        values, price = problem.look_up(step.point, step.rung)
        cost = max(price - paid.get(step.trial, 0.0), 0.0)
        paid[step.trial] = max(price, paid.get(step.trial, 0.0))
        began = time.process_time()
        engine.tell(step, values, cost)
        took_ms.append(1000 * (asked + time.process_time() - began))
        begun.append(step.trial + 1 if step.from_rung is None else begun[-1])
        rss_mb.append(psutil.Process().memory_info().rss / 1e6)

    def around(trial: int) -> tuple[float, float]:
        place = min(begun.index(trial), len(begun) - AROUND)
        return statistics.median(took_ms[max(place - AROUND, 0) : place + AROUND]), rss_mb[place]

    (early, early_mb), (late, late_mb) = around(100), around(max(begun))
    print(
        f"{name} {reading}: {len(took_ms)} steps of {max(begun)} trials, median {statistics.median(took_ms):.1f} ms; "
        f"around trial 100 {early:.1f} ms, around trial {max(begun)} {late:.1f} ms ({late / early:.2f} times); "
        f"memory {early_mb:.0f} MB then {late_mb:.0f} MB",
        flush=True,
    )


def searched() -> None:
    import automl
    from automl.engine.beforehand import Beforehand

    def timed(call, sums):
        def inner(*args, **kwargs):
            began = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                sums[0] += time.perf_counter() - began

        return inner

    engine_s, counting_s = [0.0], [0.0]
    automl.Engine.ask, automl.Engine.tell = timed(automl.Engine.ask, engine_s), timed(automl.Engine.tell, engine_s)
    Beforehand.quote = timed(Beforehand.quote, counting_s)
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        study = automl.search("efficientnet", objective="green", home=Path(home), tracking_uri="off")
        wall_s = time.perf_counter() - began
        front = study.front
        print(
            f"default search: {wall_s:.0f} s, engine {engine_s[0]:.2f} s ({engine_s[0] / wall_s:.2%}), of it "
            f"{counting_s[0]:.2f} s for counting; accurate end "
            f"{front['test_accuracy'].iloc[-1]:.1%} on the test split, spread in price "
            f"{front['lifetime_flops'].iloc[-1] / front['lifetime_flops'].iloc[0]:.0f}-fold"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--search", action="store_true")
    arguments = parser.parse_args()
    for name, reading in (("lcbench-3945", "full"), ("lcbench-3945", "every"), ("nasbench201-fpga", "full")):
        replayed(arguments.data, name, reading, arguments.trials)
    if arguments.search:
        searched()


if __name__ == "__main__":
    main()
