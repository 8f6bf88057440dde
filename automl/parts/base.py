"""What every part has: a kind, a name and a one-line summary."""

from __future__ import annotations

from typing import ClassVar


class Part:
    """A thing a plugin brings: a space, a normalizer, an objective, a data source, a task.

    A part is a light descriptor: making one imports nothing heavy. torch, timm, scikit-learn and the like are
    imported inside the methods that need them.

    Attributes:
        kind: The word of the vocabulary this part is one of (``"space"``, ``"data source"``, ...).
        name: What people type; lower case, words joined by hyphens, unique among the parts of its kind.
        summary: One line for ``automl plugins``, without a full stop.
        preferred: Whether the host takes this part when the user names none of its kind.
    """

    kind: ClassVar[str]
    name: str = ""
    summary: str = ""
    preferred: bool = False

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"
