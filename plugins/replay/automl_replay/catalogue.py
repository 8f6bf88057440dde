"""The layouts of the published tables this plugin knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from automl.errors import UsageError
from automl_replay.layout import Layout, Reading, Value

if TYPE_CHECKING:
    from automl_replay.files import Sheet

PERCENT = 0.01
MILLION = 1e6
OPERATIONS_A_MULTIPLY_ADD = 2

MACRO_BLOCKS = ("identity", "mb3_k3", "mb6_k5")
MACRO_LAYERS = 8
GRAPH_LINKS = ("0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123")
GRAPH_OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
GRAPH_LAYERS = 4


def nas_bench_201(sheet: Sheet) -> Layout:
    """Columns may begin with the name of the data set; accuracies in percent, one column a seed."""

    def ending(pattern: str) -> tuple[str, ...]:
        return tuple(column for column in sheet.header if re.fullmatch(rf"(.*_)?{pattern}", column))

    def one(pattern: str, name: str, factor: float = 1) -> dict[str, Reading]:
        found = ending(pattern)
        return {name: Reading(found[:1], factor)} if found else {}

    if not (scores := ending(r"val_acc_s\d+")):
        raise UsageError(f"{sheet.path} has no column val_acc_s0; it has {', '.join(sheet.header)}.")
    devices = {f"latency_ms_{column.partition('lat_ms_')[2]}": column for column in ending("lat_ms_.+")}
    tests = ending(r"test_acc_s\d+")
    return Layout(
        title="NAS-Bench-201",
        config=tuple(f"op{index}" for index in range(6)),
        metrics={"accuracy": Reading(scores, PERCENT)},
        epochs=200,
        test={"accuracy": Reading(tests, PERCENT)} if tests else {},
        training=one("train_time_s", "wall_s"),
        prediction={
            **one("flops_M", "flops", MILLION * OPERATIONS_A_MULTIPLY_ADD),
            **one("params_M", "parameters", MILLION),
        },
        known={
            **one("latency_s", "batch_latency_s"),
            **{name: Reading((column,)) for name, column in devices.items()},
        },
    )


def nas_bench_macro(_sheet: Sheet) -> Layout:
    """Candidates as eight digits; its "FLOPs" are multiply-adds, as the smallest net shows: 7,713,280."""

    def choices(row: Mapping[str, str]) -> dict[str, Value]:
        digits = row["arch"].strip()
        if len(digits) != MACRO_LAYERS:
            raise ValueError(f"{digits!r} is not {MACRO_LAYERS} digits")
        return {f"block{index}": MACRO_BLOCKS[int(digit)] for index, digit in enumerate(digits)}

    return Layout(
        title="NAS-Bench-Macro",
        config=("arch",),
        choices=choices,
        metrics={"accuracy": Reading(("acc_mean",), PERCENT)},
        prediction={
            "flops": Reading(("flops",), OPERATIONS_A_MULTIPLY_ADD),
            "parameters": Reading(("params",)),
        },
    )


def accel_nasbench(sheet: Sheet) -> Layout:
    """Latencies in milliseconds, throughputs in images a second, multiply-adds and parameters in millions."""
    known = {
        **{f"latency_ms_{name}": Reading((f"latency_{name}",)) for name in _after("latency_", sheet)},
        **{f"throughput_per_s_{name}": Reading((f"throughput_{name}",)) for name in _after("throughput_", sheet)},
    }
    return Layout(
        title="Accel-NASBench",
        config=tuple(f"block{block}_{part}" for block in range(7) for part in ("e", "k", "l", "se")),
        metrics={"accuracy": Reading(("val_top1",), PERCENT), "top5_accuracy": Reading(("val_top5",), PERCENT)},
        training={"wall_s": Reading(("train_time",))},
        prediction={
            "flops": Reading(("macs",), MILLION * OPERATIONS_A_MULTIPLY_ADD),
            "parameters": Reading(("params",), MILLION),
        },
        known=known,
        nearest=True,
        repeats=True,
    )


def nas_bench_graph(_sheet: Sheet) -> Layout:
    """A candidate is a number of five digits: how four layers hang together, then what each does."""

    def choices(row: Mapping[str, str]) -> dict[str, Value]:
        digits = row["arch_hash"].strip().zfill(GRAPH_LAYERS + 1)
        if len(digits) != GRAPH_LAYERS + 1:
            raise ValueError(f"{digits!r} is not {GRAPH_LAYERS + 1} digits")
        link, *operations = map(int, digits)
        layers = {f"op{index}": GRAPH_OPERATIONS[number] for index, number in enumerate(operations)}
        return {"link": f"tree-{GRAPH_LINKS[link]}", **layers}

    return Layout(
        title="NAS-Bench-Graph",
        config=("arch_hash",),
        choices=choices,
        metrics={"accuracy": Reading(("valid_perf",))},
        test={"accuracy": Reading(("perf",))},
        prediction={"wall_s": Reading(("latency",)), "parameters": Reading(("para",), MILLION)},
        nearest=True,
    )


def hpobench(_sheet: Sheet) -> Layout:
    """Means over the seeds, of full trainings."""
    return Layout(
        title="HPOBench",
        config=("alpha", "batch_size", "depth", "learning_rate_init", "width"),
        metrics={
            "accuracy": Reading(("val_acc_mean",)),
            "precision": Reading(("val_precision_mean",)),
            "f1": Reading(("val_f1_mean",)),
        },
        training={"wall_s": Reading(("train_time_mean",))},
    )


def _after(prefix: str, sheet: Sheet) -> list[str]:
    return [column.removeprefix(prefix) for column in sheet.header if column.startswith(prefix)]
