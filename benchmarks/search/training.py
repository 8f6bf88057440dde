"""At what price does the default search reach the front that full trainings of random candidates give?

Nothing is looked up here: EfficientNets are trained on digits and on Fashion-MNIST, under the objective ``green``. For
each data and seed, 24 random candidates are trained in full; then the strategy ``pareto`` gets the FLOPs that this has
cost, or the part of them that ``--purse`` says, as its purse. Of both the hypervolume of the front so far (validation
accuracy against the logarithm of lifetime FLOPs) is taken over the study's bill; reported is where ``pareto`` has as
much as random search at its end::

    AUTOML_DATA_DIR=FOLDER python benchmarks/search/training.py --seeds 0 1 2 --home HOME --out OUT

What is finished is kept in OUT, one JSON file a search, and not run again; a search that was cut off goes on in HOME.
To run ``pareto`` again after a change of it, name another HOME and another OUT that holds random's files alone.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import math
import multiprocessing
import os
import platform
import statistics
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import automl
from automl import Goal
from automl.engine.front import front_indices, hypervolume
from automl.engine.observer import Observer

TRIALS = 24
STRATEGIES = ("random", "pareto")

SETTINGS = {"digits": {"epochs": 25}, "fashion-mnist": {"epochs": 9, "set": {"phi": "-32..-8"}}}
"""Other settings by data. On Fashion-MNIST a full training at phi -3 takes ten minutes of a core, one at -8 one."""

GOALS = (Goal("accuracy", "maximize"), Goal("log10_lifetime_flops", "minimize"))
CHANCE = 0.1
MARGIN = 1.1
"""The reference point: accuracy of a guess among ten classes, and this many times the dearest lifetime ever seen."""

BILL = {"price_flops": "flops", "cpu_s": "cpu_s", "wall_s": "wall_s"}
BILLS = "benchmark_bills"
LEAST_GAP = 1e-4
"""Of a front that leaves out less than this share of the best known hypervolume, the picture shows this much."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One search.

    Attributes:
        data: As typed, perhaps with a folder.
        strategy: Which.
        seed: Of the search.
        home: Where its study is.
        trials: Candidates, of random search.
        epochs: Of a full training; those of `SETTINGS` when None.
        budget_flops: The purse, of pareto.
    """

    data: str
    strategy: str
    seed: int
    home: Path
    trials: int
    epochs: int | None = None
    budget_flops: float | None = None

    @property
    def shown(self) -> str:
        """The data without its folder."""
        return self.data.partition("@")[0].rstrip(":")

    @property
    def name(self) -> str:
        """Of the study and of the file."""
        # Another number of epochs is another study, and its figures are not to be mixed with the others.
        epochs = f"-{self.epochs}-epochs" if self.epochs else ""
        return f"{self.shown.replace(':', '-')}{epochs}-{self.strategy}-{self.seed}"


class Bills(Observer):
    """Notes in the study what it has cost after each step, so that sittings add up."""

    def trial_finished(self, study, record):
        """Also what the engine itself has cost since the last step."""
        noted = study.optuna.user_attrs.get(BILLS, {})
        noted[record.name] = spent(study)
        study.optuna.set_user_attr(BILLS, noted)


def spent(study) -> dict[str, float]:
    return {shown: study.bill[name].value for shown, name in BILL.items()}


def run(job: Job) -> dict:
    """Searches, or goes on, and returns every step with the bill until then as plain data."""
    given = SETTINGS.get(job.shown.partition(":")[0], {}) | ({"epochs": job.epochs} if job.epochs else {})
    own = {"rungs": "off", "trials": job.trials}
    if job.strategy != "random":
        own = {"budget": (f"{job.budget_flops:.9e}FLOPs",)}
    study = automl.search(
        "efficientnet",
        objective="green",
        data=job.data,
        strategy=job.strategy,
        seed=job.seed,
        threads=1,
        home=job.home,
        study=job.name,
        tracking_uri="off",
        observers=(Bills(),),
        **given,
        **own,
    )
    bills = study.optuna.user_attrs[BILLS]
    steps, bill = [], dict.fromkeys(BILL, 0.0)
    for record in study.records:
        # A kill just after a step may have lost its bill; the next one has it.
        bill = bills.get(record.name, bill)
        steps.append({"name": record.name, "label": record.label, "values": record.values,
                      "test_accuracy": record.test_score, **bill})  # fmt: skip
    machine = f"{platform.machine()}, one thread, torch {version('torch')}, Python {platform.python_version()}"
    return {"data": job.shown, "strategy": job.strategy, "seed": job.seed, "trials": study.trial_count, **bill,
            "with_test": spent(study), "stopped": study.stopped, "machine": machine, "steps": steps}  # fmt: skip


def run_all(jobs: list[Job], out: Path, workers: int) -> None:
    """Runs what has no file yet, each search in a process of its own."""
    # Spawned, so that each imports torch anew under this setting.
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, max_tasks_per_child=1) as pool:
        waiting = [job for job in jobs if not (out / f"{job.name}.json").exists()]
        for job, future in [(job, pool.submit(run_one, job, out)) for job in waiting]:
            print(f"{job.name}: {future.result()}", flush=True)


def run_one(job: Job, out: Path) -> str:
    found = run(job)
    partial = out / f"{job.name}.part"
    partial.write_text(json.dumps(found, indent=1), encoding="utf-8")
    partial.rename(out / f"{job.name}.json")
    return f"{found['trials']} trials, {found['price_flops']:.4g} FLOPs, {found['wall_s']:.0f} s"


def load(job: Job, out: Path) -> dict | None:
    path = out / f"{job.name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def points(found: dict) -> list[tuple[float, float] | None]:
    """Accuracy and logarithm of lifetime FLOPs of each step, None of one that failed."""
    values = [step["values"] for step in found["steps"]]
    return [None if each is None else (each[0], math.log10(each[1])) for each in values]


def volumes(path: list[tuple[float, float] | None], corner: tuple[float, float]) -> list[float]:
    """Hypervolume of the front after each step."""
    front, found = [], []
    for point in path:
        front = [*front, point] if point else front
        front = [front[index] for index in front_indices(front, GOALS)]
        found.append(hypervolume(front, corner, GOALS))
    return found


def measure(runs: list[dict]) -> None:
    """Adds to each run of one data the course of its hypervolume, as a share of that of all runs' front together."""
    paths = [points(found) for found in runs]
    every = [point for path in paths for point in path if point]
    corner = (CHANCE, max(price for _, price in every) + math.log10(MARGIN))
    best = volumes(every, corner)[-1]
    for found, path in zip(runs, paths, strict=True):
        found["volumes"] = [volume / best for volume in volumes(path, corner)]


