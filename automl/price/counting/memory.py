"""Which intermediate results are alive."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any


class LiveMemory:
    """Bytes of the results of operators, from the call that makes them until nothing refers to them.

    What was there before, such as parameters and the input, is not counted. Views share their base's memory.

    Attributes:
        bytes: Alive now.
        peak: Most that was alive at one time.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self.peak = 0
        self._sizes: dict[int, int] = {}
        self._makers: dict[int, str] = {}
        self._watches: dict[int, weakref.ref[Any]] = {}

    def maker(self, tensor: Any) -> str | None:
        """Name of the operator that wrote the memory of `tensor` last, if it is a result."""
        return self._makers.get(_key(tensor))

    def note(self, results: Iterable[Any], name: str, known: Iterable[Any], *, is_fresh: bool) -> None:
        """Takes results in.

        Args:
            results: Tensors that an operator returned or wrote to.
            name: The operator.
            known: Tensors it was given; their memory is not new.
            is_fresh: Whether the results may be new memory.
        """
        old = {_key(tensor) for tensor in known} if is_fresh else set()
        for tensor in results:
            key = _key(tensor)
            if key in self._watches:
                self._makers[key] = name
            elif is_fresh and key and key not in old:
                self._add(tensor.untyped_storage(), key, name)

    def merge(self, result: Any, source: Any) -> None:
        """`result` takes the place of `source`: of the two, one is alive."""
        old, new = _key(source), _key(result)
        if old in self._sizes and new in self._sizes:
            self.bytes -= self._sizes[old]
            self._sizes[old] = 0

    def _add(self, storage: Any, key: int, name: str) -> None:
        self._sizes[key] = storage.nbytes()
        self._makers[key] = name
        self._watches[key] = weakref.ref(storage, lambda _: self._drop(key))
        self.bytes += self._sizes[key]

    def settle(self) -> None:
        """Takes the bytes alive now for a peak, if they are one."""
        self.peak = max(self.peak, self.bytes)

    def _drop(self, key: int) -> None:
        self.bytes -= self._sizes.pop(key, 0)
        self._makers.pop(key, None)
        self._watches.pop(key, None)


def _key(tensor: Any) -> int:
    """Identity of a tensor's memory; 0 for what has none of its own, as a sparse tensor."""
    try:
        return int(tensor.untyped_storage()._cdata)  # noqa: SLF001  # the identity PyTorch itself uses
    except (NotImplementedError, RuntimeError):
        return 0
