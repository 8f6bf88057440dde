"""How a step's files get to the node and back: through a shared folder, or else through Ray's object store."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Self

import ray

from automl.files import write_bytes, write_text
from automl.training.trial import checkpoint_path

if TYPE_CHECKING:
    from types import TracebackType

    from automl.parts import Job

TOKEN = ".ray-shared"  # noqa: S105 - a secret between a folder and itself
FOLDER, CHECKPOINTS = "folder", "checkpoints"


@dataclasses.dataclass
class Token:
    """A file in the study's folder: a node that reads it from there has the same folder.

    Attributes:
        file: The file; None before the first step.
        word: What stands in it, another word in each sitting.
    """

    file: Path | None = None
    word: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)

    def beside(self, job: Job) -> dict[str, str]:
        """The token of a folder that the step's folder is in, as plain data."""
        folder = job.folder.absolute()
        if self.file is None or not folder.is_relative_to(self.file.parent):
            self.remove()
            there = next(path for path in folder.parents if path.is_dir())
            self.file = write_text(there / TOKEN, self.word)
        return {"path": str(self.file), "word": self.word}

    def remove(self) -> None:
        """Leaves nothing in the study's folder."""
        file, self.file = self.file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)


def needed(job: Job, what: str) -> list[tuple[str, Path]]:
    """Files that a task reads: their names for `Place`, and where they are here."""
    if what == "evaluate":
        return [(f"{FOLDER}/{path.name}", path) for path in sorted(job.folder.glob("*")) if path.is_file()]
    if what == "run" and job.spec.from_rung:
        path = checkpoint_path(job.checkpoints, job.spec.from_rung)
        return [(f"{CHECKPOINTS}/{path.name}", path)] if path.is_file() else []
    return []


def carry(job: Job, what: str) -> dict[str, Any]:
    """The same files in Ray's object store: a reference by name."""
    return {name: ray.put(path.read_bytes()) for name, path in needed(job, what)}


def keep(job: Job, files: dict[str, bytes]) -> None:
    """Writes what a task has left to where the step's files belong.

    Raises:
        ValueError: A name leads out of the step's folders.
    """
    for name, data in files.items():
        top, *rest = PurePosixPath(name).parts
        if top not in {FOLDER, CHECKPOINTS} or not rest or ".." in rest:
            raise ValueError(f"a task left a file named {name!r}")
        write_bytes((job.folder if top == FOLDER else job.checkpoints).joinpath(*rest), data)


class Place:
    """Where a task works on its node: in the study's own folder where that is shared, else in a passing one.

    Args:
        request: The task's: ``folder``, ``checkpoints``, ``token``.
        carried: References to the files that it needs, by name; None where none were sent along.
    """

    def __init__(self, request: dict[str, Any], carried: dict[str, Any] | None) -> None:
        self._request = request
        self._carried = carried
        self._passing: tempfile.TemporaryDirectory[str] | None = None
        self.shared = _is_shared(request.get("token"))

    def __enter__(self) -> Self:
        if self.shared:
            self.folder, self.checkpoints = Path(self._request["folder"]), Path(self._request["checkpoints"])
            return self
        self._passing = tempfile.TemporaryDirectory(prefix="automl-")
        root = Path(self._passing.name)
        self.folder, self.checkpoints = root / FOLDER, root / CHECKPOINTS
        for name, reference in (self._carried or {}).items():
            write_bytes(root / name, ray.get(reference))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._passing is not None:
            with contextlib.suppress(OSError):
                self._passing.cleanup()

    def left(self) -> dict[str, bytes]:
        """What the task has written, where the search cannot see it."""
        if self._passing is None:
            return {}
        root = Path(self._passing.name)
        files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
        return {name: path.read_bytes() for name, path in files.items() if name not in (self._carried or {})}


def _is_shared(token: dict[str, str] | None) -> bool:
    with contextlib.suppress(OSError):
        return token is not None and Path(token["path"]).read_text(encoding="utf-8") == token["word"]
    return False
