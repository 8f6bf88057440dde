"""The space ``timm``: any architecture of timm, by its name there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.parts import Categorical, Config, DataSpec, Dimension, Float, Integer, Space

if TYPE_CHECKING:
    import torch

SMALL = ("lcnet_050", "tinynet_e", "mobilenetv3_small_050", "resnet10t", "test_convnext")
"""Architectures that a laptop trains in minutes; what is searched unless --set model=... names others."""

LARGEST_PX = 224
ENLARGEMENT = 4
IMAGENET = DataSpec(
    "imagenet", "image-classification", (3, 224, 224), tuple(map(str, range(1000))), 1_281_167, 50_000, 0
)
"""What timm's models are made for when nothing else is said: 1,000 classes. No data, only its shape."""


class Timm(Space):
    """Architectures of timm (Wightman 2019), freshly initialised, on images of a chosen side.

    A model priced by its name alone is timm's own, for 1,000 classes and without the standardisation of pixels that
    models of a search bring with them.
    """

    name = "timm"
    summary = "any architecture of timm by its name; --set model=resnet18,vit_tiny_patch16_224"
    tasks = ("image-classification",)
    default_data = "digits"

    def dimensions(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """The architecture, the side of the images it is given, and the recipe."""
        import timm

        side = max(32, min(LARGEST_PX, ENLARGEMENT * max(spec.input_shape[-2:])))
        known = tuple(timm.list_models())
        return (
            Categorical("model", SMALL, SMALL[0], limits=known, summary="architecture, by timm's name"),
            Integer("resolution_px", min(32, side), max(side, 33), side, log=True, limits=(8, 2048), summary="side"),
            Float("learning_rate", 1e-3, 3e-2, 1e-2, log=True, limits=(1e-6, 1.0), summary="peak of the cycle"),
            Float("weight_decay", 1e-3, 1e-1, 5e-2, log=True, limits=(1e-8, 1.0), summary="decoupled weight decay"),
        )

    def named(self, name: str, *, resolution_px: int | None = None) -> tuple[Config, DataSpec] | None:
        """A model of timm's as its authors made it, or at another resolution."""
        import dataclasses

        import timm

        if not timm.is_model(name):
            return None
        config = timm.models.get_pretrained_cfg(name)
        channels, height, width = config.input_size if config is not None else (3, 224, 224)
        if resolution_px is not None:
            height = width = resolution_px
        spec = dataclasses.replace(IMAGENET, input_shape=(channels, height, width))
        return {"model": name, "resolution_px": height}, spec

    def build(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """From raw pixels in the data's own size to logits ``(batch, classes)``."""
        from automl_vision.models import Pixels, timm_model

        model = timm_model(config["model"], spec.input_shape[0], len(spec.classes), config["resolution_px"])
        if not spec.mean:
            return model
        import torch

        return torch.nn.Sequential(Pixels(config["resolution_px"], spec.mean, spec.std), model)

    def describe(self, config: Config) -> str:
        """Architecture, resolution and learning rate."""
        words = [config["model"], f"{config['resolution_px']} px"]
        return " · ".join([*words, *([f"lr {config['learning_rate']:.2g}"] if "learning_rate" in config else [])])
