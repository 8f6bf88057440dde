"""The executor as a part. Ray itself is imported when work starts."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, ClassVar

from automl.errors import UsageError
from automl.parts import Executor

if TYPE_CHECKING:
    from automl.parts import Resources, Workers

QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Nobody is told of what is searched here."""

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""What makes Ray's own servers listen on 127.0.0.1 alone, on Linux too. Read when Ray is imported."""


class Ray(Executor):
    """Steps as tasks of a Ray cluster, one of this machine's own unless an address names another."""

    name = "ray"
    summary = "each step a task of a Ray cluster; it runs elsewhere when its node dies"
    takes_address: ClassVar[bool] = True

    def start(self, resources: Resources) -> Workers:
        """The cluster is started, or joined, with the first step.

        Raises:
            UsageError: Ray is not installed.
        """
        if importlib.util.find_spec("ray") is None:
            raise UsageError("Ray is not installed: pip install 'ray>=2.50'.")
        for name, value in {**QUIET, **({} if resources.address else LOOPBACK)}.items():
            os.environ.setdefault(name, value)
        from automl_ray.driver import RayWorkers

        return RayWorkers(resources)
