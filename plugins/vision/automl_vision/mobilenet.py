"""The spaces ``mobilenetv1`` and ``mobilenetv2``, scaled by width, depth, resolution or all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.parts import Config, DataSpec, Dimension, Float
from automl_vision.scaling import ScaledSpace, are_thumbnails, enlarged_px, scaling_dimensions

if TYPE_CHECKING:
    import torch


class _MobileNet(ScaledSpace):
    """What both have in common: the range of phi."""

    def scaling(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Phi, its three coefficients and the baseline's scale."""
        low, high = (-32.0, -3.0) if are_thumbnails(spec) else (-10.0, 0.0)
        phi = Float("phi", low, high, -8.0, limits=(-40.0, 8.0), summary="compound coefficient")
        return scaling_dimensions(phi, enlarged_px(spec))


class MobileNetV1(_MobileNet):
    """MobileNet of separable convolutions (Howard et al. 2017, arXiv:1704.04861, table 1).

    Width multiplies the channels of every layer (the paper's alpha), depth the blocks of every stage. There are no
    residual branches, so none that stochastic depth could drop.
    """

    name = "mobilenetv1"
    summary = "MobileNet of separable convolutions, scaled by width, depth, resolution or all of them"
    has_branches = False

    def body(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """The network of timm's blocks."""
        from automl_vision.models import mobilenet_v1

        return mobilenet_v1(config, spec)


class MobileNetV2(_MobileNet):
    """MobileNetV2 of inverted residuals (Sandler et al. 2018, arXiv:1801.04381, table 2).

    Width multiplies the channels of every layer, depth the blocks of every stage. Below width 1 the last convolution
    shrinks too, where the paper keeps its 1,280 channels: on thumbnails they would be nearly all of the model.
    """

    name = "mobilenetv2"
    summary = "MobileNetV2 of inverted residuals, scaled by width, depth, resolution or all of them"

    def body(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """The network of timm's blocks."""
        from automl_vision.models import mobilenet_v2

        return mobilenet_v2(config, spec)
