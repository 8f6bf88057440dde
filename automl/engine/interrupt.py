"""Ctrl-C as a wish: the first lets what is under way finish, the second ends it at once, as SIGTERM does."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REASON = "Ctrl-C"


class Terminated(KeyboardInterrupt):
    """SIGTERM, with which a cluster's scheduler announces that the process will be killed soon."""

    exit_code = 128 + signal.SIGTERM


class Wish:
    """Whether the user wants the search to end.

    Attributes:
        uttered: Whether Ctrl-C was pressed.
        terminated: Whether SIGTERM came; by then everything is on its way out.
    """

    def __init__(self) -> None:
        self.uttered = False
        self.terminated = False


@contextlib.contextmanager
def polite(heard: Callable[[], None]) -> Iterator[Wish]:
    """Within the block the first Ctrl-C is only noted; from the second on it is what it was.

    SIGTERM raises `Terminated` wherever the program is, for there may be no time to finish anything; a second one is
    what it was. It is left alone where the program has its own way with it.

    Only where Ctrl-C raises KeyboardInterrupt as Python ships it: a program that has its own way with it keeps it, and
    outside the main thread nobody can have one.

    Args:
        heard: Called at the first, from within the signal's handler.
    """
    wish = Wish()
    with _obeying(wish), _noting(wish, heard):
        yield wish


@contextlib.contextmanager
def _obeying(wish: Wish) -> Iterator[None]:
    if not _main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, _frame: object) -> None:
        if wish.terminated:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        wish.terminated = True
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        # What trains makes a plain interruption of every one.
        raise (Terminated if wish.terminated else KeyboardInterrupt) from None
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def _noting(wish: Wish, heard: Callable[[], None]) -> Iterator[None]:
    if not _main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def note(_number: int, _frame: object) -> None:
        wish.uttered = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        heard()

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
