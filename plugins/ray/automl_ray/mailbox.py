"""Where running tasks leave word of their epochs and the search picks it up."""

from __future__ import annotations

import asyncio
from typing import Any

import ray

HEAD = "node:__internal_head__"
"""The resource by which Ray tells the head node from others."""


class Mailbox:
    """An actor on the head node: a letter in it outlives the node of who wrote it.

    A streaming generator would carry the epochs too, but not to a search that is joined by Ray's client
    (``ray://...``).
    """

    def __init__(self) -> None:
        self._letters: list[dict[str, Any]] = []
        self._some = asyncio.Event()

    async def put(self, letter: dict[str, Any]) -> None:
        """Leaves a letter of plain data."""
        self._letters.append(letter)
        self._some.set()

    async def take(self) -> list[dict[str, Any]]:
        """All letters since the last time, as soon as there is one."""
        await self._some.wait()
        self._some.clear()
        letters, self._letters = self._letters, []
        return letters


def open_mailbox() -> Any:
    """Starts one; when its process is killed it starts anew, without what was in it."""
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "resources": {HEAD: 0.001}}
    return ray.remote(Mailbox).options(**options).remote()
