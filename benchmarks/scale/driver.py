"""How fast a whole driver is: steps a second, database and bookkeeping included, with 1 to 1,000 simulated workers.

    python benchmarks/scale/driver.py --data DATA [--workers 1 100 1000] [--steps 500] [--strategy pareto] [--server]

runs `automl.search` on LCBench's surrogate with an executor whose workers are simulated: what a step gives is looked up
at once, and handed over when the seconds that the benchmark recorded have passed, by a simulated clock. With
``--server`` the study is on a PostgreSQL that is started here. Prints which part of the wall time the engine's `ask`
and `tell`, the database's writes and the rest took, a step.

DATA is a folder with ``replay/`` as the README of the plugin `replay` lays it out.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import heapq
import os
import sys
import tempfile
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import automl  # noqa: E402
from automl.engine.observer import Observer  # noqa: E402
from automl.engine.study import Study  # noqa: E402
from automl.host import get_host  # noqa: E402
from automl.testing.servers import postgresql  # noqa: E402

SOURCE = "lcbench:167152"


class Simulated(automl.Executor):
    """Any number of simulated workers."""

    name = "simulated"
    summary = "workers that look a training up and hand it over when its time has come, by a simulated clock"

    def start(self, resources):
        """At second 0."""
        return SimulatedWorkers(resources.jobs)


class SimulatedWorkers:
    """Steps under way, by the second at which they end.

    Args:
        slots: Of them at a time.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._now_s, self._number = 0.0, 0
        self._under_way: list = []

    def submit(self, job) -> None:
        """Looks it up."""
        from automl.training.fit import run_trial

        result = run_trial(job.spec, job.folder, lambda *_told: None, job.checkpoints)
        self._number += 1
        seconds = result.spent["wall_s"].value if "wall_s" in result.spent else 0.0
        heapq.heappush(self._under_way, (self._now_s + seconds, self._number, job, result))

    def wait(self, on_epoch):
        """What ends next."""
        self._now_s, _, job, result = heapq.heappop(self._under_way)
        return [(job, result)]

    def close(self) -> None:
        """Forgets what is under way."""
        self._under_way.clear()


class Plugin:
    """Brings it."""

    @automl.hookimpl
    def automl_executors(self):
        """One."""
        return [Simulated()]


class Enough(Observer):
    """Ends the search after so many steps, as Ctrl-C twice would."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def trial_finished(self, study, record) -> None:
        """Counts."""
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def timed(owner, names: tuple[str, ...], sums: dict[str, float], key: str) -> None:
    """Has the wall time of methods added up."""
    for name in names:
        real = getattr(owner, name)

        @functools.wraps(real)
        def call(*given, _real=real, **named):
            began = time.perf_counter()
            try:
                return _real(*given, **named)
            finally:
                sums[key] += time.perf_counter() - began

        setattr(owner, name, call)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--steps", type=int, default=500, help="beyond the first of each worker")
    parser.add_argument("--strategy", default="pareto")
    parser.add_argument("--server", action="store_true")
    arguments = parser.parse_args()
    get_host().register(Plugin(), name="simulated")
    sums = {"engine": 0.0, "database": 0.0}
    timed(automl.Engine, ("ask", "tell"), sums, "engine")
    timed(Study, ("add", "keep", "keep_bill"), sums, "database")
    print("| strategy | database | workers | steps | steps/s | engine ms a step | database ms | the rest ms |")
    print("|---|---|---|---|---|---|---|---|")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(postgresql()).url if arguments.server else None
        for workers in arguments.workers:
            sums.update(engine=0.0, database=0.0)
            steps = arguments.steps + workers
            with tempfile.TemporaryDirectory() as home, contextlib.suppress(KeyboardInterrupt):
                began = time.perf_counter()
                automl.search(
                    "recorded", data=f"{SOURCE}@{arguments.data / 'replay' / 'yahpo_lcbench'}", jobs=workers,
                    goal=["accuracy:max", "training_wall_s:min"], trials=100_000, strategy=arguments.strategy,
                    executor="simulated", home=home, storage=url, study=f"w{workers}", tracking_uri="off",
                    observers=[Enough(steps)],
                )  # fmt: skip
            took = time.perf_counter() - began
            part = {name: 1000 * value / steps for name, value in sums.items()}
            rest = 1000 * took / steps - sum(part.values())
            database = "PostgreSQL" if url else "SQLite"
            print(
                f"| {arguments.strategy} | {database} | {workers} | {steps} | {steps / took:.1f} "
                f"| {part['engine']:.1f} | {part['database']:.1f} | {rest:.1f} |",
                flush=True,
            )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
