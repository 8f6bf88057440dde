"""Does compound scaling beat deeper only, wider only and larger only on Fashion-MNIST?

The two steps of EfficientNet's authors (Tan & Le 2019, section 3.3) on a baseline that two cores can train: strategy
``compound`` tries 15 ways to double the baseline's FLOPs, freezes the most accurate, and raises phi, beside models of
the same FLOPs that are scaled in one dimension alone. Which coefficients are best was chosen with the seed of that
search, so the family is trained again with other seeds, and these alone make the means::

    AUTOML_DATA_DIR=... python examples/compound_scaling.py            # an hour or two on two cores
    AUTOML_DATA_DIR=... python examples/compound_scaling.py --quick    # minutes: to see that it works

What was finished is not done again. It leaves ``table.csv``, ``table.md`` and ``figure.png`` in its home. What came out
on our machine: docs/spaces.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import automl
from automl.files import write_json, write_text
from automl.report import analyses
from automl.training.fit import evaluate, run_trial

if TYPE_CHECKING:
    from automl.engine.record import Record

BASELINE = {"base_width": "0.25", "base_depth": "0.5", "base_px": "28"}
RECIPE = {"normalizer": "bn", "loss": "cross-entropy", "learning_rate": "0.02", "drop_rate": "0.1"}

FIRST_SEED = 1000
"""A trial's own seed is its study's plus its number: the search has used those up to the number of its trials."""

COLORS = {"compound": "#0072B2", "depth": "#D55E00", "width": "#009E73", "resolution": "#CC79A7"}


def searched(options: argparse.Namespace) -> automl.Study:
    """Both steps with one seed; a search that was stopped goes on."""
    return automl.search(
        "efficientnet",
        data=f"fashion-mnist:{options.images}",
        objective="green",
        strategy="compound",
        trials=options.trials,
        set={**BASELINE, **RECIPE},
        epochs=options.epochs,
        rungs="off",
        batch_size=64,
        threads=1,
        seed=0,
        study="compound-scaling",
        home=options.home,
    )


def tested(record: Record, seed: int, home: Path) -> float:
    """Accuracy on the 10,000 test images of a member of the family, trained with another seed."""
    folder = home / f"seed-{seed}" / f"trial-{record.number:04d}"
    kept = folder / "test.json"
    if not kept.is_file():
        spec = dataclasses.replace(record.spec, seed=seed)
        result = run_trial(spec, folder)
        write_json(kept, evaluate(spec, folder) if result.status == "complete" else {"test_accuracy": None})
    score = json.loads(kept.read_text())["test_accuracy"]
    return math.nan if score is None else float(score)


def family(study: automl.Study, options: argparse.Namespace) -> pd.DataFrame:
    """A row a training."""
    finding = analyses.findings(study).get("compound-scaling")
    if study.trial_count < options.trials or finding is None:
        raise SystemExit(f"{study.name} was stopped; run the same command again to go on.")
    records = {record.name: record for record in study.records}
    rows = []
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        for member in finding.rows:
            score = tested(records[member["trial"]], seed, options.home)
            rows.append({**member, "seed": seed, "test_accuracy": score})
            print(f"seed {seed}, {member['scaled']}, phi {member['phi']:.2f}: {100 * score:.1f}%", flush=True)
    return pd.DataFrame(rows)


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a member, the cheapest first: mean and standard deviation over the seeds."""
    shape = ["scaled", "depth", "width", "resolution_px", "parameters", "prediction_flops"]
    grouped = rows.groupby(["trial", *shape], sort=False)["test_accuracy"].agg(["mean", "std"]).reset_index()
    return grouped.sort_values("prediction_flops", kind="stable")


def table(found: pd.DataFrame) -> str:
    """The same for people."""
    head = ["scaled by", "depth", "width", "pixels", "parameters", "MFLOPs a prediction", "test accuracy (%)"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in found.itertuples():
        cells = [row.scaled, f"{row.depth:.2f}", f"{row.width:.2f}", row.resolution_px, f"{row.parameters:,}"]
        spread = "" if math.isnan(row.std) else f" ± {100 * row.std:.1f}"
        cells += [f"{row.prediction_flops / 1e6:.2f}", f"{100 * row.mean:.1f}{spread}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def draw(found: pd.DataFrame, path: Path) -> None:
    """Accuracy against FLOPs, a line a way of scaling, each from the baseline on."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.5), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for way, color in COLORS.items():
        line = found[found["scaled"].isin(["none", way])]
        label = "compound scaling" if way == "compound" else f"{way} alone"
        axes.errorbar(
            line["prediction_flops"] / 1e6, 100 * line["mean"], 100 * line["std"], marker="o", capsize=3, label=label,
            color=color, linewidth=2.4 if way == "compound" else 1.4,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("MFLOPs of a prediction")
    axes.set_ylabel("test accuracy (%), mean and deviation over seeds")
    axes.set_title("EfficientNets on Fashion-MNIST, from one baseline", loc="left")
    axes.grid(color="#E6E6E6")
    axes.legend(frameon=False)
    figure.savefig(path)


def main() -> None:
    """Searches, trains the family again, and writes tables and picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--home", type=Path, default=Path("runs/compound-scaling"))
    parser.add_argument("--quick", action="store_true", help="one seed, few images, one epoch, phi up to 2")
    parser.add_argument("--seeds", type=int, default=3, help="to train the family with, besides the search's own")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--images", type=int, default=6000, help="for training and validation, 5 to 1")
    parser.add_argument("--trials", type=int, default=24, help="16 for step 1, and 4 for each phi from 2 on")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.epochs, options.images, options.trials = 1, 1, 720, 20
        options.home = options.home.with_name(f"{options.home.name}-quick")
    study = searched(options)
    rows = family(study, options)
    found = means(rows.fillna({"test_accuracy": 0.1}))
    write_text(options.home / "table.csv", rows.to_csv(index=False))
    write_text(options.home / "table.md", table(found))
    draw(found.fillna({"std": 0.0}), options.home / "figure.png")
    print(f"\n{table(found)}\nEverything is in {options.home}.")


if __name__ == "__main__":
    main()
