"""What is known of the pictures of a folder, and where that is remembered when they are many."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.files import write_text
from automl_vision.pictures import Facts, UnreadableError, bombs_refused, examine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from automl_vision.listing import Picture

MANY = 5000
"""Pictures that take long enough to look through to say so."""

MOST_THREADS = 4
"""Each may have an unpacked picture of 89 million pixels in hand."""

RECENT_NS = 2_000_000_000
"""A file that was written so shortly ago may be written again within the same tick of the file system's clock."""


def threads() -> int:
    """Threads to decode with; Pillow lets others run meanwhile."""
    return min(MOST_THREADS, os.cpu_count() or 1)


class Index:
    """Facts of pictures by file, and what was reckoned from them, remembered from one process to the next.

    A file counts as the same while its size and the time of its last change are; the memory is the user's cache
    (``$XDG_CACHE_HOME/automl/folders``), and one that is damaged is made again.

    Args:
        root: The folder of pictures.
    """

    def __init__(self, root: Path) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        name = hashlib.blake2b(os.fsencode(root), digest_size=16).hexdigest()
        self.path = cache / "automl" / "folders" / f"{name}.json"
        self._root = root
        self._files: dict[str, list[Any]] = {}
        self._sums: dict[str, Any] = {}
        self._added = False
        with contextlib.suppress(OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            files = {
                str(name): [int(size), int(at), *_facts(facts)] for name, (size, at, *facts) in kept["files"].items()
            }
            self._files, self._sums = files, dict(kept["sums"])

    def examine(self, pictures: Sequence[Picture]) -> Iterator[tuple[Picture, Facts | str]]:
        """What each picture is, or why it is none, in order."""
        known = {picture.path: facts for picture in pictures if (facts := self._known(picture)) is not None}
        unknown = [picture for picture in pictures if picture.path not in known]
        if len(unknown) >= MANY:
            sys.stderr.write(f"Looking through {len(unknown):,} pictures in {self._root} ...\n")
        begun_ns = time.time_ns()
        with bombs_refused(), ThreadPoolExecutor(threads()) as pool:
            found = dict(zip((picture.path for picture in unknown), pool.map(_examined, unknown), strict=True))
        for picture in pictures:
            if picture.path in known:
                yield picture, known[picture.path]
                continue
            facts = found[picture.path]
            if isinstance(facts, Facts) and picture.modified_ns < begun_ns - RECENT_NS:
                self._files[self._key(picture)] = [picture.size_bytes, picture.modified_ns, *facts]
                self._added = True
            yield picture, facts

    def sums(self, of: str) -> Any:
        """What was reckoned of something by that name; None when nothing was."""
        return self._sums.get(of)

    def keep(self, of: str, sums: Any) -> None:
        """Remembers what was reckoned, and all facts; where nothing can be written nothing is remembered.

        Nothing is written when all of it is known already.
        """
        if not self._added and self._sums.get(of) == sums:
            return
        self._sums[of] = sums
        with contextlib.suppress(OSError):
            write_text(self.path, json.dumps({"files": self._files, "sums": self._sums}))

    def _known(self, picture: Picture) -> Facts | None:
        entry = self._files.get(self._key(picture))
        if entry is None or entry[:2] != [picture.size_bytes, picture.modified_ns]:
            return None
        return _facts(entry[2:])

    def _key(self, picture: Picture) -> str:
        """Bytes that are no UTF-8 stay apart in it (PEP 383), as JSON's escapes do; two names for people may be one."""
        return os.path.relpath(picture.path, self._root)


def _facts(values: Sequence[Any]) -> Facts:
    key, height, width, channels, deep = values
    return Facts(str(key), int(height), int(width), int(channels), bool(deep))


def _examined(picture: Picture) -> Facts | str:
    try:
        return examine(picture.path)
    except UnreadableError as error:
        return str(error)
