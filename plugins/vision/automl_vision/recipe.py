"""The recipe: dimensions of the training that every space of this plugin has, whatever its models."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from automl.host import get_host
from automl.parts import Categorical, Config, DataSpec, Dimension, Float, Loss, Normalizer

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTIMIZERS = ("adamw", "sgd", "rmsprop")
"""What `automl_vision.classifier.Classifier` trains with, by name; the first is the default."""

MOMENTUM = 0.9
"""Of SGD and RMSProp by default (Tan & Le 2019, section 5.2, for RMSProp)."""

LEARNING_RATE = (1e-2, 5e-2, 2.5e-2)
"""Low, high and default of the peak learning rate, for AdamW."""

NORMALIZERS = ("bn", "frn", "gn")
"""Searched by default, as far as they are installed and fit. Two dozen trials cannot tell a dozen layers apart."""

P = TypeVar("P", Loss, Normalizer)


def recipe(
    spec: DataSpec,
    *,
    last_map_px: int | None = None,
    normalizer: bool = True,
    learning_rate: tuple[float, float, float] = LEARNING_RATE,
    drop_rate: bool = True,
    drop_path_rate: bool = True,
) -> tuple[Dimension, ...]:
    """Normalizer, loss, optimizer settings and regularisation.

    What pays within a search of two dozen trials is searched by default: ``normalizer``, ``loss``, ``learning_rate``,
    ``weight_decay`` and ``drop_rate``. The rest (``optimizer``, ``momentum``, ``drop_path_rate``) has one value until a
    user gives more within its limits. A dimension of parts that no plugin brings is left out.

    Args:
        spec: The data; its task decides which losses there are.
        last_map_px: Side of the last feature map of the largest model, in pixels. Normalizers that want larger ones are
            left to who asks for them; None leaves none for that.
        normalizer: Whether the models have a normalization that can be swapped.
        learning_rate: Low, high and default of its peak, made for AdamW; SGD and RMSProp want others (``--set``).
        drop_rate: Whether the models have a dropout before the classifier.
        drop_path_rate: Whether the models have residual branches that stochastic depth can drop.

    Returns:
        Dimensions named ``normalizer``, ``loss``, ``optimizer``, ``learning_rate``, ``momentum``, ``weight_decay``,
        ``drop_rate`` and ``drop_path_rate``, in this order, without those that are left out.
    """
    low, high, default = learning_rate
    found: list[Dimension | None] = [
        _normalizers(last_map_px) if normalizer else None,
        _losses(spec.task),
        Categorical("optimizer", OPTIMIZERS[:1], OPTIMIZERS[0], limits=OPTIMIZERS, summary="update rule"),
        Float("learning_rate", low, high, default, log=True, limits=(1e-6, 1.0), summary="peak of the cycle"),
        Float("momentum", MOMENTUM, MOMENTUM, MOMENTUM, limits=(0.0, 0.999), summary="of sgd and rmsprop"),
        Float("weight_decay", 1e-3, 1e-1, 5e-2, log=True, limits=(1e-8, 1.0), summary="decoupled weight decay"),
        Float("drop_rate", 0.0, 0.3, 0.1, limits=(0.0, 0.9), summary="dropout before the classifier")
        if drop_rate
        else None,
        Float("drop_path_rate", 0.0, 0.0, 0.0, limits=(0.0, 0.9), summary="stochastic depth of the last block")
        if drop_path_rate
        else None,
    ]
    return tuple(dimension for dimension in found if dimension is not None)


def _normalizers(last_map_px: int | None) -> Categorical | None:
    """The normalizers installed; rarer ones and those that want larger maps are left to who asks for them."""
    parts = get_host().parts(Normalizer)
    fitting = [part for part in parts if last_map_px is None or part.least_map_px <= last_map_px] or parts
    usual = [part for part in fitting if part.name in NORMALIZERS] or fitting
    return _choice("normalizer", usual, [part.name for part in parts], "normalization layer")


def _losses(task: str) -> Categorical | None:
    """The losses installed for that task; their variants are left to who asks for them."""
    parts = [part for part in get_host().parts(Loss) if task in part.tasks]
    variants = [f"{part.name}:{text}" for part in parts for text in part.variants]
    return _choice("loss", parts, [*(part.name for part in parts), *variants], "what training makes small")


def _choice(name: str, parts: Sequence[P], limits: Sequence[str], summary: str) -> Categorical | None:
    if not parts:
        return None
    default = next((part for part in parts if part.preferred), parts[0])
    return Categorical(name, tuple(part.name for part in parts), default.name, limits=tuple(limits), summary=summary)


def described(config: Config) -> list[str]:
    """The recipe in a few words: loss and optimizer where they are not the usual ones, and the learning rate."""
    usual = {"loss": "cross-entropy", "optimizer": OPTIMIZERS[0]}
    words = [str(config[name]) for name, common in usual.items() if config.get(name, common) != common]
    return [*words, *([f"lr {config['learning_rate']:.2g}"] if "learning_rate" in config else [])]
