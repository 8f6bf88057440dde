"""A normalization layer by name."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

from automl.parts.base import Part

if TYPE_CHECKING:
    import torch


class Normalizer(Part, abc.ABC):
    """A factory of normalization layers for feature maps of shape ``(batch, channels, height, width)``.

    Attributes:
        brings_activation: True when the layer takes the place of the activation that followed the old one
            (FRN brings its own thresholded linear unit, TLU).
        least_map_px: Side of the smallest map on which models with this layer are known to train. The layer works
            below it too, but spaces do not propose it there unless asked.
    """

    kind: ClassVar[str] = "normalizer"
    brings_activation: bool = False
    least_map_px: int = 1

    @abc.abstractmethod
    def layer(self, channels: int, activation: torch.nn.Module | None) -> torch.nn.Module:
        """A layer that normalizes and then activates.

        Args:
            channels: Channels of the feature map.
            activation: What followed the normalization in the original model. None where nothing did (the
                linear end of a bottleneck): then the layer must not activate either.

        Returns:
            A module from ``(batch, channels, height, width)`` to the same shape. It works on maps of 1x1 (in training
            perhaps only with several examples, as batch normalization does). When
            `brings_activation` is True, `activation` only says that there was one and is itself left out.
        """

    def layer_at(self, channels: int, activation: torch.nn.Module | None, map_size: tuple[int, int]) -> torch.nn.Module:
        """A layer for maps of a size known beforehand; `layer`, unless the normalizer makes something of the size.

        Args:
            channels: Channels of the feature map.
            activation: As for `layer`.
            map_size: Height and width of the map, at the resolution the model is made for. The layer still works at
                any other.

        Returns:
            As `layer`.
        """
        return self.layer(channels, activation)
