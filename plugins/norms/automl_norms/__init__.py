"""Normalization layers: batch, group, filter response."""

from __future__ import annotations

import automl
from automl_norms.normalizers import BatchNorm, FilterResponse, GroupNorm

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_normalizers() -> list[automl.Normalizer]:
    """The normalizers ``bn``, ``gn`` and ``frn``."""
    return [BatchNorm(), GroupNorm(), FilterResponse()]
