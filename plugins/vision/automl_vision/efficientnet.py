"""The space ``efficientnet``: EfficientNet-B0 scaled by one number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from automl.errors import UsageError
from automl.host import get_host
from automl.parts import Categorical, Config, DataSpec, Dimension, Float, Normalizer, Space, Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15
"""Depth, width and resolution of one compound step (Tan & Le 2019, section 3.3); ALPHA * BETA^2 * GAMMA^2 = 1.92."""

BASELINE_PX = 224
SMALLEST_PX = 4
STRIDE = 32
"""Pixels of the input to a pixel of the last feature map: five layers halve it."""

ENLARGEMENT = 4


class EfficientNet(Space):
    """EfficientNet-B0 under compound scaling (Tan & Le 2019, arXiv:1905.11946, equation 3).

    With the compound coefficient phi, depth grows as 1.2^phi, width as 1.1^phi and resolution as 1.15^phi, so FLOPs
    as 1.92^phi. Small images want a negative phi.

    The resolution at phi = 0 is the paper's 224 pixels, or four times the side of the data's own images where that
    is less: the network halves its input five times, and an 8x8 image would be one pixel after the third.
    """

    name = "efficientnet"
    summary = "EfficientNet under compound scaling: one coefficient sets depth, width and resolution"
    tasks = ("image-classification",)
    default_data = "digits"

    def dimensions(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """The compound coefficient, the normalizer and the recipe."""
        # On thumbnails a wider model gains nothing that a validation split could show, and takes minutes on a CPU.
        thumbnails = _baseline_px(spec) < BASELINE_PX
        low, high = (-32.0, -3.0) if thumbnails else (-10.0, 0.0)
        dimensions: list[Dimension] = [
            Float("phi", low, high, -8.0, limits=(-40.0, 8.0), summary="compound coefficient"),
            Float("learning_rate", 1e-2, 5e-2, 2.5e-2, log=True, limits=(1e-6, 1.0), summary="peak of the cycle"),
            Float("weight_decay", 1e-3, 1e-1, 5e-2, log=True, limits=(1e-8, 1.0), summary="decoupled weight decay"),
            Float("drop_rate", 0.0, 0.3, 0.1, limits=(0.0, 0.9), summary="dropout before the classifier"),
        ]
        if normalizer := _normalizer(last_map_px=math.ceil(_resolution_px(spec, high) / STRIDE)):
            dimensions.insert(1, normalizer)
        return tuple(dimensions)

    def suggest(self, trial: Trial, spec: DataSpec) -> Config:
        """The dimensions, and what phi means for these images: width, depth and resolution."""
        config = super().suggest(trial, spec)
        phi = config["phi"]
        config["width"] = BETA**phi
        config["depth"] = ALPHA**phi
        config["resolution_px"] = _resolution_px(spec, phi)
        return config

    def landmarks(self, spec: DataSpec) -> Sequence[Config]:
        """Steps from the cheap end almost to the dear end, which itself costs as much as a dozen others."""
        phi = next(d for d in self.dimensions(spec) if isinstance(d, Float) and d.name == "phi")
        return [{"phi": phi.low + share * (phi.high - phi.low)} for share in (0.0, 0.3, 0.6, 0.8, 0.9)]

    def build(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """From raw pixels in the data's own size to logits ``(batch, classes)``."""
        from automl_vision.models import efficientnet

        if len(spec.input_shape) != 3:  # noqa: PLR2004
            raise UsageError(f"space {self.name} takes images (channels, height, width), not {spec.input_shape}")
        normalizer = get_host().part(Normalizer, config["normalizer"]) if "normalizer" in config else None
        return efficientnet(config, spec, normalizer)

    def describe(self, config: Config) -> str:
        """Phi, resolution, normalizer and learning rate."""
        words = [f"phi {config['phi']:.1f}", f"{config['resolution_px']} px"]
        words += [config["normalizer"]] if "normalizer" in config else []
        return " · ".join([*words, f"lr {config['learning_rate']:.2g}"])


def _baseline_px(spec: DataSpec) -> int:
    """Resolution at phi = 0, in pixels."""
    side = math.ceil(max(spec.input_shape[-2:]))
    return min(BASELINE_PX, ENLARGEMENT * side)


def _resolution_px(spec: DataSpec, phi: float) -> int:
    return max(SMALLEST_PX, round(_baseline_px(spec) * GAMMA**phi))


def _normalizer(last_map_px: int) -> Categorical | None:
    """The normalizers installed; those that want larger maps than these images give are left to who asks for them."""
    parts = get_host().parts(Normalizer)
    if not parts:
        return None
    fitting = [part for part in parts if part.least_map_px <= last_map_px] or parts
    default = next((part for part in fitting if part.preferred), fitting[0])
    names = tuple(part.name for part in fitting)
    return Categorical(
        "normalizer", names, default.name, limits=tuple(part.name for part in parts), summary="normalization layer"
    )
