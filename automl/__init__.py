"""Finds the cheapest model that is good enough, for any kind of data, and shows its price tag.

`search` runs a search and `open_study` opens one that was left; a plugin marks its hooks with `hookimpl`. Every name
here is imported on first use, so that ``import automl`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automl.api import open_study, search
    from automl.engine.engine import Engine
    from automl.engine.study import Study
    from automl.errors import AutoMLError, StorageError, StudyError, TrialError, UsageError
    from automl.hookspecs import API_VERSION, hookimpl
    from automl.host import Host, use_host
    from automl.parts import (
        Analysis,
        Categorical,
        DataSource,
        DataSpec,
        Device,
        Executor,
        Finding,
        Float,
        Goal,
        Integer,
        Loss,
        Normalizer,
        Objective,
        Part,
        Space,
        Strategy,
        Task,
    )

    __version__: str

__all__ = [
    "API_VERSION",
    "Analysis",
    "AutoMLError",
    "Categorical",
    "DataSource",
    "DataSpec",
    "Device",
    "Engine",
    "Executor",
    "Finding",
    "Float",
    "Goal",
    "Host",
    "Integer",
    "Loss",
    "Normalizer",
    "Objective",
    "Part",
    "Space",
    "StorageError",
    "Strategy",
    "Study",
    "StudyError",
    "Task",
    "TrialError",
    "UsageError",
    "__version__",
    "hookimpl",
    "open_study",
    "search",
    "use_host",
]

_HOMES = {
    "automl.api": ("open_study", "search"),
    "automl.engine.engine": ("Engine",),
    "automl.engine.study": ("Study",),
    "automl.errors": ("AutoMLError", "StorageError", "StudyError", "TrialError", "UsageError"),
    "automl.hookspecs": ("API_VERSION", "hookimpl"),
    "automl.host": ("Host", "use_host"),
    "automl.parts": (
        "Analysis",
        "Categorical",
        "DataSource",
        "DataSpec",
        "Device",
        "Executor",
        "Finding",
        "Float",
        "Goal",
        "Integer",
        "Loss",
        "Normalizer",
        "Objective",
        "Part",
        "Space",
        "Strategy",
        "Task",
    ),
}
"""Where each name is defined."""

_LAZY = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    # `importlib.metadata` alone takes as long to import as click; only who asks for the version pays for it.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("automl-host")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
