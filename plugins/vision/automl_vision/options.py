"""The grammar of ``folder:PATH?size=64x48&skip-bad``: a place, and how to read what is there."""

from __future__ import annotations

import abc
import contextlib
import copy
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from automl.errors import UsageError, near_names
from automl_vision.image_source import ImageSource

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_SIDE_PX = 4096
"""Of the common size of pictures."""

MOST_DIGITS = 9
"""Of a number that a user types; of one of thousands Python makes none."""


class PlacedImages(ImageSource, abc.ABC):
    """Images at a path that the user names after a colon, with options after a question mark.

    Attributes:
        words: The options there are, with an example of a value each; empty for one that takes none.
        place: What the path is of, in words.
        path: Where the images are; None until a variant says so.
        options: Values by option.
    """

    words: ClassVar[Mapping[str, str]]
    place: ClassVar[str]
    path: Path | None = None
    options: Mapping[str, str] = {}

    def variant(self, text: str) -> Self:
        """``PATH`` or ``PATH?option=value&option``."""
        path, options = parse_place(text, self.name.partition(":")[0], self.words)
        other = self._with(path, options)
        other.check()
        return other

    def skipping_bad(self) -> Self:
        """The same without what cannot be read."""
        return self._with(self.where, {**self.options, "skip-bad": ""})

    @abc.abstractmethod
    def check(self) -> None:
        """Raises UsageError when the value of an option is none."""

    @property
    def where(self) -> Path:
        """The path.

        Raises:
            UsageError: None was named.
        """
        if self.path is None:
            raise UsageError(f"Name the {self.place}: {self.name}:PATH.")
        return self.path

    def _with(self, path: Path, options: Mapping[str, str]) -> Self:
        other = copy.copy(self)
        other.path, other.options = path, options
        other.name = place_name(self.name.partition(":")[0], path, options)
        return other


def parse_place(text: str, kind: str, words: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    """Splits what was typed after ``folder:`` or ``npz:``.

    Args:
        text: ``PATH`` or ``PATH?word=value&word``. A path that exists as it stands may hold a question mark.
        kind: What stands before the colon.
        words: The words there are, with an example of a value each; empty for one that takes none.

    Returns:
        The path, absolute, so that a study may be gone on with from another folder; and the values by word.

    Raises:
        UsageError: There is no path, or a word is unknown, stands twice, or has no value.
    """
    path_text, mark, query = text.rpartition("?")
    if not mark or _is_there(text):
        path_text, mark, query = text, "", ""
    if not path_text:
        raise UsageError(f"Name the place of the data: {kind}:PATH.")
    found: dict[str, str] = {}
    for pair in query.split("&") if mark else ():
        word, equals, value = pair.partition("=")
        if word not in words:
            near = near_names(word, words)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(words)}."
            raise UsageError(f"{word!r} is no option of data {kind!r}. {hint}")
        if word in found:
            raise UsageError(f"The option {word!r} stands twice in {text!r}.")
        if bool(words[word]) != bool(equals and value):
            raise UsageError(f"Write the option of data {kind!r} as {_example(word, words)}, not {pair!r}.")
        found[word] = value
    return reached(path_text)[0], found


def reached(text: str | Path) -> tuple[Path, bool]:
    """A path that a user typed.

    Args:
        text: It may begin with ``~`` or ``~user``.

    Returns:
        The path, absolute, and whether there is anything.

    Raises:
        UsageError: There is no such user, the path is too long, or a folder on the way may not be entered.
    """
    there = False
    try:
        path = Path(text).expanduser().absolute()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
            there = True
    except (OSError, RuntimeError, ValueError) as error:
        cause = (isinstance(error, OSError) and error.strerror) or str(error)
        raise UsageError(f"{str(text)!r} is no path that can be looked at: {cause}") from error
    return path, there


def _is_there(text: str) -> bool:
    try:
        return reached(text)[1]
    except UsageError:
        return False


def place_name(kind: str, path: Path, options: Mapping[str, str]) -> str:
    """The same in one spelling."""
    query = "&".join(f"{word}={value}" if value else word for word, value in sorted(options.items()))
    return f"{kind}:{path}" + (f"?{query}" if query else "")


def parse_side(text: str) -> tuple[int, int]:
    """Height and width of ``HEIGHTxWIDTH`` or of one ``SIDE``.

    Raises:
        UsageError: It is neither, or a side is no number from 1 to `LARGEST_SIDE_PX`.
    """
    sides = text.lower().split("x")
    if len(sides) not in {1, 2} or not all(_is_side(side) for side in sides):
        raise UsageError(f"A size is HEIGHTxWIDTH or one SIDE in pixels, up to {LARGEST_SIDE_PX}, not {text!r}.")
    return int(sides[0]), int(sides[-1])


def _is_side(text: str) -> bool:
    return text.isdecimal() and len(text) <= MOST_DIGITS and 1 <= int(text) <= LARGEST_SIDE_PX


def _example(word: str, words: Mapping[str, str]) -> str:
    return f"{word}={words[word]}" if words[word] else word
