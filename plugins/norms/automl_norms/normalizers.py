"""The normalizers ``bn``, ``gn`` and ``frn``, as light descriptors: torch is imported when a layer is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.parts import Normalizer

if TYPE_CHECKING:
    import torch


class BatchNorm(Normalizer):
    """Batch normalization with torch's defaults: eps 1e-5, momentum 0.1."""

    name = "bn"
    summary = "batch normalization (Ioffe & Szegedy 2015): statistics over the batch, running ones in evaluation"
    preferred = True

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """A `BatchNormAct`; it cannot train on one example with a map of 1x1, and raises ValueError there."""
        from automl_norms.layers import BatchNormAct

        return BatchNormAct(channels, activation)


class GroupNorm(Normalizer):
    """Group normalization with up to 32 groups, fewer where they would hold fewer than 8 channels."""

    name = "gn"
    summary = "group normalization (Wu & He 2018): statistics over groups of channels, the same at any batch size"

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """A `GroupNormAct`."""
        from automl_norms.layers import GroupNormAct

        return GroupNormAct(channels, activation)


class FilterResponse(Normalizer):
    """Filter response normalization with its thresholded linear unit, TLU."""

    name = "frn"
    summary = "filter response normalization (Singh & Krishnan 2019): statistics of one map, brings its own activation"
    brings_activation = True
    least_map_px = 2

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """A `FilterResponseNorm`, with its TLU where there was an activation."""
        from automl_norms.layers import FilterResponseNorm

        return FilterResponseNorm(channels, activate=activation is not None)
