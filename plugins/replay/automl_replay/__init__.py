"""Recorded benchmarks: a search over trainings that somebody made once and wrote down."""

from __future__ import annotations

import automl
from automl_replay.sources import AccelNASBench, HPOBench, LCBench, NASBench201, NASBenchGraph, NASBenchMacro, Table
from automl_replay.space import Recorded
from automl_replay.task import RecordedTask

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_data_sources() -> list[automl.DataSource]:
    """One data source a benchmark, and ``table`` for any table of a user's own."""
    return [NASBench201(), NASBenchMacro(), AccelNASBench(), NASBenchGraph(), HPOBench(), LCBench(), Table()]


@automl.hookimpl
def automl_tasks() -> list[automl.Task]:
    """The task ``recorded``, whose variants name the score."""
    return [RecordedTask()]


@automl.hookimpl
def automl_spaces() -> list[automl.Space]:
    """The space ``recorded``, whose dimensions depend on the data."""
    return [Recorded()]
