"""How much does a default search on digits depend on its seed?

Runs the search of ``make search`` under several seeds, one after the other, and prints for each the accurate end of the
front, its size, its spread in price, and what the search took; then mean and standard deviation::

    python benchmarks/digits_seeds.py --seeds 0 1 2 --home /tmp/seeds
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from importlib.metadata import version
from pathlib import Path

import automl


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--home", type=Path, default=Path("runs/seeds"))
    arguments = parser.parse_args()
    rows = []
    for seed in arguments.seeds:
        study = automl.search(
            "efficientnet",
            objective="green",
            seed=seed,
            home=arguments.home,
            study=f"seed-{seed}",
            tracking_uri="off",
        )
        front = study.front
        rows.append(
            {
                "seed": seed,
                "test_accuracy": front["test_accuracy"].iloc[-1],
                "val_accuracy": front["accuracy"].iloc[-1],
                "points": len(front),
                "price_spread": front["lifetime_flops"].iloc[-1] / front["lifetime_flops"].iloc[0],
                "search_wall_s": study.bill["wall_s"].value,
                "search_flops": study.bill["flops"].value,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    for name in rows[0]:
        if name != "seed" and len(rows) > 1:
            values = [float(row[name]) for row in rows]
            print(f"{name}: mean {statistics.fmean(values):.4g}, sd {statistics.stdev(values):.2g}, n {len(values)}")
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, torch {version('torch')}, Python "
          f"{platform.python_version()}")  # fmt: skip


if __name__ == "__main__":
    main()
