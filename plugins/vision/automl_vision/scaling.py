"""Compound scaling (Tan & Le 2019, arXiv:1905.11946): one helper and one base class for every space that scales."""

from __future__ import annotations

import abc
import math
from typing import TYPE_CHECKING

from automl.errors import UsageError
from automl.host import get_host
from automl.parts import Config, DataSpec, Dimension, Float, Integer, Normalizer, Space, Trial
from automl_vision.recipe import described, recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15
"""Depth, width and resolution of one compound step (section 3.3); ALPHA * BETA^2 * GAMMA^2 = 1.92."""

BASELINE_PX = 224
SMALLEST_PX = 4
ENLARGEMENT = 4
IMAGE_DIMENSIONS = 3


def side_px(spec: DataSpec) -> int:
    """The longer side of the data's images, in pixels."""
    return max(spec.input_shape[-2:])


def enlarged_px(spec: DataSpec) -> int:
    """The paper's 224 pixels, or four times the side of the data's own images where that is less.

    A network that halves its input five times would make one pixel of an 8x8 image after the third.
    """
    return min(BASELINE_PX, ENLARGEMENT * side_px(spec))


def are_thumbnails(spec: DataSpec) -> bool:
    """Whether the images are so small (under 56 pixels) that a laptop trains on them in minutes."""
    return enlarged_px(spec) < BASELINE_PX


def scaling_dimensions(
    phi: Float, base_px: int, *, base_width: float = 1.0, base_depth: float = 1.0
) -> tuple[Dimension, ...]:
    """The dimensions that set width, depth and resolution; all but `phi` are fixed by default.

    The limits of the coefficients let a single one of them double the FLOPs: alpha 2, beta or gamma sqrt 2. At phi 0
    the baseline is what it says, so ``base_width``, ``base_depth`` and ``base_px`` scale one dimension alone.

    Args:
        phi: The compound coefficient and its range.
        base_px: Resolution at phi 0, in pixels.
        base_width: Factor of the channels at phi 0.
        base_depth: Factor of the layers at phi 0.
    """
    root = math.sqrt(2)
    return (
        phi,
        Float("alpha", ALPHA, ALPHA, ALPHA, limits=(1.0, 2.0), summary="depth grows as alpha^phi"),
        Float("beta", BETA, BETA, BETA, limits=(1.0, root), summary="width grows as beta^phi"),
        Float("gamma", GAMMA, GAMMA, GAMMA, limits=(1.0, root), summary="resolution grows as gamma^phi"),
        Float("base_width", base_width, base_width, base_width, limits=(0.01, 8.0), summary="width at phi 0"),
        Float("base_depth", base_depth, base_depth, base_depth, limits=(0.01, 8.0), summary="depth at phi 0"),
        Integer("base_px", base_px, base_px, base_px, limits=(SMALLEST_PX, 2048), summary="resolution at phi 0"),
    )


def scaled(config: Config) -> Config:
    """What the scaling dimensions mean: ``width`` and ``depth`` as factors, ``resolution_px`` in pixels.

    Equation 3 of the paper: width = base_width * beta^phi, depth = base_depth * alpha^phi, resolution = base_px *
    gamma^phi, which is rounded and never below 4.
    """
    phi = config["phi"]
    return {
        "width": config["base_width"] * config["beta"] ** phi,
        "depth": config["base_depth"] * config["alpha"] ** phi,
        "resolution_px": max(SMALLEST_PX, round(config["base_px"] * config["gamma"] ** phi)),
    }


class ScaledSpace(Space, abc.ABC):
    """A convolutional network for images whose width, depth and resolution scale.

    A subclass says what network (`body`), over which range of phi (`scaling`), and which dimensions of its own it has
    (`architecture`). Its input is halved five times unless it says otherwise (`stride`).

    Attributes:
        has_branches: Whether there are residual branches, which stochastic depth can drop.
    """

    tasks = ("image-classification",)
    default_data = "digits"
    has_branches = True

    @abc.abstractmethod
    def body(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """From standardised pixels ``(batch, channels, resolution_px, resolution_px)`` to logits ``(batch, classes)``.

        With batch normalization; the normalizer of the config is put in its place afterwards.
        """

    @abc.abstractmethod
    def scaling(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """The dimensions of `scaling_dimensions`, with ranges that fit the data; phi is the first."""

    def stride(self, spec: DataSpec) -> int:
        """Pixels of the input to a pixel of the last feature map, of the network searched by default."""
        return 32

    def architecture(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Dimensions of the network besides its scale."""
        return ()

    def dimensions(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Architecture, scale, and the recipe."""
        scaling = self.scaling(spec)
        phi = scaling[0]
        assert isinstance(phi, Float)
        largest = {dimension.name: dimension.default for dimension in scaling} | {"phi": phi.high}
        last_map_px = math.ceil(scaled(largest)["resolution_px"] / self.stride(spec))
        rest = recipe(spec, last_map_px=last_map_px, drop_path_rate=self.has_branches)
        return (*self.architecture(spec), *scaling, *rest)

    def suggest(self, trial: Trial, spec: DataSpec) -> Config:
        """The dimensions, and what they mean for these images: width, depth and resolution."""
        config = super().suggest(trial, spec)
        return config | scaled(config)

    def landmarks(self, spec: DataSpec) -> Sequence[Config]:
        """Steps from the cheap end almost to the dear end, which itself costs as much as a dozen others."""
        phi = self.scaling(spec)[0]
        assert isinstance(phi, Float)
        return [{"phi": phi.low + share * (phi.high - phi.low)} for share in (0.0, 0.3, 0.6, 0.8, 0.9)]

    def build(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """From raw pixels in the data's own size to logits ``(batch, classes)``.

        Raises:
            UsageError: The data are no images.
        """
        from automl_vision.models import with_pixels

        if len(spec.input_shape) != IMAGE_DIMENSIONS:
            raise UsageError(f"space {self.name} takes images (channels, height, width), not {spec.input_shape}")
        normalizer = get_host().part(Normalizer, config["normalizer"]) if "normalizer" in config else None
        return with_pixels(self.body(config, spec), config, spec, normalizer)

    def describe(self, config: Config) -> str:
        """What is particular, resolution, normalizer and recipe."""
        words = [*self.particulars(config), f"{config['resolution_px']} px"]
        words += [config["normalizer"]] if "normalizer" in config else []
        return " · ".join([*words, *described(config)])

    def particulars(self, config: Config) -> list[str]:
        """The config in a word or two."""
        return [f"phi {config['phi']:.1f}"]
