"""Text from outside, made harmless to whoever shows it: a terminal, a table of a spreadsheet, Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# C0 and C1 but tab and newline, the marks that turn the direction of writing, and surrogates, which UTF-8 has no bytes
# for.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for a formula, which may start programs and ask servers."""


def printable(text: str) -> str:
    r"""The text with ``\x1b`` and the like written out, so that it moves no cursor and sets no title of a window."""
    return _UNPRINTABLE.sub(_escaped, text)


def printable_json(text: str) -> str:
    r"""The same of a JSON text, whose word for such a character is ``\u001b``."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def csv_text(frame: pd.DataFrame) -> str:
    """A data frame as CSV in which no word is taken for a formula: one that begins like it gets an apostrophe before.

    Figures stay as they are, and so do words that are figures, such as ``-1``.
    """
    words = {
        name: column.map(lambda cell: _no_formula(cell) if isinstance(cell, str) else cell)
        for name, column in frame.items()
        if column.dtype.kind not in "iufb"
    }
    text: str = frame.assign(**{str(name): column for name, column in words.items()}).to_csv(index=False)
    return printable(text)


def markdown_cell(text: str) -> str:
    """A text as the cell of a table in Markdown: it ends no cell and no line, and is no HTML."""
    text = " ".join(printable(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return text.replace("|", "\\|").replace("[", "\\[").replace("`", "\\`")


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - as Python writes them


def _no_formula(cell: str) -> str:
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
