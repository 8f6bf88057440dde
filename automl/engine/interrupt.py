"""Ctrl-C as a wish: the first lets what is under way finish, the second ends it at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REASON = "Ctrl-C"


class Wish:
    """Whether the user wants the search to end.

    Attributes:
        uttered: Whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.uttered = False


@contextlib.contextmanager
def polite(heard: Callable[[], None]) -> Iterator[Wish]:
    """Within the block the first Ctrl-C is only noted; from the second on it is what it was.

    Only where Ctrl-C raises KeyboardInterrupt as Python ships it: a program that has its own way with it keeps it, and
    outside the main thread nobody can have one.

    Args:
        heard: Called at the first, from within the signal's handler.
    """
    wish = Wish()
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield wish
        return

    def note(_number: int, _frame: object) -> None:
        wish.uttered = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        heard()

    signal.signal(signal.SIGINT, note)
    try:
        yield wish
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, signal.default_int_handler)
