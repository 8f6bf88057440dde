"""Watches a model run and books every operator."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from automl.price.counting.attention import CPU
from automl.price.counting.call import Call, tensors
from automl.price.counting.memory import LiveMemory
from automl.price.counting.meta import shortcut
from automl.price.counting.moves import moved_bytes
from automl.price.counting.norms import FOLDS_INTO, is_fixed_batch_norm
from automl.price.counting.table import Rule, rule_of
from automl.price.counting.tally import Tally

if TYPE_CHECKING:
    from automl.price.work import Count

PLAIN_ATTENTION = functional.scaled_dot_product_attention

MATRIX_SIZES = (2, 4)
"""Dimensions a mask of the fused attention may have."""


class CountingMode(TorchDispatchMode):  # type: ignore[no-untyped-call]  # as PyTorch types it
    """Books FLOPs, bytes and live memory of all operators that run while it is active.

    Args:
        folds: Whether batch normalization with fixed statistics, straight after a product, is part of its weights: it
            is in deployment, not while the weights are trained.
    """

    supports_higher_order_operators = True

    def __init__(self, *, folds: bool = True) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.memory = LiveMemory()
        self._tally = Tally()
        self._folds = folds

    def count(self) -> Count:
        """What was booked; the memory is the peak."""
        return self._tally.count(self.memory.peak)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs one operator and books it."""
        kwargs = kwargs or {}
        rule = rule_of(func)
        if rule.formula is None and not rule.is_free and hasattr(func, "decompose"):
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        self.memory.settle()
        out = shortcut(Call(func, args, kwargs, None))
        if out is None and not _only_on_devices(rule, args):
            out = func(*args, **kwargs)
        self._book(Call(func, args, kwargs, out), rule)
        return out

    def _book(self, call: Call, rule: Rule) -> None:
        written = list(tensors([_argument(call, place) for place in rule.writes]))
        is_folded = self._folds and is_fixed_batch_norm(call) and self.memory.maker(call.args[0]) in FOLDS_INTO
        results = [*tensors(call.first if is_folded else call.out), *written]
        self.memory.note(results, rule.name, call.inputs, is_fresh=rule.is_fresh)
        if is_folded:
            self.memory.merge(call.first, call.args[0])
        elif not rule.is_free:
            self._add(call, rule, written)
        self.memory.settle()

    def _add(self, call: Call, rule: Rule, written: list[Any]) -> None:
        if rule.formula is None:
            schema = getattr(call.func, "_schema", None)
            self._tally.miss(rule.name if schema is None else str(schema.name))
        flops = 0.0 if rule.formula is None else rule.formula(call)
        parts = flops if isinstance(flops, Mapping) else {rule.name: flops}
        self._tally.add(parts, moved_bytes(call, written))


class FusedPass(TorchDispatchMode):  # type: ignore[no-untyped-call]  # as PyTorch types it
    """Lets fused optimizers step on the meta device, uncounted."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs an operator, and zeros without the detour that they take there."""
        rule = rule_of(func)
        if rule.name == "zeros_like" and args[0].device.type == "meta":
            return torch.empty_like(args[0], **(kwargs or {}))
        return None if _only_on_devices(rule, args) else func(*args, **(kwargs or {}))


class FusedAttention(TorchFunctionMode):
    """On the meta device attention falls apart into products of the whole score matrix; devices run it as one."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Takes the fused operator where a CPU or GPU would."""
        kwargs = kwargs or {}
        if func is PLAIN_ATTENTION:
            return _attention(*args, **kwargs)
        if func is functional.multi_head_attention_forward:  # no mode sees what it calls
            with mock.patch.object(functional, "scaled_dot_product_attention", _attention):
                return func(*args, **kwargs)
        return func(*args, **kwargs)


def _attention(*args: Any, **kwargs: Any) -> torch.Tensor:
    out = _attend(*args, **kwargs)
    return PLAIN_ATTENTION(*args, **kwargs) if out is None else out


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,  # noqa: FBT002
    **options: Any,
) -> torch.Tensor | None:
    scale = options.pop("scale", None)
    same = query.ndim == key.ndim == value.ndim == MATRIX_SIZES[1] and query.shape[:2] == key.shape[:2]
    if query.device.type != "meta" or dropout_p or any(options.values()) or not same:
        return None
    if not query.shape[-1] == key.shape[-1] == value.shape[-1]:
        return None
    if attn_mask is not None:
        if attn_mask.ndim not in MATRIX_SIZES or attn_mask.requires_grad:
            return None
        if attn_mask.dtype == torch.bool:
            zeros = torch.zeros_like(attn_mask, dtype=query.dtype)
            attn_mask = zeros.masked_fill_(attn_mask.logical_not(), float("-inf"))
    operator = getattr(torch.ops.aten, CPU)
    attended: torch.Tensor = operator(query, key, value, dropout_p, is_causal, attn_mask=attn_mask, scale=scale)[0]
    return attended


@contextlib.contextmanager
def counting(*, folds: bool = True) -> Iterator[CountingMode]:
    """Books what runs inside.

    Deterministic algorithms are off meanwhile: PyTorch then replaces some operators on the meta device by others, and
    a model would cost more after a training, which switches them on for the whole process, than before it.
    """
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        with FusedAttention(), CountingMode(folds=folds) as mode:
            yield mode
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)


@contextlib.contextmanager
def frozen(model: torch.nn.Module) -> Iterator[None]:
    """Gradients stay enabled, but none is asked for, so that a forward pass keeps and copies nothing for them."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        with torch.enable_grad():
            yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


def count_call(function: Callable[[], object]) -> Count:
    """Books what runs inside a function."""
    with counting() as mode:
        function()
    return mode.count()


def _argument(call: Call, place: tuple[int, str]) -> Any:
    position, name = place
    return call.args[position] if position < len(call.args) else call.kwargs.get(name)


def _only_on_devices(rule: Rule, args: tuple[Any, ...]) -> bool:
    """Fused optimizers have no kernel on the meta device, where nothing is to be computed anyway."""
    return rule.name.startswith("_fused_") and bool(rule.writes) and next(tensors(args)).device.type == "meta"