def row(found: dict, random: dict) -> dict:
    """What is reported of one search; the shares are NaN where it never had random's front."""
    target, steps = random["volumes"][-1], found["steps"]
    reached = [step for step, volume in zip(steps, found["volumes"], strict=True) if volume >= target]
    at = reached[0] if reached else dict.fromkeys(BILL, math.nan)
    top = max((step for step in steps if step["values"]), key=lambda step: (step["values"][0], -step["values"][1]))
    return {
        **{name: found[name] for name in ("data", "strategy", "seed", "trials", *BILL)},
        "hypervolume": found["volumes"][-1],
        **{f"share_of_{name.partition('_')[0]}": at[name] / random[name] for name in BILL},
        "val_accuracy": top["values"][0],
        "test_accuracy": math.nan if top["test_accuracy"] is None else top["test_accuracy"],
    }


def show(rows: list[dict]) -> None:
    """Each search, then mean and standard deviation over seeds."""
    names = list(rows[0])[3:]
    print(f"{'data':18} {'strategy':9} {'seed':>5}", *(f"{name:>14}" for name in names))
    for group in dict.fromkeys((row["data"], row["strategy"]) for row in rows):
        members = [row for row in rows if (row["data"], row["strategy"]) == group]
        lines = {str(each["seed"]): [float(each[name]) for name in names] for each in members}
        if len(members) > 1:
            columns = list(zip(*lines.values(), strict=True))
            lines["mean"] = [statistics.fmean(column) for column in columns]
            lines["sd"] = [math.nan if any(map(math.isnan, each)) else statistics.stdev(each) for each in columns]
        for word, figures in lines.items():
            print(f"{group[0]:18} {group[1]:9} {word:>5}", *(f"{figure:14.4g}" for figure in figures))
    print("share_of_...: when a search first has random's last hypervolume, of all that random paid; nan: never")


