"""The normalizers as light descriptors: torch is imported when a layer is made."""

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
        from automl_norms.batch import BatchNormAct

        return BatchNormAct(channels, activation)


class BatchRenorm(Normalizer):
    """Batch renormalization, whose training looks at the running averages too."""

    name = "brn"
    summary = "batch renormalization (Ioffe 2017): batch normalization drawn to its running averages"
    least_map_px = 2

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """A `BatchRenormAct`; it cannot train on one example with a map of 1x1, and raises ValueError there."""
        from automl_norms.batch import BatchRenormAct

        return BatchRenormAct(channels, activation)


class GroupNorm(Normalizer):
    """Group normalization with up to 32 groups, fewer where they would hold fewer than 8 channels."""

    name = "gn"
    summary = "group normalization (Wu & He 2018): statistics over groups of channels, the same at any batch size"

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """A `GroupNormAct`."""
        from automl_norms.group import GroupNormAct, group_count

        return GroupNormAct(group_count(channels), channels, activation)


class LayerNorm(Normalizer):
    """Layer normalization over channels and map of one example, with gain and shift of each channel."""

    name = "ln"
    summary = "layer normalization (Ba et al. 2016): statistics over all channels and the map of one example"
    least_map_px = 2

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """A `GroupNormAct` of one group."""
        from automl_norms.group import GroupNormAct

        return GroupNormAct(1, channels, activation)


class InstanceNorm(Normalizer):
    """Instance normalization, with gain and shift of each channel."""

    name = "in"
    summary = "instance normalization (Ulyanov et al. 2016): statistics of one map; nothing is left of 1x1 maps"
    least_map_px = 2

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """A `GroupNormAct` of a group for each channel. On 1x1 maps its result is its shift, whatever the input."""
        from automl_norms.group import GroupNormAct

        return GroupNormAct(channels, channels, activation)


class FilterResponse(Normalizer):
    """Filter response normalization with its thresholded linear unit, TLU."""

    name = "frn"
    summary = "filter response normalization (Singh & Krishnan 2019): statistics of one map, brings its own activation"
    brings_activation = True
    least_map_px = 2

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """A `FilterResponseNorm`, with its TLU where there was an activation and a learned eps for 1x1 maps."""
        from automl_norms.frn import FilterResponseNorm

        return FilterResponseNorm(channels, activate=activation is not None)

    def layer_at(self, channels: int, activation: torch.nn.Module | None, map_size: tuple[int, int]) -> torch.nn.Module:
        """A `FilterResponseNorm` whose eps is learned only if the map is 1x1."""
        from automl_norms.frn import FilterResponseNorm

        return FilterResponseNorm(channels, activate=activation is not None, learns_eps=map_size == (1, 1))


class EvoB0(Normalizer):
    """EvoNorm-B0: statistics of the batch and of one map, in the denominator of its own activation."""

    name = "evonorm-b0"
    summary = "EvoNorm-B0 (Liu et al. 2020): statistics over the batch, brings its own activation"
    brings_activation = True
    least_map_px = 2

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """An `EvoNormB0`; where there was no activation, it only scales and shifts."""
        from automl_norms.evonorm import EvoNormB0

        return EvoNormB0(channels, activate=activation is not None)


class EvoS0(Normalizer):
    """EvoNorm-S0: a gated map over the deviation of its group of channels."""

    name = "evonorm-s0"
    summary = "EvoNorm-S0 (Liu et al. 2020): statistics over groups of channels, brings its own activation"
    brings_activation = True
    least_map_px = 2

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """An `EvoNormS0`; where there was no activation, it only scales and shifts."""
        from automl_norms.evonorm import EvoNormS0

        return EvoNormS0(channels, activate=activation is not None)


class Unnormalized(Normalizer):
    """No normalization at all, for networks so small that they train without."""

    name = "none"
    summary = "no normalization, only the activation; for very small networks"
    least_map_px = 2

    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """The activation, never in place; the identity where there was none."""
        from automl_norms.identity import identity

        return identity(activation)
