"""A thousand trials, eight at a time, against a file and against servers; then the audit.

    python benchmarks/scale/servers.py --data DATA [--trials 1000] [--jobs 8] [--only files|servers]

searches NAS-Bench-Macro by ``automl search --executor process``, so that eight processes of ours are under way while
the driver writes: once with SQLite and MLflow on SQLite, once with a PostgreSQL as study storage and an MLflow server
on another of its databases, reached by HTTP. Both servers are real and started here. Then it is counted, through
Optuna's and MLflow's own clients: trials in the study, trials twice, failed ones; children in MLflow, children whose
parent is not the study's, children without their figures.

DATA is a folder with ``replay/`` as the README of the plugin `replay` lays it out.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy

import automl
from automl.testing.servers import mlflow_server, postgresql
from automl.tracking.quiet import quiet

SETTINGS = ("--space", "recorded", "--goal", "accuracy:max", "--goal", "parameters:min", "--study", "thousand")


@contextlib.contextmanager
def files(home: Path):
    yield "a file (SQLite) and MLflow on a file", [], f"sqlite:///{home}/mlflow.db", None


@contextlib.contextmanager
def servers(home: Path):
    with postgresql() as server:
        engine = sqlalchemy.create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("CREATE DATABASE mlflow"))
        engine.dispose()
        store = server.url.replace("/postgres?", "/mlflow?")
        with mlflow_server(store, home / "artifacts") as url:
            words = ["--storage", server.url, "--tracking-uri", url]
            yield "PostgreSQL and an MLflow server on it", words, url, server.url


def audit(home: Path, uri: str, storage: str | None) -> dict:
    from mlflow import MlflowClient

    study = automl.open_study("thousand", home, storage)
    names = collections.Counter(record.name for record in study.records)
    client = MlflowClient(uri)
    runs, token = [], ""
    experiments = [found.experiment_id for found in client.search_experiments()]
    while token is not None:
        page = client.search_runs(experiments, max_results=1000, page_token=token)
        runs, token = [*runs, *page], page.token or None
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    figures = {record.name: record.result.score for record in study.records}
    return {
        "steps": len(study.records),
        "trials": study.trial_count,
        "twice": sum(count > 1 for count in names.values()),
        "failed": sum(record.values is None for record in study.records),
        "parents": len(parents),
        "children": len(children),
        "children twice": len(children) - len({run.data.tags["trial"] for run in children}),
        "orphans": sum(run.data.tags["mlflow.parentRunId"] != parents[0].info.run_id for run in children),
        "without figures": sum(run.data.metrics.get("accuracy") != figures[run.data.tags["trial"]] for run in children),
        "unfinished": sum(run.info.status not in {"FINISHED", "FAILED"} for run in runs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--only", choices=("files", "servers"))
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "AUTOML_DATA_DIR": str(arguments.data)}
    quiet()
    for name, place in (("files", files), ("servers", servers)):
        if arguments.only not in {None, name}:
            continue
        with (
            tempfile.TemporaryDirectory(prefix="automl-scale-") as folder,
            place(Path(folder)) as (what, words, uri, url),
        ):
            command = [sys.executable, "-c", "from automl.cli import main; main()", "search", *SETTINGS, *words]
            command += ["--data", "nas-bench-macro", "--home", folder, "--trials", str(arguments.trials)]
            command += ["--executor", "process", "--jobs", str(arguments.jobs), "--json"]
            began = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            took_s = time.monotonic() - began
            print(f"{what}: exit code {done.returncode}, {took_s:.0f} s; stderr: {done.stderr.strip() or 'nothing'}")
            print(
                "  " + ", ".join(f"{name} {count}" for name, count in audit(Path(folder), uri, url).items()), flush=True
            )


if __name__ == "__main__":
    main()
