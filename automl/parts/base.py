"""What every part has: a kind, a name and a one-line summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from automl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Part:
    """A thing a plugin brings: a space, a normalizer, an objective, a data source, a task.

    A part is a light descriptor: making one imports nothing heavy. torch, timm, scikit-learn and the like are
    imported inside the methods that need them.

    Attributes:
        kind: The word of the vocabulary this part is one of (``"space"``, ``"data source"``, ...).
        name: What people type; lower case, words joined by hyphens, unique among the parts of its kind.
        summary: One line for ``automl plugins``, without a full stop.
        preferred: Whether the host takes this part when the user names none of its kind.
        variants: What may follow the name after a colon, and what it means: ``{"energy": "..."}`` for ``green:energy``.
    """

    kind: ClassVar[str]
    name: str = ""
    summary: str = ""
    preferred: bool = False
    variants: ClassVar[Mapping[str, str]] = {}

    def variant(self, text: str) -> Any:  # a subclass narrows this to its own kind
        """The part meant by ``NAME:TEXT``; its own `name` is that whole text.

        Raises:
            UsageError: There is no such variant.
        """
        known = ", ".join(f"{self.name}:{name}" for name in self.variants) or "it has none"
        raise UsageError(f"The {self.kind} {self.name!r} has no variant {text!r}; known: {known}.")

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"
