"""Tables for the terminal: the front, the trials as they come in, a price tag."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from automl.engine.record import front
from automl.report import price, units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.table import Table
    from rich.text import Text

    from automl.engine.record import Record
    from automl.parts import Goal
    from automl.price.tag import PriceTag


_HEADING_WIDTH = 12


class TrialRow(NamedTuple):
    """A trial in words, the same in the live table and in the plain lines a pipe gets."""

    trial: str
    config: str
    score: str
    price: str
    verdict: str


def trial_row(record: Record, goals: Sequence[Goal], verdict: str) -> TrialRow:
    """What to say of a trial that just finished.

    Args:
        record: The trial.
        goals: The goals of the study: the first gives the score, the others the price. Where there is but one,
            the price is the FLOPs of the training.
        verdict: What became of it, in a few words.
    """
    values = record.values or [None] * len(goals)
    figures = [units.metric(goal.metric, value) for goal, value in zip(goals, values, strict=True)]
    prices = figures[1:] or [_amount(record.result.training, "flops")]
    return TrialRow(record.name, record.label, figures[0], ", ".join(dict.fromkeys(prices)), verdict)


def plain_line(row: TrialRow) -> str:
    """A row as one line of text, its columns aligned while the words are of usual length."""
    return f"{row.trial:>5}  {row.config:<36}  {row.score:>7}  {row.price:>13}  {row.verdict}".rstrip()


def live_table(rows: Sequence[TrialRow], goals: Sequence[Goal]) -> Table:
    """The rows as a table in the order given, one line a row: what is too long for the terminal ends in dots."""
    from rich.text import Text

    score, *prices = [units.title(goal.metric) for goal in goals]
    table = _table()
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column("config")
    table.add_column(_narrow(score), justify="right", no_wrap=True)
    table.add_column(_narrow(", ".join(prices) or "training FLOPs"), justify="right", no_wrap=True)
    table.add_column("verdict")
    for row in rows:
        # Text, because a config in words may hold square brackets, which rich would read as markup. That a cell
        # must not wrap is said of the text: said of a column, rich would rather squeeze the figures.
        table.add_row(*(Text(word, no_wrap=True, overflow="ellipsis") for word in row))
    return table


def front_table(
    records: Sequence[Record],
    goals: Sequence[Goal],
    score: str,
    extra: Sequence[str] = (),
    figures: Callable[[Record], Mapping[str, float]] = lambda _: {},
) -> Table:
    """The front, the cheapest first: trial, config, scores, price and size of the model.

    Args:
        records: The trials of a study; those off the front are left out.
        goals: The goals of the study, in the order of the records' values.
        score: Name of the task's score.
        extra: Names of more figures to show, such as ``latency_ms@t4``.
        figures: All that is known of a trial, by name.
    """
    from rich.text import Text

    shown = front(records, goals)
    tested = any(record.test_score is not None for record in shown)
    prices = [(index, goal.metric) for index, goal in enumerate(goals) if goal.metric != score]
    table = _table()
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column("config")
    for heading in (
        f"val. {units.title(score)}",
        *([f"test {units.title(score)}"] if tested else []),
        *(units.title(metric) for _, metric in prices),
        "params",
        "FLOPs per prediction",
        *(units.title(name) for name in extra),
    ):
        table.add_column(_narrow(heading), justify="right", no_wrap=True)
    for record in shown:
        values = record.values or ()
        cells = [
            units.metric(score, record.result.score),
            *([units.metric(score, record.test_score)] if tested else []),
            *(units.metric(metric, values[index]) for index, metric in prices),
            units.count(record.result.parameters),
            _amount(record.result.prediction, "flops"),
            *(units.metric(name, figures(record).get(name)) for name in extra),
        ]
        table.add_row(record.name, Text(record.label), *cells)
    return table


def price_tag_table(tags: Mapping[str, PriceTag]) -> Table:
    """Price tags side by side, a row a quantity, each figure with the method by which it was obtained.

    Args:
        tags: The tags by heading, such as ``{"develop": ..., "train": ..., "run": ...}``, in the order to show.
    """
    table = _table()
    table.add_column("price")
    for heading in tags:
        table.add_column(heading, justify="right")
    for quantity in price.shown(tags):
        table.add_row(units.title(quantity), *(_figure(tag, quantity) for tag in tags.values()))
    return table


def _table() -> Table:
    from rich import box
    from rich.table import Table

    # Every blank counts: at 80 columns the config is what gets the rest.
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")


def _amount(tag: PriceTag, quantity: str) -> str:
    return units.metric(quantity, tag[quantity].value if quantity in tag else None)


def _narrow(heading: str) -> str:
    """A heading broken between its words, over a column of figures that must not be broken before their unit."""
    return textwrap.fill(heading, _HEADING_WIDTH, break_long_words=False)


def _figure(tag: PriceTag, quantity: str) -> Text:
    from rich.text import Text

    if quantity not in tag:
        return Text(units.UNKNOWN)
    return Text.assemble(price.amount(quantity, tag[quantity]), " ", (tag[quantity].method, "dim"))
