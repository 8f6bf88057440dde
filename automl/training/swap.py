"""Puts another normalizer's layers in place of a model's batch normalization."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from typing import TYPE_CHECKING

from torch import nn

from automl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from automl.parts import Normalizer


def swap_normalizers(model: nn.Module, normalizer: Normalizer) -> nn.Module:
    """Replaces every `torch.nn.BatchNorm2d` of `model` by a layer of `normalizer`, in place.

    Three kinds of batch normalization are told apart:

    - With its own activation: a subclass with a module ``act``, and perhaps a module ``drop`` that it applies before,
      as timm's norm-act layers have. ``act`` goes to the normalizer; `torch.nn.Identity` means there is none.
    - Within a `torch.nn.Sequential`, where what comes next is seen. An activation there stays, unless the normalizer
      brings its own: then it becomes `torch.nn.Identity`.
    - Anywhere else an activation, if there is one, hides in the code of some ``forward``. It stays, and the new layer
      gets none; a normalizer that brings its own activation is refused.

    Activations that follow no normalization, such as those within squeeze-and-excitation, stay. The new layers start
    from their own initial values, on the device and in the data type of the old ones. A model without batch
    normalization comes back as it was.

    Args:
        model: Any model. The weights of its batch normalizations are lost, so swap before training or loading.
        normalizer: Makes the new layers.

    Returns:
        `model`; or the new layer where `model` is itself a batch normalization.

    Raises:
        UsageError: The normalizer brings its own activation, and what follows some batch normalization cannot be seen.
            The model is left as it was.
    """
    holder = nn.ModuleDict({"model": model})  # so that the model itself has a parent
    places = list(_places(holder, "", set()))
    if normalizer.brings_activation:
        _refuse_hidden_activations(places, normalizer)
    layers: dict[tuple[nn.Module, bool], nn.Module] = {}  # a layer used in several places stays one layer
    for place in places:
        key = place.old, place.activates
        if key not in layers:
            layers[key] = _new_layer(place, normalizer)
        place.parent.register_module(place.name, layers[key])
        if place.follower and normalizer.brings_activation:
            place.parent.register_module(place.follower, nn.Identity())
    return holder["model"]


@dataclasses.dataclass(frozen=True)
class _Place:
    """A batch normalization and what is known of its surroundings.

    Attributes:
        parent: The module that holds it.
        name: Its name there.
        path: Its name from the model on.
        old: The batch normalization.
        act: The activation it applies itself.
        follower: Name, in the parent, of the activation that comes next.
        hidden: Whether an activation may follow that cannot be seen.
    """

    parent: nn.Module
    name: str
    path: str
    old: nn.BatchNorm2d
    act: nn.Module | None = None
    follower: str | None = None
    hidden: bool = False

    @property
    def activates(self) -> bool:
        """Whether an activation is known to follow."""
        return self.act is not None or self.follower is not None


def _places(parent: nn.Module, path: str, visited: set[nn.Module]) -> Iterator[_Place]:
    """Every place below `parent` where a batch normalization sits, in the order of the model."""
    visited.add(parent)
    # Not named_children(): it passes over the second place of a module that sits in two.
    for name, child in parent._modules.items():  # noqa: SLF001
        if isinstance(child, nn.BatchNorm2d):
            yield _place(parent, name, path + name, child)
        elif child is not None and child not in visited:
            yield from _places(child, f"{path}{name}.", visited)


def _place(parent: nn.Module, name: str, path: str, old: nn.BatchNorm2d) -> _Place:
    act = getattr(old, "act", None)
    if isinstance(act, nn.Module) and not isinstance(act, nn.Identity):
        return _Place(parent, name, path, old, act=act)
    after, module = _following(parent, name)
    if _is_activation(module):
        return _Place(parent, name, path, old, follower=after)
    return _Place(parent, name, path, old, hidden=act is None and not _is_weighted(module))


def _following(parent: nn.Module, name: str) -> tuple[str | None, nn.Module | None]:
    """Name and module of what comes next in a `torch.nn.Sequential`; None where that is not known."""
    if isinstance(parent, nn.Sequential) and type(parent).forward is nn.Sequential.forward:
        after = itertools.dropwhile(lambda item: item[0] != name, parent._modules.items())  # noqa: SLF001
        for following, module in itertools.islice(after, 1, None):
            if not isinstance(module, nn.Identity):
                return following, module
    return None, None


def _is_activation(module: nn.Module | None) -> bool:
    return type(module).__module__ == "torch.nn.modules.activation"


def _is_weighted(module: nn.Module | None) -> bool:
    """Whether `module` is a layer of torch's with weights, which takes its input as it is.

    A pool, a dropout or somebody's own module may stand between a normalization and its activation, or be one.
    """
    if module is None or not type(module).__module__.startswith("torch.nn.modules."):
        return False
    return any(True for _ in module.parameters(recurse=False))


def _refuse_hidden_activations(places: Sequence[_Place], normalizer: Normalizer) -> None:
    hidden = [place.path for place in places if place.hidden]
    if hidden:
        others = f" and {len(hidden) - 1} more" if hidden[1:] else ""
        raise UsageError(
            f"Normalizer {normalizer.name} brings its own activation, but whether one follows {hidden[0]}{others} "
            "cannot be seen: the model would keep its own next to the normalizer's. Take another normalizer, or a "
            "model whose activations are part of its normalization layers (such as timm's) or come right after them "
            "in a torch.nn.Sequential."
        )


def _new_layer(place: _Place, normalizer: Normalizer) -> nn.Module:
    old = place.old
    like = next(itertools.chain(old.parameters(), old.buffers()), None)
    with contextlib.nullcontext() if like is None else like.device:
        layer = _activated(place, normalizer)
    return layer.train(old.training) if like is None else layer.to(like.dtype).train(old.training)


def _activated(place: _Place, normalizer: Normalizer) -> nn.Module:
    """The new layer with the activation and the drop layer of the old one."""
    channels = place.old.num_features
    drop = getattr(place.old, "drop", None)
    drops = [drop] if isinstance(drop, nn.Module) and not isinstance(drop, nn.Identity) else []
    if normalizer.brings_activation:
        act = place.parent.get_submodule(place.follower) if place.follower else place.act
        return _chain(normalizer.layer(channels, act), *drops)
    if drops:  # it stands between the normalization and the activation
        return _chain(normalizer.layer(channels, None), *drops, *([place.act] if place.act else []))
    return normalizer.layer(channels, place.act)


def _chain(*modules: nn.Module) -> nn.Module:
    return nn.Sequential(*modules) if modules[1:] else modules[0]
