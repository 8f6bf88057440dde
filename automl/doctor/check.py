"""The outcome of one check, and what checks share."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: What was checked.
        status: Whether it is well; a warning stops nothing. What was mended was not, and is now.
        found: What there is.
        remedy: What to do; empty where all is well.
    """

    name: str
    status: Literal["ok", "warn", "fail", "mended"]
    found: str
    remedy: str = ""


def installed(distribution: str) -> str:
    """The version of a distribution; empty when it is not installed."""
    try:
        return importlib.metadata.version(distribution) or ""
    except importlib.metadata.PackageNotFoundError:
        return ""
