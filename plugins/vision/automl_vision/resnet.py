"""The space ``resnet``: residual networks, scaled by width, depth, resolution or all of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from automl.parts import Categorical, Config, DataSpec, Dimension, Float
from automl_vision.scaling import BASELINE_PX, ScaledSpace, are_thumbnails, scaling_dimensions, side_px

if TYPE_CHECKING:
    import torch

SMALL_STEM, LARGE_STEM = "3x3", "7x7"
"""A 3x3 convolution that keeps the size, for thumbnails; or 7x7 and a pool that quarter it."""


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A network to scale.

    Attributes:
        bottleneck: Whether a block is 1x1, 3x3, 1x1 convolutions instead of two of 3x3.
        repeats: Blocks a stage; each stage after the first halves the map.
        channels: Of the first stage's 3x3 convolutions, and of the stem; each stage doubles them.
    """

    bottleneck: bool
    repeats: tuple[int, ...]
    channels: int


BASELINES = {
    "resnet20": Baseline(False, (3, 3, 3), 16),
    "resnet18": Baseline(False, (2, 2, 2, 2), 64),
    "resnet34": Baseline(False, (3, 4, 6, 3), 64),
    "resnet50": Baseline(True, (3, 4, 6, 3), 64),
    "resnet101": Baseline(True, (3, 4, 23, 3), 64),
    "resnet152": Baseline(True, (3, 8, 36, 3), 64),
}
"""He et al. 2016, arXiv:1512.03385: table 1, and section 4.2 for thumbnails (n = 3)."""


class ResNet(ScaledSpace):
    """ResNet (He et al. 2016, arXiv:1512.03385) and its second version with pre-activation (arXiv:1603.05027).

    Width multiplies the channels of every layer, stem included, and rounds them as EfficientNet does; depth
    multiplies the blocks of every stage and rounds up. The stride of a bottleneck sits in its 3x3 convolution, as in
    torchvision's and timm's. A shortcut that changes shape is a 1x1 convolution in all of them.

    On thumbnails the default is ResNet-20 in the data's own size, on larger images ResNet-50. Three stages of 8, 16
    and 32 channels with one block each are ``base_width=0.5 base_depth=0.333``.
    """

    name = "resnet"
    summary = "ResNet or its second version with pre-activation, scaled by width, depth, resolution or all of them"

    def stride(self, spec: DataSpec) -> int:
        """4 on thumbnails, where two of three stages halve the map, else 32."""
        return 4 if are_thumbnails(spec) else super().stride(spec)

    def architecture(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Baseline, order of the layers in a block, and stem; all fixed by default."""
        baseline, stem = ("resnet20", SMALL_STEM) if are_thumbnails(spec) else ("resnet50", LARGE_STEM)
        return (
            Categorical("baseline", (baseline,), baseline, limits=tuple(BASELINES), summary="network at phi 0"),
            Categorical("preactivation", (False,), False, limits=(False, True), summary="ResNetV2"),
            Categorical("stem", (stem,), stem, limits=(SMALL_STEM, LARGE_STEM), summary="first convolution"),
        )

    def scaling(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Phi, its three coefficients and the baseline's scale."""
        thumbnails = are_thumbnails(spec)
        low, high, default = (-8.0, 0.0, -3.0) if thumbnails else (-10.0, 0.0, -8.0)
        phi = Float("phi", low, high, default, limits=(-40.0, 8.0), summary="compound coefficient")
        return scaling_dimensions(phi, side_px(spec) if thumbnails else BASELINE_PX)

    def body(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """The network of timm's blocks."""
        from automl_vision.resnet_model import ResNet as Network

        return Network(config, spec, BASELINES[config["baseline"]])

    def particulars(self, config: Config) -> list[str]:
        """Baseline and phi."""
        version = "v2" if config["preactivation"] else ""
        return [config["baseline"] + version, *super().particulars(config)]
