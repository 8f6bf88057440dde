"""One call of an operator, as the formulas see it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Parts = Mapping[str, float]
"""FLOPs by name of operator, for operators that do several things at once."""


class Call:
    """An operator's call: arguments by the names of its schema, defaults included, and the result.

    Attributes:
        name: The operator's name without its namespace, such as ``"add_"``.
        out: What it returned; for an operator on lists that works in place, the list it changed.
    """

    def __init__(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs
        self.name = short_name(func)
        self.out = args[0] if out is None and args else out

    def __getitem__(self, argument: str) -> Any:
        position, default = _arguments(self.func)[argument]
        return self.kwargs.get(argument, self.args[position] if position < len(self.args) else default)

    def get(self, argument: str, default: Any = None) -> Any:
        """The argument, or `default` where the operator has none of that name."""
        return self[argument] if argument in _arguments(self.func) else default

    @property
    def first(self) -> Any:
        """The result, or the first of several."""
        return self.out[0] if isinstance(self.out, tuple) else self.out

    @property
    def inputs(self) -> Iterator[Any]:
        """All tensors among the arguments."""
        return tensors((self.args, self.kwargs))


Formula = Callable[[Call], float | Parts]
"""From a call to its FLOPs."""


@functools.cache
def _arguments(func: Any) -> dict[str, tuple[int, Any]]:
    return {
        argument.name: (position, argument.default_value if argument.has_default_value() else None)
        for position, argument in enumerate(func._schema.arguments)  # noqa: SLF001  # there is no public way
    }


@functools.cache
def short_name(func: Any) -> str:
    """The operator's name without namespace and overload."""
    schema = getattr(func, "_schema", None)
    return str(schema.name).partition("::")[2] if schema is not None else str(func)


def words(text: str) -> list[str]:
    """The names in a table written as running text."""
    return text.split()


def tensors(values: Any) -> Iterator[Any]:
    """Every tensor in nested tuples, lists and dicts."""
    if hasattr(values, "untyped_storage"):
        yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from tensors(value)
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from tensors(value)


def numel(values: Any) -> int:
    """Number of elements of all tensors in `values`."""
    return sum(tensor.numel() for tensor in tensors(values))


def is_floating(tensor: Any) -> bool:
    """Whether it holds real or complex numbers rather than integers or truth values."""
    return bool(tensor.dtype.is_floating_point or tensor.dtype.is_complex)


def on_floats(call: Call) -> bool:
    """Whether real numbers take part at all: arithmetic on indices and masks costs no FLOPs."""
    return any(map(is_floating, call.inputs)) or any(map(is_floating, tensors(call.out)))
