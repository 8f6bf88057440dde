"""Executors: where trials run."""

from __future__ import annotations

import automl
from automl.engine.executor import Serial
from automl_executors.process import Process

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_executors() -> list[automl.Executor]:
    """The executors ``serial`` and ``process``."""
    return [Process(), Serial()]