def draw(groups: dict[str, list[tuple[dict, dict]]], path: Path) -> None:
    """What each strategy lacks of the best known hypervolume, over the share of random's price."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6 * len(groups), 4.5), dpi=150, layout="constrained")
    shares = np.geomspace(0.005, 1, 300)
    for axes, (data, pairs) in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups.items(), strict=True):
        for strategy, colour in zip(STRATEGIES, ("#D55E00", "#0072B2"), strict=True):
            gaps = [gap(found, random, shares) for found, random in pairs if found["strategy"] == strategy]
            if gaps:
                axes.plot(shares, np.mean(gaps, 0), color=colour, label=f"{strategy}, mean of {len(gaps)} seeds")
                axes.fill_between(shares, np.min(gaps, 0), np.max(gaps, 0), color=colour, alpha=0.2, linewidth=0)
        axes.set(xscale="log", yscale="log", title=data, xlabel="share of the price of random search",
                 ylabel="hypervolume lacking to the best known front")  # fmt: skip
        axes.legend(frameon=False)
    figure.savefig(path)


def gap(found: dict, random: dict, shares):
    """What a search lacks at each share of random's price: all, before its first step."""
    import numpy as np

    prices = [step["price_flops"] / random["price_flops"] for step in found["steps"]]
    done = np.searchsorted(prices, shares, side="right")
    return np.maximum(LEAST_GAP, 1 - np.array([0.0, *found["volumes"]])[done])


def report(jobs: list[Job], out: Path) -> None:
    """Prints and writes what the files of these searches say."""
    groups: dict[str, list[tuple[dict, dict]]] = {}
    for shown in dict.fromkeys(job.shown for job in jobs):
        runs = [found for job in jobs if job.shown == shown and (found := load(job, out))]
        measure(runs)
        randoms = {found["seed"]: found for found in runs if found["strategy"] == "random"}
        groups[shown] = [(found, randoms[found["seed"]]) for found in runs]
    rows = [row(*pair) for pairs in groups.values() for pair in pairs]
    show(rows)
    print(*sorted({found["machine"] for pairs in groups.values() for found, _ in pairs}), sep="\n")
    with (out / "training.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    draw(groups, out / "training.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["digits", "fashion-mnist:6000"], help="perhaps with @FOLDER")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--home", type=Path, default=Path("runs/training"))
    parser.add_argument("--out", type=Path, default=Path("runs/training-results"))
    parser.add_argument("--jobs", type=int, default=1, help="searches at a time, each on one core")
    parser.add_argument("--trials", type=int, default=TRIALS, help="candidates of random search")
    parser.add_argument("--epochs", type=int, help="of a full training, in the place of what fits each data")
    parser.add_argument("--purse", type=float, default=1.0, help="of pareto, as a part of what random search cost")
    parser.add_argument("--only", choices=STRATEGIES, help="the others are only read from OUT")
    arguments = parser.parse_args()
    out, pairs = arguments.out, [(data, seed) for data in arguments.data for seed in arguments.seeds]
    out.mkdir(parents=True, exist_ok=True)
    jobs = [Job(data, "random", seed, arguments.home, arguments.trials, arguments.epochs) for data, seed in pairs]
    if arguments.only != "pareto":
        run_all(jobs, out, arguments.jobs)
    if missing := [job.name for job in jobs if load(job, out) is None]:
        parser.error(f"{out} has no {', '.join(missing)}: run random search first")
    purses = [arguments.purse * load(job, out)["price_flops"] for job in jobs]
    pareto = [dataclasses.replace(job, strategy="pareto", budget_flops=p) for job, p in zip(jobs, purses, strict=True)]
    if arguments.only != "random":
        run_all(pareto, out, arguments.jobs)
    report([*jobs, *pareto], out)


if __name__ == "__main__":
    main()
