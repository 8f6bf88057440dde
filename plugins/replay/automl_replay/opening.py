"""From the name of a data source to its benchmark, opened once a process."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Protocol

from automl_replay import catalogue
from automl_replay.files import DATA_DIR, find, folder_of, read_sheet
from automl_replay.query import parse_query
from automl_replay.table import TableBenchmark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from automl.parts import Config, Dimension, Recording
    from automl_replay.files import Sheet
    from automl_replay.layout import Layout


class Benchmark(Protocol):
    """Trainings that can be looked up."""

    epochs: tuple[int, ...]
    dimensions: tuple[Dimension, ...]

    def look_up(self, config: Config, epochs: int) -> Recording:
        """What is known of a training; KeyError where nothing is."""

    def before(self, config: Config) -> Recording | None:
        """What is known without training."""

    def settle(self, config: Config) -> Config:
        """The candidate that a point stands for."""

    def landmarks(self) -> Sequence[Config]:
        """Candidates worth trying first."""


TABLES: dict[str, tuple[str, Callable[[Sheet], Layout], str]] = {
    "nas-bench-201": ("nasbench201", catalogue.nas_bench_201, "columns op0 to op5, val_acc_s0, train_time_s"),
    "nas-bench-macro": ("nasbench_macro", catalogue.nas_bench_macro, "columns arch, acc_mean, params, flops"),
    "accel-nasbench": (
        "accel_nasbench",
        catalogue.accel_nasbench,
        "columns block0_e to block6_se, val_top1, val_top5, train_time, macs, params",
    ),
    "nas-bench-graph": (
        "nasbench_graph",
        catalogue.nas_bench_graph,
        "columns arch_hash, valid_perf, perf, latency, para",
    ),
    "hpobench": (
        "hpobench_nn",
        catalogue.hpobench,
        "columns alpha, batch_size, depth, learning_rate_init, width, train_time_mean, val_acc_mean",
    ),
}
"""Folder, layout and what the file holds, by benchmark."""

LCBENCH, LCBENCH_FOLDER = "lcbench", "yahpo_lcbench"


def open_benchmark(source: str, stem: str) -> Benchmark:
    """The benchmark behind the name of a data source.

    Args:
        source: The whole name, ``BENCHMARK:STEM@FOLDER`` or ``table:FILE?QUERY``.
        stem: Name of the file, without its ending, or of the task.

    Raises:
        UsageError: A file is missing or damaged.
    """
    name, _, text = source.partition(":")
    if name == "table":
        query = parse_query(text)
        return _table(query.path.resolve(), query.path.stat().st_mtime_ns if query.path.is_file() else 0, source)
    return _published(name, stem, text.partition("@")[2], os.environ.get(DATA_DIR, ""))


@functools.cache
def _published(name: str, stem: str, at: str, _root: str) -> Benchmark:
    if name == LCBENCH:
        from automl_replay.lcbench import LCBenchmark

        return LCBenchmark(folder_of(LCBENCH_FOLDER, at), stem)
    folder, layout_of, columns = TABLES[name]
    path = find(folder_of(folder, at), (f"{stem}.csv.gz", f"{stem}.csv"), f"a table with the {columns}, ...")
    sheet = read_sheet(path)
    return TableBenchmark(sheet, layout_of(sheet))


@functools.cache
def _table(path: Path, _changed: int, source: str) -> Benchmark:
    return TableBenchmark(read_sheet(path), parse_query(source.partition(":")[2]).layout)
