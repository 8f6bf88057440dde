"""Puts another normalizer's layers in place of a model's batch normalization."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from typing import TYPE_CHECKING

import torch
from torch import nn

from automl.errors import UsageError
from automl.parts import Normalizer
from automl.training.flow import Activation, Flow, HiddenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import fx


def swap_normalizers(
    model: nn.Module, normalizer: Normalizer, input_shape: tuple[int, int, int] | None = None
) -> nn.Module:
    """Replaces every `torch.nn.BatchNorm2d` of `model` by a layer of `normalizer`, in place.

    Subclasses count too, such as timm's ``BatchNormAct2d``, which has a module ``act`` and perhaps a module ``drop``
    that it applies before. That activation goes to the normalizer; `torch.nn.Identity` means there is none.

    Other activations stay where they are, unless the normalizer brings its own. Then the one that takes a batch
    normalization's result, and that alone takes it, goes: its module becomes `torch.nn.Identity`. Where that module is
    called at other places too, or a function such as ``torch.relu`` is called, the module around it is written anew
    without that call (a `torch.fx.GraphModule` of the same children and parameters). Where the result goes elsewhere,
    into a residual sum, a pool or another layer, the new layer gets no activation, and what activates the sum stays.
    Gates, such as the sigmoid of squeeze-and-excitation, stay too.

    The new layers start from their own initial values, on the device and in the data type of the old ones. A model
    without batch normalization, such as ConvNeXt with its layer normalization, comes back as it was.

    Args:
        model: Any model. The weights of its batch normalizations are lost, so swap before training or loading.
        normalizer: Makes the new layers.
        input_shape: ``(channels, height, width)`` of one example. With it, where the normalizer has a
            `Normalizer.layer_at` of its own, the model is run once on the meta device to tell it the size of each map;
            without it, or where a layer sees maps of several sizes, `Normalizer.layer` makes a layer for any.

    Returns:
        `model`; or the new module where `model` is itself a batch normalization or had to be written anew.

    Raises:
        UsageError: The normalizer brings its own activation, and what follows some batch normalization cannot be seen,
            as the code around it depends on its data; or the model does not run on examples of `input_shape`. The
            model is left as it was.
    """
    holder = nn.ModuleDict({"model": model})  # so that the model itself has a parent
    places = list(_places(holder, "", set()))
    asks = type(normalizer).layer_at is not Normalizer.layer_at
    sizes = _map_sizes(model, input_shape) if asks and input_shape is not None else {}
    flow = Flow(model)
    followers = _followers(places, flow, normalizer) if normalizer.brings_activation else {}
    layers: dict[nn.Module, nn.Module] = {}  # a layer used in several places stays one layer
    for place in places:
        if place.old not in layers:
            layers[place.old] = _new_layer(place.old, normalizer, followers.get(place.old, []), sizes.get(place.old))
        place.parent.register_module(place.name, layers[place.old])
    _leave_out([activation for found in followers.values() for activation in found], flow, holder)
    return holder["model"]


@dataclasses.dataclass(frozen=True)
class _Place:
    """A batch normalization and where it sits.

    Attributes:
        parent: The module that holds it.
        name: Its name there.
        path: Its name from the model on.
        old: The batch normalization.
    """

    parent: nn.Module
    name: str
    path: str
    old: nn.BatchNorm2d


def _places(parent: nn.Module, path: str, visited: set[nn.Module]) -> Iterator[_Place]:
    """Every place below `parent` where a batch normalization sits, in the order of the model."""
    visited.add(parent)
    # Not named_children(): it passes over the second place of a module that sits in two.
    for name, child in parent._modules.items():  # noqa: SLF001
        if isinstance(child, nn.BatchNorm2d):
            yield _Place(parent, name, path + name, child)
        elif child is not None and child not in visited:
            yield from _places(child, f"{path}{name}.", visited)


def _own(old: nn.BatchNorm2d, name: str) -> nn.Module | None:
    """The module ``act`` or ``drop`` of a norm-act layer, if it does anything."""
    module = getattr(old, name, None)
    return module if isinstance(module, nn.Module) and not isinstance(module, nn.Identity) else None


def _followers(places: Sequence[_Place], flow: Flow, normalizer: Normalizer) -> dict[nn.Module, list[Activation]]:
    """The calls of activations that a normalizer's own makes superfluous, by batch normalization."""
    found: dict[nn.Module, list[Activation]] = {}
    hidden: list[tuple[str, HiddenError]] = []
    for place in places:
        if place.old in found or _own(place.old, "act"):
            continue
        try:
            found[place.old] = flow.activations(place.old)
            for activation in found[place.old]:
                if activation.module is None or not flow.is_called_once(activation):
                    flow.check_rewritable(activation.owner)
        except HiddenError as error:
            # A norm-act layer without activation is one that its author wanted linear.
            if not hasattr(place.old, "act"):
                hidden.append((place.path, error))
    if hidden:
        others = f" and {len(hidden) - 1} more" if hidden[1:] else ""
        raise UsageError(
            f"Normalizer {normalizer.name} brings its own activation, but whether one follows {hidden[0][0]}{others} "
            f"cannot be seen: {hidden[0][1]}. Take another normalizer, or a model whose activations are part of its "
            "normalization layers (such as timm's) or come right after them in a torch.nn.Sequential."
        )
    return found


