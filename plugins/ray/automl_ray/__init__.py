"""Trials on a Ray cluster."""

from __future__ import annotations

import automl
from automl_ray.executor import Ray

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_executors() -> list[automl.Executor]:
    """The executor ``ray``."""
    return [Ray()]
