"""Normalization layers: by batch, group, layer, instance and filter response, EvoNorms, and none."""

from __future__ import annotations

import automl
from automl_norms.normalizers import (
    BatchNorm,
    BatchRenorm,
    EvoB0,
    EvoS0,
    FilterResponse,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Unnormalized,
)

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_normalizers() -> list[automl.Normalizer]:
    """The normalizers ``bn``, ``brn``, ``gn``, ``ln``, ``in``, ``frn``, ``evonorm-b0``, ``evonorm-s0`` and ``none``."""
    return [
        BatchNorm(),
        BatchRenorm(),
        GroupNorm(),
        LayerNorm(),
        InstanceNorm(),
        FilterResponse(),
        EvoB0(),
        EvoS0(),
        Unnormalized(),
    ]
