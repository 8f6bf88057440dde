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

    def check_rewritable(self, owner: nn.Module) -> None:
        """Raises HiddenError where `owner` written anew would not be `owner`.

        A trace keeps what the code did that one time: which branch it took in training, what a buffer held, a random
        number. What it did not reach, and hooks, it does not keep at all.
        """
        kind = type(owner).__name__
        if owner._forward_hooks or owner._forward_pre_hooks:  # noqa: SLF001
            raise HiddenError(f"{kind} has hooks, which its code written anew would not have")
        copied, fixed = copy.deepcopy(owner), self._fixed(owner)
        before = {name: tensor.clone() for name, tensor in copied.state_dict().items()}
        training, evaluation = (_trace(copied.train(mode), fixed) for mode in (True, False))
        if training is None or str(training) != str(evaluation):
            raise HiddenError(f"{kind} computes something else in evaluation")
        if any(str(node.target).startswith("_tensor_constant") for node in training.nodes):
            raise HiddenError(f"{kind} computes with tensors of the moment")
        after = copied.state_dict()
        if any(not torch.equal(before[name], after[name]) for name in before if not before[name].is_meta):
            raise HiddenError(f"{kind} changes its own state")
        # By what they are, not by name: what stands in several places is kept in one.
        if not {*_tensors(copied)} <= {*_tensors(fx.GraphModule(copied, training))}:
            raise HiddenError(f"{kind} holds more than its code uses")

    def without(self, owner: nn.Module, nodes: list[fx.Node]) -> fx.GraphModule:
        """`owner` as a module of the same children, parameters and code, but for some calls that are left out."""
        graph = self._graph(owner)
        for node in nodes:
            node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
            graph.erase_node(node)
        rewritten = fx.GraphModule(owner, graph, type(owner).__name__)
        return rewritten.train(owner.training)

    def _calls(self, module: nn.Module) -> Iterator[tuple[nn.Module, fx.Node]]:
        """Every call of `module`, with the module in whose ``forward`` it stands, the nearest one first."""
        found = False
        for owner in self._around(module):
            try:
                graph = self._graph(owner)
            except HiddenError:
                # Farther out than a module that calls it, code is not expected to call it as well.
                if found:
                    continue
                raise
            calls = [node for node in graph.nodes if _called(owner, node) is module]
            # The modules of a sequence may be called one by one, and the sequence never.
            if calls and isinstance(owner, nn.Sequential) and not self._is_called(owner):
                continue
            found = found or bool(calls)
            yield from ((owner, node) for node in calls)

    def _around(self, module: nn.Module) -> Iterator[nn.Module]:
        """The modules that hold `module`, the nearest first, each once."""
        around, seen = list(self._parents.get(module, ())), set()
        while around:
            owner = around.pop(0)
            if owner not in seen:
                seen.add(owner)
                yield owner
                around += self._parents.get(owner, ())

    def _is_called(self, owner: nn.Module) -> bool:
        """Whether some module around calls it, as far as can be seen; the whole model is called from outside."""
        outer = list(self._around(owner))
        if all(isinstance(each, (nn.ModuleList, nn.ModuleDict)) for each in outer):
            return True
        for each in outer:
            try:
                if any(_called(each, node) is owner for node in self._graph(each).nodes):
                    return True
            except HiddenError:
                return True
        return False

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
        if not all(isinstance(value, bool | int | float | str | None) for value in defaults.values()):
            raise HiddenError(f"{type(owner).__name__} has arguments with defaults of a kind that cannot be followed")
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


def _tensors(module: nn.Module) -> Iterator[torch.Tensor]:
    yield from module.parameters()
    yield from module.buffers()


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
            # A copy: the code is run, and may change what it finds.
            return _Tracer().trace(copy.deepcopy(owner), concrete_args=fixed or None)
    except Exception:  # noqa: BLE001  # somebody's code, given stand-ins it was not written for
        return None
