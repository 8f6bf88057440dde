"""A thread that does one thing after the other, and again where a store does not answer."""

from __future__ import annotations

import queue
import textwrap
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient

    Job = Callable[[MlflowClient], None]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
CLOSE_TIMEOUT_S = 60.0
LAST_TRIES = 3
"""Times a job is tried when nobody wants to wait any more."""

STUBBORN = 5
"""Failures after which a job is left out, if the store answers others meanwhile."""

LONGEST_CAUSE = 300

PASSING = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "DEADLINE_EXCEEDED")
"""MLflow's codes of what may pass by itself."""


class Sender:
    """Does jobs in the order they came, on a thread of its own, so that nobody waits for a store.

    A job that fails because the store does not answer is tried again, with longer and longer pauses, until it does; so
    a job may have been carried out already when it is tried again, and has to look. One that the store refuses is left
    out. When the sender is closed, what is still to be done gets some last tries.

    Args:
        connect: Opens the store; tried again like a job.
        where: The store, in words.

    Attributes:
        refused: The first thing that was left out and why; None when there is none.
        trouble: Why the store does not answer; None while it does.
        unsure: Set after each failure: whether that job was carried out is not known. The next job may clear it.
    """

    def __init__(self, connect: Callable[[], MlflowClient], where: str) -> None:
        self.refused: str | None = None
        self.trouble: str | None = None
        self.unsure = False
        self._connect, self._where = connect, where
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._closing = threading.Event()
        self._turns = 0
        self._client: MlflowClient | None = None
        self._thread: threading.Thread | None = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Has it done; after `close` nothing is."""
        if self._thread is not None:
            self._jobs.put(job)

    def close(self, timeout_s: float) -> None:
        """Waits until all is done; gives up when `timeout_s` pass in which nothing gets done."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._jobs.put(None)
        self._closing.set()
        turns = -1
        while thread.is_alive() and turns != self._turns:
            turns = self._turns
            thread.join(timeout_s)
        if thread.is_alive():
            self.trouble = self.trouble or f"{self._where} did not answer within {timeout_s:g} s"

    def complain(self, what: str, error: BaseException) -> None:
        """Notes what was left out; the first cause is the one to mend, what follows mostly follows from it."""
        self.refused = self.refused or f"{what}: {in_words(error)}"

    def _work(self) -> None:
        if not self._tried(self._open):
            return
        while (job := self._jobs.get()) is not None:
            if not self._tried(job):
                return

    def _open(self, _client: MlflowClient | None) -> None:
        self._client = self._connect()

    def _tried(self, job: Callable[[MlflowClient], None]) -> bool:
        """Whether to go on: the job is done, or refused; not when the store does not answer and nobody waits for it."""
        failures, pause_s, last = 0, FIRST_PAUSE_S, 0
        while True:
            try:
                job(self._client)  # type: ignore[arg-type]  # None for the job that opens it
            except Exception as error:  # noqa: BLE001 - whatever a store raises, the search goes on
                self.unsure = True
                failures += 1
                self._turns += 1
                opening = self._client is None
                if not is_passing(error) or (failures >= STUBBORN and not opening and self._answers()):
                    self.trouble = None
                    self.complain(self._where, error)
                    return not opening
                self.trouble = f"{self._where}: {in_words(error)}"
            else:
                self.trouble = None
                self._turns += 1
                return True
            last += self._closing.is_set()
            if last >= LAST_TRIES:
                return False
            if self._closing.is_set():
                time.sleep(FIRST_PAUSE_S)
            else:
                self._closing.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _answers(self) -> bool:
        try:
            assert self._client is not None
            self._client.search_experiments(max_results=1)
        except Exception:  # noqa: BLE001 - as above
            return False
        return True


def is_passing(error: Exception) -> bool:
    """Whether an error may pass by itself: a store that is slow, locked, full, starting or gone."""
    import requests
    import sqlalchemy.exc
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        return error.error_code in PASSING
    ours = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
    return isinstance(error, requests.RequestException | sqlalchemy.exc.DBAPIError | OSError) and not isinstance(
        error, ours
    )


def in_words(error: BaseException) -> str:
    """What a database or a socket said, beneath the layers that wrapped it in SQL and advice; one short line."""
    while (inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = inner
    return textwrap.shorten(str(error), LONGEST_CAUSE, placeholder=" ...") or type(error).__name__
