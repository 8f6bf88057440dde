"""The price tag in three columns, as Green AI asks: developing, training, running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.engine.bill import factors
from automl.price.tag import PEAKS, SUMS, PriceTag
from automl.report import units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.engine.record import Record
    from automl.engine.study import Study
    from automl.price.tag import Figure

BATCH = 1_000
"""Predictions in the last column: of a single one most figures are too small to mean anything to anyone."""


def three_columns(study: Study, record: Record | None = None) -> dict[str, PriceTag]:
    """The price of a study by column.

    Args:
        study: Whose developing is the whole search.
        record: The trial to train and to run; the best when None.
    """
    record = record or study.best()
    failed = len({other.number for other in study.records if other.result.status == "failed"})
    trials = f"{study.trial_count} trials" + (f", {failed} failed" if failed else "")
    return {
        f"developing ({trials})": study.bill,
        f"training (trial {record.name}, once)": record.result.training,
        f"running ({BATCH:,} predictions)": record.result.prediction * BATCH,
    }


def shown(tags: Mapping[str, PriceTag]) -> list[str]:
    """The quantities that any of the tags knows, in the order of the table."""
    return [name for name in (*SUMS, *PEAKS) if any(name in tag for tag in tags.values())]


def amount(quantity: str, figure: Figure) -> str:
    """A figure in words; one that is known to lack something is a lower bound."""
    text = units.metric(quantity, figure.value)
    if figure.years:
        first, last = figure.years
        text += f" of {first}" if first == last else f" of {first}-{last}"
    return f"at least {text}" if figure.without else text


def notes(tags: Mapping[str, PriceTag]) -> list[str]:
    """How each figure was obtained and what is missing from it; quantities that have the same to say share a line."""
    lines: dict[str, list[str]] = {}
    for quantity in shown(tags):
        figures = [tag[quantity] for tag in tags.values() if quantity in tag]
        ways: dict[str, list[str]] = {}
        for figure in figures:
            words = ways.setdefault(figure.method, [])
            words += [how for how in figure.how.split("; ") if how and how not in words]
        text = " · ".join(f"{method}: {'; '.join(words)}" if words else method for method, words in ways.items())
        without = sorted({name for figure in figures for name in figure.without})
        if without:
            text += f" · not in it, for want of a formula: {', '.join(without)}"
        lines.setdefault(text, []).append(units.title(quantity))
    return [f"{', '.join(names)} - {text}" for text, names in lines.items()]


def expectation_sentence(expected: Mapping[str, Any] | None, bill: PriceTag) -> str:
    """What the last sitting of a study was expected to cost, beside what it did cost; empty where nothing was expected.

    Args:
        expected: As the study keeps it: the estimate as JSON, and under ``before`` the bill when it was made.
        bill: What the study has cost by now.
    """
    if not expected:
        return ""
    tag, before = PriceTag.from_json(expected["tag"]), PriceTag.from_json(expected["before"])
    took = {name: bill[name].value - (before[name].value if name in before else 0.0) for name in tag if name in bill}
    low, high = units.si(expected["low_s"], "s"), units.si(expected["high_s"], "s")
    wanted = f"{units.metric('wall_s', tag['wall_s'].value)} ({low} to {high}) and "
    wanted += f"{units.metric('flops', tag['flops'].value)} for {expected['trials']} trials"
    spent = " and ".join(units.metric(name, took[name]) for name in ("wall_s", "flops") if name in took)
    return f"Expected beforehand: {wanted}. It took {spent}, the test at the end included."


def factors_sentence(records: list[Record]) -> str:
    """Green AI's E, D and H of the search in a sentence; empty where they are not known."""
    found = factors(records)
    if found is None:
        return ""
    return (
        f"Cost of training all candidates = E x D x H = {units.si(found.example_flops, 'FLOPs')} an example x "
        f"{units.si(found.examples)} examples a trial x {found.trials} trials = {units.si(found.flops, 'FLOPs')} "
        "(Green AI, Schwartz et al. 2019); validation, test and the search itself come on top."
    )
