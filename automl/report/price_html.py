"""The price tag as a part of a page."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from automl.report import price, units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.price.tag import PriceTag


def price_section(tags: Mapping[str, PriceTag], sentences: Sequence[str] = ()) -> str:
    """A heading, a table with a column a tag and a row a quantity, and below it how each figure was obtained.

    Args:
        tags: Price tags by heading.
        sentences: What else is to be said below the table.
    """
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in ("price", *tags))
    rows = []
    for quantity in price.shown(tags):
        cells = "".join(f"<td>{_cell(tag, quantity)}</td>" for tag in tags.values())
        rows.append(f'<tr><th scope="row">{html.escape(units.title(quantity))}</th>{cells}</tr>')
    notes = "".join(f"<li>{html.escape(line)}</li>" for line in [*price.notes(tags), *filter(None, sentences)])
    table = f'<table class="price"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f"<section><h2>Price tag</h2>{table}<ul>{notes}</ul></section>"


def _cell(tag: PriceTag, quantity: str) -> str:
    if quantity not in tag:
        return units.UNKNOWN
    figure = tag[quantity]
    return f"{html.escape(price.amount(quantity, figure))} <small>{figure.method}</small>"
