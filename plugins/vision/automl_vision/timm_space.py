"""The space ``timm``: any architecture of timm, by its name there."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from automl.errors import UsageError, unknown_name
from automl.host import get_host
from automl.parts import Categorical, Config, DataSpec, Dimension, Integer, Normalizer, Space, Trial
from automl_vision.recipe import described, recipe

if TYPE_CHECKING:
    import torch

    from automl_vision.pretrained import Weights

SMALL = ("lcnet_050", "tinynet_e", "mobilenetv3_small_050", "resnet10t", "test_convnext")
"""Architectures that a laptop trains in minutes; what is searched unless --set model=... names others."""

LARGEST_PX = 224
ENLARGEMENT = 4
IMAGENET = DataSpec(
    "imagenet", "image-classification", (3, 224, 224), tuple(map(str, range(1000))), 1_281_167, 50_000, 0
)
"""What timm's models are made for when nothing else is said: 1,000 classes. No data, only its shape."""

OWN = "model-default"
"""The choice of ``normalizer`` that leaves a model as its authors made it."""

FROM_SCRATCH = (1e-3, 3e-2, 1e-2)
"""Low, high and default of the peak learning rate."""

FROM_WEIGHTS = (1e-4, 1e-2, 1e-3)
"""The same where there are weights to keep: high rates would first undo what they know."""

WITH_DEPTH = "drop_path_rate"


class Timm(Space):
    """Architectures of timm (Wightman 2019) on images of a chosen side, each with its recipe.

    They are freshly initialised; ``timm:MODEL@FILE`` starts from weights in a file. Then pixels are standardised as
    those weights want it (for another number of channels by the mean over theirs), and the hash of the file is part of
    the config, so that another file under the same name is not taken for it. Nothing is ever downloaded.

    The normalizer is swapped only where a model has batch normalization, and only when it is asked for; stochastic
    depth is a dimension only of models that have it.

    A model priced by its name alone is timm's own, for 1,000 classes and without the standardisation of pixels that
    models of a search bring with them.
    """

    name = "timm"
    summary = "any architecture of timm by its name; --set model=resnet18,vit_tiny_patch16_224"
    tasks = ("image-classification",)
    default_data = "digits"
    variants: ClassVar[dict[str, str]] = {
        "MODEL@FILE": "from weights in a .safetensors or .pth file, such as timm:resnet18@resnet18.safetensors"
    }
    _model: str = ""
    _file: str = ""

    def variant(self, text: str) -> Self:
        """``MODEL@FILE``."""
        model, _, file = text.partition("@")
        if not (model and file):
            return super().variant(text)
        other = copy.copy(self)
        other.name = f"timm:{text}"
        other._model, other._file = model, file  # noqa: SLF001 - a copy of its own kind
        return other

    def dimensions(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """The architecture, the side of the images it is given, and the recipe.

        Raises:
            UsageError: There is no such architecture, or the file does not hold its weights.
        """
        import timm

        side = max(32, min(LARGEST_PX, ENLARGEMENT * max(spec.input_shape[-2:])))
        known = tuple(timm.list_models())
        if self._model and self._model not in known:
            raise unknown_name("architecture of timm", self._model, known)
        weights = self._weights()
        choices = SMALL if weights is None else (self._model,)
        parts = tuple(part.name for part in get_host().parts(Normalizer))
        normalizer = Categorical("normalizer", (OWN,), OWN, limits=(OWN, *parts), summary="for batch normalization")
        return (
            Categorical(
                "model",
                choices,
                choices[0],
                limits=known if weights is None else choices,
                summary="architecture, by timm's name",
            ),
            Integer("resolution_px", min(32, side), max(side, 33), side, log=True, limits=(8, 2048), summary="side"),
            *((normalizer,) if parts else ()),
            *recipe(spec, normalizer=False, learning_rate=FROM_SCRATCH if weights is None else FROM_WEIGHTS),
        )

    def suggest(self, trial: Trial, spec: DataSpec) -> Config:
        """The architecture, then those dimensions that it has; and which weights it starts from."""
        model, *others = self.dimensions(spec)
        config: Config = {"model": model.suggest(trial)}
        lacking = _lacking(config["model"])
        config |= {dimension.name: dimension.suggest(trial) for dimension in others if dimension.name not in lacking}
        if weights := self._weights():
            config["weights_sha256"] = weights.sha256
        return config

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
        """From raw pixels in the data's own size to logits ``(batch, classes)``.

        Raises:
            UsageError: timm does not make such a model, or the file of weights is not the one that the config is of.
        """
        import torch

        from automl_vision.models import Pixels, timm_model

        # On the meta device a model is priced, for which nobody need read its weights.
        weights = None if torch.get_default_device().type == "meta" else self._weights(config.get("weights_sha256"))
        swapped = config.get("normalizer", OWN) != OWN
        channels, side = spec.input_shape[0], config["resolution_px"]
        model = timm_model(
            config["model"],
            channels,
            len(spec.classes),
            side,
            weights=weights,
            normalizer=get_host().part(Normalizer, config["normalizer"]) if swapped else None,
            **{name: config[name] for name in ("drop_rate", WITH_DEPTH) if name in config},
        )
        if not spec.mean:
            return model
        mean, std = (spec.mean, spec.std) if weights is None else weights.standardisation(channels)
        return torch.nn.Sequential(Pixels(side, mean, std), model)

    def describe(self, config: Config) -> str:
        """Architecture, resolution, normalizer if it is another, and recipe."""
        words = [config["model"], f"{config['resolution_px']} px"]
        words += [config["normalizer"]] if config.get("normalizer", OWN) != OWN else []
        return " · ".join([*words, *described(config)])

    def _weights(self, sha256: str | None = None) -> Weights | None:
        """Those of the file; None without one.

        Args:
            sha256: What the file must have; None takes any.
        """
        if not self._file:
            return None
        from automl_vision.pretrained import read_weights

        weights = read_weights(Path(self._file).expanduser(), self._model)
        if sha256 not in {None, weights.sha256}:
            raise UsageError(
                f"The weights in {self._file} are not those that this candidate started from: their SHA-256 is "
                f"{weights.sha256}, not {sha256}. Put the old file back."
            )
        return weights


@functools.cache
def _lacking(name: str) -> frozenset[str]:
    """Dimensions of this space that an architecture of timm's does not have."""
    import timm
    import torch
    from timm.layers import DropPath

    with torch.device("meta"):
        try:
            model = timm.create_model(name, drop_path_rate=0.5)
        except TypeError:  # it is no argument of that architecture
            model = timm.create_model(name)
    has = {
        "normalizer": any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules()),
        WITH_DEPTH: any(isinstance(module, DropPath) for module in model.modules()),
    }
    return frozenset(dimension for dimension, there in has.items() if not there)
