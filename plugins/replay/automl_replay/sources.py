"""The data sources: one a benchmark, and ``table`` for a table of one's own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self

from automl.errors import UsageError, unknown_name
from automl.parts import DataSource, DataSpec
from automl_replay.task import MIN, NAME

if TYPE_CHECKING:
    from pathlib import Path

    from automl_replay.opening import Benchmark

Sizes = tuple[int, int, int]
UNKNOWN: Sizes = (1, 1, 1)
"""The host wants sizes; where a benchmark does not tell them, one example each."""


class Recorded(DataSource):
    """The data of a recorded benchmark: its sizes are told, its examples are not there.

    Attributes:
        files: The file, without its ending, by variant; the first is meant where none is named.
        sizes: Training, validation and test examples by variant.
        input_shape: Of one example.
        score: What candidates are ranked by.
        minimize: Whether less of it is better.
    """

    files: ClassVar[dict[str, str]] = {}
    sizes: ClassVar[dict[str, Sizes]] = {}
    input_shape: ClassVar[tuple[int, ...]] = (1,)
    score: str = "accuracy"
    minimize: bool = False
    _text: str = ""

    def variant(self, text: str) -> Self:
        """``VARIANT``, ``VARIANT@FOLDER`` or ``@FOLDER``."""
        stem_of(f"{self.name.partition(':')[0]}:{text}")
        other = copy.copy(self)
        other.name, other._text = f"{self.name}:{text}", text  # noqa: SLF001 - a copy of its own kind
        return other

    def spec(self) -> DataSpec:
        """Sizes of the splits the benchmark used; the task names all metrics it has.

        Raises:
            UsageError: A file is missing or damaged.
        """
        metrics = ",".join([self.score + (MIN if self.minimize else ""), *self._others()])
        train, val, test = self.sizes.get(_variant(self._text), UNKNOWN)
        if not self._text and self.sizes:
            train, val, test = next(iter(self.sizes.values()))
        return DataSpec(self.name, f"{NAME}:{metrics}", self.input_shape, (), train, val, test)

    def datamodule(self, spec: DataSpec, *, batch_size: int, seed: int) -> NoReturn:
        """There are no examples.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"Data {self.name!r} is a table of trainings and holds no examples: use --space recorded.")

    def read(self, path: Path, spec: DataSpec) -> NoReturn:
        """There is no model to predict with.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"Data {self.name!r} is a table of trainings; no model of it can predict.")

    def _others(self) -> list[str]:
        from automl_replay.opening import open_benchmark

        return other_metrics(open_benchmark(self.name, stem_of(self.name)), self.score)


class NASBench201(Recorded):
    """NAS-Bench-201: all 15,625 cells of five operations on six edges, 200 epochs.

    Dong & Yang 2020, "NAS-Bench-201: Extending the scope of reproducible neural architecture search"
    (arXiv:2001.00326). Latencies on devices are those of HELP (Lee et al. 2021, arXiv:2106.08630).
    """

    name = "nas-bench-201"
    summary = "15,625 convolutional cells on cifar10, cifar100 or ImageNet16-120; files from AUTOML_DATA_DIR"
    variants: ClassVar[dict[str, str]] = {
        "cifar10": "25,000 training and 25,000 validation images",
        "cifar100": "100 classes",
        "ImageNet16-120": "120 classes of ImageNet at 16x16",
    }
    files: ClassVar[dict[str, str]] = {name: name for name in variants}
    sizes: ClassVar[dict[str, Sizes]] = {
        "cifar10": (25_000, 25_000, 10_000),
        "cifar100": (50_000, 5_000, 5_000),
        "ImageNet16-120": (151_700, 3_000, 3_000),
    }
    input_shape: ClassVar[tuple[int, ...]] = (3, 32, 32)


class NASBenchMacro(Recorded):
    """NAS-Bench-Macro: 6,561 nets of eight MobileNet blocks on CIFAR-10.

    Su et al. 2021, "Prioritized architecture sampling with Monto-Carlo tree search" (arXiv:2103.11922). The accuracy is
    that on the test images, the only one recorded; seconds of training were not recorded.
    """

    name = "nas-bench-macro"
    summary = "6,561 nets of MobileNet blocks on CIFAR-10: accuracy, FLOPs, parameters; no training time"
    variants: ClassVar[dict[str, str]] = {"cifar10": "the only one"}
    files: ClassVar[dict[str, str]] = {"cifar10": "cifar10"}
    sizes: ClassVar[dict[str, Sizes]] = {"cifar10": (50_000, 10_000, 10_000)}
    input_shape: ClassVar[tuple[int, ...]] = (3, 32, 32)


class AccelNASBench(Recorded):
    """Accel-NASBench: 5,138 nets of MnasNet's space on ImageNet, timed on six accelerators.

    Ahmad et al. 2024, "Accel-NASBench: Sustainable benchmarking for accelerator-aware NAS" (arXiv:2404.08005). The nets
    were trained by a cheap proxy recipe. They are a sample: a point stands for the net recorded next to it.
    """

    name = "accel-nasbench"
    summary = "5,138 nets of MnasNet's space on ImageNet, with latency or throughput on six accelerators"
    variants: ClassVar[dict[str, str]] = {"imagenet": "the only one"}
    files: ClassVar[dict[str, str]] = {"imagenet": "imagenet_mnasnet_space"}
    sizes: ClassVar[dict[str, Sizes]] = {"imagenet": (1_281_167, 50_000, 1)}
    input_shape: ClassVar[tuple[int, ...]] = (3, 224, 224)


class NASBenchGraph(Recorded):
    """NAS-Bench-Graph: 26,206 graph neural nets of four layers.

    Qin et al. 2022, "NAS-Bench-Graph: Benchmarking graph neural architecture search" (arXiv:2206.09166). Of nets that
    compute the same only one was recorded: a point that was not stands for the one next to it. One prediction is of
    the whole graph. Seconds of training were not recorded.
    """

    name = "nas-bench-graph"
    summary = "26,206 graph nets: accuracy, latency, parameters; a variant a data set; no training time"
    variants: ClassVar[dict[str, str]] = {
        name: f"{name}.csv" for name in ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv")
    }
    files: ClassVar[dict[str, str]] = {name: name for name in variants}


class HPOBench(Recorded):
    """HPOBench's tabular benchmark of multilayer perceptrons: 30,000 settings a data set.

    Eggensperger et al. 2021, "HPOBench: A collection of reproducible multi-fidelity benchmark problems for HPO"
    (arXiv:2109.06716). Means over the seeds, of full trainings.
    """

    name = "hpobench"
    summary = "30,000 multilayer perceptrons a data set: accuracy, precision, F1, training seconds"
    variants: ClassVar[dict[str, str]] = {"car": "UCI car", "segment": "UCI segment", "NAME": "any other NAME.csv.gz"}
    files: ClassVar[dict[str, str]] = {"car": "car", "segment": "segment"}


class LCBench(Recorded):
    """LCBench: learning curves of funnel-shaped perceptrons, through the surrogate of YAHPO Gym.

    Zimmer et al. 2021, "Auto-PyTorch Tabular" (arXiv:2006.13799); Pfisterer et al. 2022, "YAHPO Gym"
    (arXiv:2109.03670). A variant is the number of a task of OpenML. Its answers are a model's, so prices are estimated.
    """

    name = "lcbench"
    summary = "perceptrons on 34 tables at 2, 6, 17, 52 epochs, by a surrogate; lcbench:TASK is OpenML's number"
    variants: ClassVar[dict[str, str]] = {"TASK": "OpenML's number of the task, such as lcbench:3945"}
    files: ClassVar[dict[str, str]] = {"3945": "3945"}

    def _others(self) -> list[str]:
        super()._others()  # says now what is wrong with the files
        return ["balanced_accuracy", "cross_entropy"]


class Table(Recorded):
    """Any CSV file of trainings, plain or gzipped, whose columns are named like a query of a URL.

    ``table:runs.csv?config=width,depth&epoch=epoch&score=val_loss&direction=min&training_wall_s=seconds``; the README
    lists the words.
    """

    name = "table"
    summary = "trainings of your own from a CSV file: table:FILE?config=COLUMNS&score=COLUMN"
    variants: ClassVar[dict[str, str]] = {"FILE?config=A,B&score=C": "columns by what they mean; see its README"}

    def variant(self, text: str) -> Self:
        """``FILE?QUERY``."""
        from automl_replay.query import parse_query

        query = parse_query(text)
        other = copy.copy(self)
        other.name, other.score, other.minimize = (
            f"{self.name}:{text}",
            next(iter(query.layout.metrics)),
            query.minimize,
        )
        return other


SOURCES: dict[str, type[Recorded]] = {
    source.name: source for source in (NASBench201, NASBenchMacro, AccelNASBench, NASBenchGraph, HPOBench, LCBench)
}


def stem_of(source: str) -> str:
    """Name of the file, or of the task, behind the name of a data source.

    Raises:
        UsageError: There is no such variant.
    """
    name, _, text = source.partition(":")
    if name not in SOURCES:
        if name == Table.name:
            return ""
        raise unknown_name("recorded benchmark", name, [*SOURCES, Table.name])
    files, variant = SOURCES[name].files, _variant(text)
    if not variant:
        return next(iter(files.values()))
    if variant in files:
        return files[variant]
    if name in {HPOBench.name, LCBench.name} and variant.replace("_", "").replace("-", "").isalnum():
        return variant
    raise unknown_name(f"variant of {name}", variant, files)


def _variant(text: str) -> str:
    return text.partition("@")[0]


def other_metrics(benchmark: Benchmark, score: str) -> list[str]:
    """Names of the metrics beside the score."""
    from automl_replay.table import TableBenchmark

    return benchmark.names(score) if isinstance(benchmark, TableBenchmark) else []
