"""The space ``efficientnet``: EfficientNet-B0 under compound scaling, and the released B0 to B7 by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.parts import Categorical, Config, DataSpec, Dimension, Float, Trial
from automl_vision.scaling import ScaledSpace, are_thumbnails, enlarged_px, scaling_dimensions

if TYPE_CHECKING:
    import torch

SCALED = "scaled"
RELEASED = {
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 260, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
}
"""Width, depth, resolution in pixels and dropout as the authors released them (their code's ``efficientnet_params``).

Rounded by hand: B7 would be phi 7.3 by width, 6.2 by depth and 7.05 by resolution.
"""

RELEASED_DROP_PATH_RATE = 0.2
"""Stochastic depth of all of them (section 5.2 gives survival probability 0.8), rising linearly with depth."""

RELEASED_BATCH_NORM_EPS = 1e-3
"""Of the authors' code (``batch_norm_epsilon``); the paper does not say."""


class EfficientNet(ScaledSpace):
    """EfficientNet-B0 under compound scaling (Tan & Le 2019, arXiv:1905.11946, equation 3).

    With the compound coefficient phi, depth grows as 1.2^phi, width as 1.1^phi and resolution as 1.15^phi, so FLOPs
    as 1.92^phi. Small images want a negative phi. The three coefficients and the baseline are dimensions that are
    fixed by default (`automl_vision.scaling`).

    ``model=b3`` is the released B3: width, depth, resolution, dropout and stochastic depth of the authors' table, in
    which no coefficient plays a part. Of their batch normalization it takes eps = 1e-3, which belongs to the function
    that the model is, and leaves their momentum of 0.99, which averages over a hundred steps: a search here often
    trains for no more than that. Their padding on the right and bottom alone becomes padding on all sides, at the same
    cost.
    """

    name = "efficientnet"
    summary = "EfficientNet under compound scaling: one coefficient sets depth, width and resolution; B0 to B7 by name"

    def architecture(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Whether it is scaled or one of the released."""
        known = (SCALED, *RELEASED)
        return (Categorical("model", (SCALED,), SCALED, limits=known, summary="by phi, or a released size by name"),)

    def scaling(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Phi, its three coefficients and the baseline."""
        # On thumbnails a wider model gains nothing that a validation split could show, and takes minutes on a CPU.
        low, high = (-32.0, -3.0) if are_thumbnails(spec) else (-10.0, 0.0)
        phi = Float("phi", low, high, -8.0, limits=(-40.0, 8.0), summary="compound coefficient")
        return scaling_dimensions(phi, enlarged_px(spec))

    def suggest(self, trial: Trial, spec: DataSpec) -> Config:
        """The dimensions, and width, depth and resolution.

        For a released model nothing is asked that its name decides, so that it is one candidate, not one for each phi.
        """
        [model] = self.architecture(spec)
        name = model.suggest(trial)
        if name == SCALED:
            return super().suggest(trial, spec)
        width, depth, resolution_px, drop_rate = RELEASED[name]
        decided = {
            "model": name,
            "width": width,
            "depth": depth,
            "resolution_px": resolution_px,
            "drop_rate": drop_rate,
            "drop_path_rate": RELEASED_DROP_PATH_RATE,
        }
        decides = {dimension.name for dimension in self.scaling(spec)} | decided.keys()
        asked = (dimension for dimension in self.dimensions(spec) if dimension.name not in decides)
        return {dimension.name: dimension.suggest(trial) for dimension in asked} | decided

    def build(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """From raw pixels in the data's own size to logits ``(batch, classes)``."""
        model = super().build(config, spec)
        if config.get("model", SCALED) != SCALED:
            from automl_vision.models import set_batch_norm_eps

            set_batch_norm_eps(model, RELEASED_BATCH_NORM_EPS)
        return model

    def body(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """The network of timm's blocks."""
        from automl_vision.models import efficientnet

        return efficientnet(config, spec)

    def particulars(self, config: Config) -> list[str]:
        """Phi, or the released model's name."""
        name = config.get("model", SCALED)
        return super().particulars(config) if name == SCALED else [name]
