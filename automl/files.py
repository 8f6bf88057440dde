"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NO_ROOM = frozenset({errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EROFS})
"""Errors of the operating system that no file of that place will be spared: it is full, or takes no writing."""

NO_STORAGE = NO_ROOM | {
    *(errno.EACCES, errno.EIO, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM),
}
"""Errors of the operating system that a person mends by making room or choosing another place."""


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Puts `data` at `path`: a reader sees the old file or the new one, never a part.

    The bytes go to a temporary file in the same folder, which is then renamed over `path`; across folders a rename
    would be a copy. On any error the temporary file is removed and what was at `path` stays.

    Args:
        path: Where to; its folder is made when it is not there. A symbolic link is followed, not replaced.
        data: All of the new content.

    Returns:
        `path` as a Path.

    Raises:
        OSError: The folder cannot be made or written to, or is full.
    """
    path = Path(path)
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}.tmp")
    try:
        # Not `tempfile`, whose files only their owner may read: a report in a shared folder is for others too.
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            # Without this a power cut after the rename may leave an empty file under the final name.
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o7777)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        # A write that fails does not know of which file; whoever reads the message wants to.
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    r"""Like `write_bytes`, in UTF-8; ``\n`` stays ``\n`` on every platform."""
    # A name that came in bytes which are no UTF-8 holds surrogates; they are written as Python and JSON write them.
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: str | os.PathLike[str], obj: Any) -> Path:
    """Like `write_bytes`, as indented JSON with a newline at the end.

    Raises:
        TypeError: Something in `obj` is no JSON type; nothing was written.
        ValueError: Something in `obj` is not finite, which is no JSON either; nothing was written.
    """
    return write_text(path, json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Waits until no other process is within such a block on this folder, where the file system has locks.

    The folder itself is locked, so that no lock file is left behind.

    Raises:
        OSError: There is no such folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
