"""The grammar of ``table:FILE?config=a,b&score=c``: which columns of a user's own table mean what."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from pathlib import Path

from automl.errors import UsageError, near_names
from automl.price.named import SHORT
from automl.price.tag import UNITS
from automl_replay.layout import Layout, Reading

PRICES = {
    **{f"{life}_{quantity}": (life, quantity) for life in ("training", "prediction") for quantity in UNITS},
    **{name: ("prediction", name) for name in SHORT},
}
"""Life and quantity by the name of a figure."""

WORDS = ("config", "epoch", "score", "test", "metrics", "known", "direction", "missing")
EXAMPLE = "table:runs.csv?config=width,depth&score=val_accuracy&training_wall_s=seconds"


@dataclasses.dataclass(frozen=True)
class TableQuery:
    """A table and what its columns mean.

    Attributes:
        path: The file.
        layout: What its columns mean.
        minimize: Whether less of the score is better.
    """

    path: Path
    layout: Layout
    minimize: bool


def parse_query(text: str) -> TableQuery:
    """Reads what follows ``table:``.

    Raises:
        UsageError: A word is unknown or stands twice, the columns of candidates or of the score are not named.
    """
    file, _, query = text.partition("?")
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs):
        raise UsageError(f"A word stands twice in {text!r}.")
    for word in given:
        if word not in PRICES and word not in WORDS:
            near = near_names(word, [*WORDS, *PRICES])
            raise UsageError(f"{word!r} is no word of a table. {f'Did you mean {near[0]!r}?' if near else EXAMPLE}")
    if not file or not given.get("config") or not given.get("score"):
        raise UsageError(f"A table is a file, the columns of a candidate and that of the score: {EXAMPLE}")
    direction, missing = given.get("direction", "max"), given.get("missing", "fail")
    if direction not in {"max", "min"} or missing not in {"fail", "nearest"}:
        raise UsageError(f"direction is max or min, missing is fail or nearest; not {direction}, {missing}.")
    prices: dict[str, dict[str, Reading]] = {"training": {}, "prediction": {}}
    for word, column in given.items():
        if word in PRICES:
            life, quantity = PRICES[word]
            prices[life][quantity] = _reading(column)
    score = given["score"]
    return TableQuery(
        Path(file).expanduser(),
        Layout(
            title=Path(file).name,
            config=tuple(_columns(given["config"])),
            metrics={score: Reading((score,)), **_same(given.get("metrics", ""))},
            epoch=given.get("epoch") or None,
            test={score: Reading((given["test"],))} if given.get("test") else {},
            training=prices["training"],
            prediction=prices["prediction"],
            known=_same(given.get("known", "")),
            nearest=missing == "nearest",
        ),
        direction == "min",
    )


def _columns(text: str) -> list[str]:
    return [column.strip() for column in text.split(",") if column.strip()]


def _same(text: str) -> dict[str, Reading]:
    return {column: Reading((column,)) for column in _columns(text)}


def _reading(text: str) -> Reading:
    """``COLUMN`` or ``COLUMN*FACTOR``."""
    found = re.fullmatch(r"(?P<column>.+?)(\*(?P<factor>[0-9.eE+-]+))?", text)
    try:
        factor = float(found["factor"] or 1) if found else 0.0
    except ValueError:
        factor = 0.0
    if not found or not 0 < factor < float("inf"):
        raise UsageError(f"A price is a column, perhaps times a positive factor, as in ms*1e-3, not {text!r}.")
    return Reading((found["column"],), factor)
