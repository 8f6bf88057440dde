"""Looks an operator up in the tables."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from torch.utils.flop_counter import flop_registry

from automl.price.counting import (
    attention,
    elementwise,
    losses,
    matmul,
    moves,
    norms,
    optimizers,
    pooling,
    recurrent,
    reductions,
)
from automl.price.counting.call import Formula, short_name

FORMULAS: dict[str, Formula] = {
    name: formula
    for table in (elementwise, reductions, moves, losses, norms, pooling, optimizers, matmul, attention, recurrent)
    for name, formula in table.FORMULAS.items()
}

MULTIPLY_ADDS = matmul.MULTIPLY_ADDS | attention.MULTIPLY_ADDS | recurrent.MULTIPLY_ADDS
"""Names in `Count.by_operator` that stand for multiply-adds and nothing else."""

ON_LISTS = {*elementwise.FORMULAS, *moves.FORMULAS, "norm", "max"}
"""Operators whose formula also holds for lists of tensors, as ``_foreach_add``."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """How calls of one operator are booked.

    Attributes:
        name: The operator's name, the same in place and not, for one tensor and for a list.
        formula: FLOPs of a call; None where there is no formula.
        is_free: Whether it computes and moves nothing.
        is_fresh: Whether what it returns may be new memory.
        writes: Positions and names of arguments it changes.
    """

    name: str
    formula: Formula | None
    is_free: bool
    is_fresh: bool
    writes: tuple[tuple[int, str], ...]


@functools.cache
def rule_of(func: Any) -> Rule:
    """The rule of an operator."""
    schema = getattr(func, "_schema", None)
    if schema is None:  # a higher-order operator: a function of functions
        known = flop_registry.get(func)
        return Rule(str(func), None if known is None else matmul.registered, is_free=False, is_fresh=True, writes=())
    namespace, _, full = schema.name.partition("::")
    own = short_name(func)
    base = own.removesuffix("_")
    plain = base.removeprefix("_foreach_")
    writes = tuple(
        (position, argument.name)
        for position, argument in enumerate(schema.arguments)
        # Fused optimizers say they write to the gradients, which they do for a gradient scaler alone.
        if argument.alias_info is not None and argument.alias_info.is_write and argument.name != "grads"
    )
    is_view = bool(getattr(func, "is_view", False)) or (namespace == "aten" and full in moves.ALIASES)
    is_free = is_view or namespace == "profiler" or (namespace == "aten" and full in moves.NOTHING)
    formula = _formula(namespace, own, base, plain, func)
    return Rule(plain, formula, is_free, not is_view, writes)


def _formula(namespace: str, own: str, base: str, plain: str, func: Any) -> Formula | None:
    if namespace == "aten":
        if formula := FORMULAS.get(own) or FORMULAS.get(base):
            return formula
        if base != plain and plain in ON_LISTS:
            return FORMULAS.get(plain)
    return matmul.registered if func._overloadpacket in flop_registry else None  # noqa: SLF001
