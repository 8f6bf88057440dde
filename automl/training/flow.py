"""Which activation follows a layer, read off the code of the modules that call it.

`torch.fx` runs a module's ``forward`` once on stand-ins and writes down its calls; the modules it holds count as one
call each, so only the code between two layers has to be of the kind that can be followed.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

GATES = {"Sigmoid", "Hardsigmoid", "LogSigmoid", "Softmax", "Softmax2d", "LogSoftmax", "Softmin", "MultiheadAttention"}
"""Modules that stand among torch's activations and weigh other maps, as in squeeze-and-excitation."""

FUNCTIONS = {"celu", "elu", "gelu", "hardswish", "hardtanh", "leaky_relu", "mish", "prelu", "relu", "relu6", "rrelu"}
FUNCTIONS |= {"selu", "silu", "softplus", "tanh"}
"""Activations called by name: ``torch.relu``, ``functional.silu``, ``x.relu_()``."""


class HiddenError(Exception):
    """What follows a layer cannot be seen."""


@dataclasses.dataclass(frozen=True)
class Activation:
    """A call of an activation.

    Attributes:
        owner: The module in whose ``forward`` it stands.
        node: The call in the owner's graph.
        module: The module called; None where a function is.
    """

    owner: nn.Module
    node: fx.Node
    module: nn.Module | None


class Flow:
    """The calls within a model, followed as far as they are asked for.

    Args:
        model: The whole model; it must not change while it is followed. An activation without parameters that it
            holds in several places becomes one of its own in each, as the calls of one could not be told apart.
    """

    def __init__(self, model: nn.Module) -> None:
        _divide(model)
        self._parents: dict[nn.Module, list[nn.Module]] = {}
        for parent in model.modules():
            for child in parent.children():
                self._parents.setdefault(child, []).append(parent)
        self._graphs: dict[nn.Module, fx.Graph | None] = {}

    def activations(self, layer: nn.Module) -> list[Activation]:
        """The activations that take the results of `layer` and nothing else takes; one for each of its calls.

        Modules that hand numbers on or drop some (`torch.nn.Identity`, dropout) may stand between. An empty list means
        that some result goes elsewhere too or first: into a sum, a pool, another layer, or out of the model.

        Raises:
            HiddenError: The code of a module that calls `layer` cannot be followed.
        """
        found: list[Activation] = []
        for owner, node in self._calls(layer):
            following = self._following(owner, node)
            if not following:
                return []
            found += following
        return found

    def is_called_once(self, activation: Activation) -> bool:
        """Whether the owner calls the activation's module at no other place."""
        targets = [node.target for node in self._graph(activation.owner).nodes]
        return targets.count(activation.node.target) == 1

    def without(self, owner: nn.Module, nodes: list[fx.Node]) -> fx.GraphModule:
        """`owner` as a module of the same children, parameters and code, but for some calls that are left out."""
        graph = self._graph(owner)
        for node in nodes:
            node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
            graph.erase_node(node)
        rewritten = fx.GraphModule(owner, graph, type(owner).__name__)
        return rewritten.train(owner.training)

    def _calls(self, module: nn.Module) -> Iterator[tuple[nn.Module, fx.Node]]:
        """Every call of `module`, with the module in whose ``forward`` it stands: the nearest one around it."""
        around, seen = list(self._parents.get(module, ())), set()
        while around:
            owner = around.pop(0)
            if owner in seen:
                continue
            seen.add(owner)
            calls = [node for node in self._graph(owner).nodes if _called(owner, node) is module]
            yield from ((owner, node) for node in calls)
            if not calls:
                around += self._parents.get(owner, ())

    def _following(self, owner: nn.Module, node: fx.Node) -> list[Activation]:
        users = list(node.users)
        if len(users) != 1:
            return []
        (user,) = users
        if user.op == "output":
            return self.activations(owner) if user.args[0] is node else []
        if not user.args or user.args[0] is not node:
            return []
        module = _called(owner, user)
        if _passes(module):
            return self._following(owner, user)
        return [Activation(owner, user, module)] if is_activation(module) or _is_function(user) else []

    def _fixed(self, owner: nn.Module) -> dict[str, Any]:
        """Arguments of ``forward`` that no call gives, with their defaults; code may well depend on these."""
        parameters = inspect.signature(owner.forward).parameters
        defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
        if not defaults:
            return {}
        given = [{*list(parameters)[: len(node.args)], *node.kwargs} & set(defaults) for _, node in self._calls(owner)]
        if any(names != given[0] for names in given):
            raise HiddenError(f"{type(owner).__name__} is called with more arguments here and fewer there")
        return {name: value for name, value in defaults.items() if not given or name not in given[0]}

    def _graph(self, owner: nn.Module) -> fx.Graph:
        """The calls in ``forward``; none where there is no ``forward``, as in a list of modules."""
        if owner not in self._graphs:
            self._graphs[owner] = _trace(owner, self._fixed(owner))
        graph = self._graphs[owner]
        if graph is None:
            raise HiddenError(f"the code of {type(owner).__name__} cannot be followed")
        return graph


def _divide(model: nn.Module) -> None:
    seen: set[nn.Module] = set()
    for parent in list(model.modules()):
        for name, child in parent._modules.items():  # noqa: SLF001
            if child is not None and is_activation(child) and not any(True for _ in child.parameters()):
                if child in seen:
                    parent.register_module(name, copy.copy(child))
                seen.add(child)


def is_activation(module: nn.Module | None) -> bool:
    """Whether it is an activation by its place in torch or timm, and no gate."""
    place = type(module).__module__
    known = place == "torch.nn.modules.activation" or place.rpartition(".")[2].startswith("activations")
    return known and type(module).__name__ not in GATES


def _is_function(node: fx.Node) -> bool:
    if node.op == "call_method":
        name = str(node.target)
    else:
        name = str(getattr(node.target, "__name__", "")) if node.op == "call_function" else ""
    return name.removesuffix("_") in FUNCTIONS


def _passes(module: nn.Module | None) -> bool:
    """Whether it hands its input on, all of it or most: what is dropped is zero before an activation and after."""
    return isinstance(module, nn.Identity) or type(module).__name__.startswith("Drop")


def _called(owner: nn.Module, node: fx.Node) -> nn.Module | None:
    return owner.get_submodule(str(node.target)) if node.op == "call_module" else None


class _Tracer(fx.Tracer):
    """Counts every module as one call."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _trace(owner: nn.Module, fixed: dict[str, Any]) -> fx.Graph | None:
    if type(owner).forward is nn.Module.forward or isinstance(owner, (nn.ModuleList, nn.ModuleDict)):
        return fx.Graph()
    try:
        with torch.no_grad():
            return _Tracer().trace(owner, concrete_args=fixed or None)
    except Exception:  # noqa: BLE001  # somebody's code, given stand-ins it was not written for
        return None
