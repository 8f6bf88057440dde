"""Does filter response normalization do what its paper says, at batches of 2 as at 128?

Trains one small ResNetV2 and one small EfficientNet on Fashion-MNIST with six normalizers, at batch sizes from 2 to
128, with three seeds: 216 trainings of equal epochs, the learning rate scaled by the batch. Every training is a trial
of a study, so that MLflow has it and a run that was stopped goes on where it was::

    AUTOML_DATA_DIR=... python examples/normalizers_by_batch_size.py            # hours on two cores
    AUTOML_DATA_DIR=... python examples/normalizers_by_batch_size.py --quick    # minutes: to see that it works

It leaves ``table.csv`` (a row a training), ``table.md`` (means and deviations) and ``figure.png`` in its home. What
came out on our machine: docs/normalizers.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

import automl
from automl.files import write_json, write_text
from automl.training.fit import evaluate

NORMALIZERS = ("bn", "brn", "gn", "frn", "ln", "in")

REFERENCE_BATCH = 128

APART = 100
"""From one study's seed to the next."""

MODELS: dict[str, dict[str, Any]] = {
    # Three stages of 8, 16 and 32 channels with one block each, on maps of 28, 14 and 7 pixels.
    "resnetv2": {
        "space": "resnet",
        "set": {"preactivation": "True", "base_width": "0.5", "base_depth": "0.333", "phi": "0"},
        "learning_rate": 0.2,
    },
    # Seven blocks of 8 to 80 channels; at 36 pixels the last map is 2x2, since 1x1 leaves IN nothing and FRN a sign.
    "efficientnet": {
        "space": "efficientnet",
        "set": {"base_width": "0.25", "base_depth": "0.3", "base_px": "36", "phi": "0"},
        "learning_rate": 0.05,
    },
}
"""A space, what is fixed of it, and the peak of the learning rate at a batch of 128; the rest is in `RECIPE`."""

RECIPE = {"loss": "cross-entropy", "optimizer": "sgd", "momentum": "0.9", "weight_decay": "1e-4", "drop_rate": "0"}


def study_of(model: str, batch_size: int, seed: int, options: argparse.Namespace) -> automl.Study:
    """One training a normalizer; those that an earlier run has made are not made again."""
    chosen = MODELS[model]
    # Goyal et al. 2017: the learning rate goes with the batch, so that an epoch moves the weights as far.
    rate = chosen["learning_rate"] * batch_size / REFERENCE_BATCH
    return automl.search(
        chosen["space"],
        data=f"fashion-mnist:{options.images}",
        objective="accuracy",
        strategy="grid",
        trials=len(NORMALIZERS),
        set={**chosen["set"], **RECIPE, "learning_rate": f"{rate:g}", "normalizer": ",".join(NORMALIZERS)},
        epochs=options.epochs,
        rungs="off",
        batch_size=batch_size,
        seed=seed,
        threads=1,
        study=f"{model}-batch-{batch_size}-seed-{seed}",
        home=options.home,
    )


def tested(study: automl.Study, home: Path) -> dict[str, float]:
    """Accuracy on the 10,000 test images by normalizer; chance where a training failed."""
    kept = home / study.name / "test.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text()))
    if len(study.records) < len(NORMALIZERS):
        raise SystemExit(f"{study.name} was stopped; run the same command again to go on.")
    scores = {}
    for record in study.records:
        trained = record.result.status == "complete"
        metrics = evaluate(record.spec, study.step_folder(record.spec)) if trained else {}
        scores[record.spec.config["normalizer"]] = metrics.get("test_accuracy", 1 / len(record.spec.data.classes))
    write_json(kept, scores)
    return scores


def table(rows: pd.DataFrame) -> str:
    """Mean and standard deviation over seeds, in percent, a line a model and normalizer, a column a batch size."""
    grouped = rows.groupby(["model", "normalizer", "batch_size"], sort=False)["test_accuracy"]
    cells = grouped.agg(lambda each: f"{100 * each.mean():.1f} ± {100 * each.std(ddof=1 if len(each) > 1 else 0):.1f}")
    batches = sorted(rows["batch_size"].unique())
    head = ["model", "normalizer", *(f"batch {size}" for size in batches)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for model in rows["model"].unique():
        for name in NORMALIZERS:
            values = (cells.get((model, name, size), "-") for size in batches)
            lines.append(f"| {' | '.join([model, name, *values])} |")
    return "\n".join(lines) + "\n"


def draw(rows: pd.DataFrame, path: Path) -> None:
    """A panel a model: accuracy against batch size, a line a normalizer, bars for the deviation over seeds."""
    from matplotlib.figure import Figure

    models = list(rows["model"].unique())
    figure = Figure(figsize=(6.5 * len(models), 5.5), dpi=110, layout="constrained")
    colors = dict(zip(NORMALIZERS, ("#0072B2", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#A6A6A6"), strict=True))
    for axes, model in zip(figure.subplots(1, len(models), sharey=True, squeeze=False)[0], models, strict=True):
        for name in NORMALIZERS:
            mine = rows[(rows["model"] == model) & (rows["normalizer"] == name)]
            found = mine.groupby("batch_size")["test_accuracy"].agg(["mean", "std"]).fillna(0)
            axes.errorbar(
                found.index,
                100 * found["mean"],
                100 * found["std"],
                marker="o",
                capsize=3,
                label=name,
                color=colors[name],
            )
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_title(model, loc="left")
        axes.set_xlabel("batch size")
        axes.grid(color="#E6E6E6")
    figure.axes[0].set_ylabel("test accuracy (%)")
    figure.axes[0].legend(frameon=False)
    figure.savefig(path)


def main() -> None:
    """Trains what is not trained yet, and writes tables and picture anew after each study."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--home", type=Path, default=Path("runs/normalizers"))
    parser.add_argument("--quick", action="store_true", help="one seed, two batch sizes, few images, one epoch")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=2880, help="for training and validation, 5 to 1")
    parser.add_argument("--batches", type=int, nargs="+", default=[128, 32, 16, 8, 4, 2])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.epochs, options.images, options.batches = 1, 1, 720, [32, 8]
        options.home = options.home.with_name(f"{options.home.name}-quick")
    rows = []
    # A trial's own seed is its study's plus its number: the studies' lie so far apart that no training is made twice.
    for seed in range(0, APART * options.seeds, APART):
        for batch_size in options.batches:
            for model in options.models:
                scores = tested(study_of(model, batch_size, seed, options), options.home)
                rows += [
                    {"model": model, "normalizer": name, "batch_size": batch_size, "seed": seed, "test_accuracy": score}
                    for name, score in scores.items()
                ]
                print(
                    model,
                    f"batch {batch_size}, seed {seed}:",
                    *(f"{n} {100 * s:.1f}%" for n, s in scores.items()),
                    flush=True,
                )
                found = pd.DataFrame(rows).sort_values("model", ascending=False, kind="stable")
                write_text(options.home / "table.csv", found.to_csv(index=False))
                write_text(options.home / "table.md", table(found))
                draw(found, options.home / "figure.png")
    print(f"\n{table(found)}\nEverything is in {options.home}.")


if __name__ == "__main__":
    main()