def _leave_out(activations: Sequence[Activation], flow: Flow, holder: nn.Module) -> None:
    """Takes calls of activations away: the module where it is called but once, else the call from the owner's code."""
    calls: dict[nn.Module, dict[fx.Node, None]] = {}
    for activation in activations:
        if activation.module is not None and flow.is_called_once(activation):
            activation.owner.set_submodule(str(activation.node.target), nn.Identity())
        else:
            calls.setdefault(activation.owner, {})[activation.node] = None
    # The innermost first: what is written anew takes the children that are there by then.
    for owner in reversed([module for module in holder.modules() if module in calls]):
        rewritten = flow.without(owner, list(calls[owner]))
        for parent in list(holder.modules()):
            for name, child in parent._modules.items():  # noqa: SLF001
                if child is owner:
                    parent.register_module(name, rewritten)


def _map_sizes(model: nn.Module, input_shape: tuple[int, int, int]) -> dict[nn.Module, tuple[int, int]]:
    """Height and width of the map that each batch normalization sees, where it is always the same."""
    seen: dict[nn.Module, set[tuple[int, int]]] = {}

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...], named: dict[str, torch.Tensor]) -> None:
        height, width = (inputs[0] if inputs else named["input"]).shape[2:]
        seen.setdefault(module, set()).add((height, width))

    hooks = [
        module.register_forward_pre_hook(note, with_kwargs=True)
        for module in model.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    modes = {module: module.training for module in model.modules()}
    state = {name: tensor.to("meta") for name, tensor in (*model.named_parameters(), *model.named_buffers())}
    dtype = next((tensor.dtype for tensor in state.values() if tensor.is_floating_point()), None)
    try:
        with torch.no_grad(), torch.device("meta"):
            torch.func.functional_call(model.eval(), state, (torch.empty(1, *input_shape, dtype=dtype),))
    except Exception as error:  # somebody's code may fail in any way
        raise UsageError(
            f"The model does not run on examples of shape {input_shape} ({type(error).__name__}: {error}); "
            "give the shape it is made for, or none."
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return {module: next(iter(sizes)) for module, sizes in seen.items() if len(sizes) == 1}


def _new_layer(
    old: nn.BatchNorm2d, normalizer: Normalizer, followers: Sequence[Activation], size: tuple[int, int] | None
) -> nn.Module:
    like = next(itertools.chain(old.parameters(), old.buffers()), None)
    with contextlib.nullcontext() if like is None else like.device:
        layer = _activated(old, normalizer, followers, size)
    return layer.train(old.training) if like is None else layer.to(like.dtype).train(old.training)


def _activated(
    old: nn.BatchNorm2d, normalizer: Normalizer, followers: Sequence[Activation], size: tuple[int, int] | None
) -> nn.Module:
    """The new layer with the activation and the drop layer of the old one."""

    def layer(act: nn.Module | None) -> nn.Module:
        channels = old.num_features
        return normalizer.layer(channels, act) if size is None else normalizer.layer_at(channels, act, size)

    act, drop = _own(old, "act"), _own(old, "drop")
    drops = [] if drop is None else [drop]
    if normalizer.brings_activation:
        if act is None and followers:
            act = followers[0].module or nn.ReLU()
        return _chain(layer(act), *drops)
    if drops:  # it stands between the normalization and the activation
        return _chain(layer(None), *drops, *([act] if act else []))
    return layer(act)


def _chain(*modules: nn.Module) -> nn.Module:
    return nn.Sequential(*modules) if modules[1:] else modules[0]
