"""How good the best model is to be expected after so much searching: score as a function of budget."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from automl.engine.record import latest, trial_count
from automl.price.tag import PriceTag
from automl.report import units
from automl.report.tables import _narrow, _table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from automl.engine.record import Record
    from automl.parts import Goal

BUDGETS = ("flops", "wall_s", "energy_wh")
"""Prices that a budget is told in, the most comparable first: seconds and Wh depend on the machine."""


@dataclasses.dataclass(frozen=True)
class Expected:
    """The best of `trials` draws: its mean and its standard deviation."""

    trials: int
    mean: float
    std: float


@dataclasses.dataclass(frozen=True)
class ExpectedPoint:
    """A place on the curve.

    Attributes:
        trials: Number of trials made.
        budget: What so many trials cost in the mean: FLOPs, seconds and Wh, of which every trial's are known.
        score: Expected score of the best of them.
        std: Standard deviation of that score.
        low: One standard deviation below, but no lower than the lowest score there was.
        high: One standard deviation above, but no higher than the highest score there was.
    """

    trials: int
    budget: PriceTag
    score: float
    std: float
    low: float
    high: float


def expected_best(scores: Sequence[float], direction: str, budgets: Sequence[int]) -> list[Expected]:
    """The best of n draws with replacement from `scores`, for every n in `budgets`.

    After Dodge et al. 2019, "Show Your Work: Improved Reporting of Experimental Results" (arXiv:1909.03004): the best
    of n is no better than v when all n are, so E[V*_n] = sum_i v_i (P(V <= v_i)^n - P(V < v_i)^n) over the distinct
    scores v_i, P being the fraction of scores. The standard deviation is that of the same distribution. Where small is
    good it is the same with the signs turned.

    Raises:
        ValueError: There is no score, a score is not finite, n is less than 1, or the direction is none.
    """
    import numpy as np

    if not len(scores) or not all(map(math.isfinite, scores)):
        raise ValueError("the expected best needs at least one score, and finite ones")
    if direction not in {"maximize", "minimize"}:
        raise ValueError(f"direction {direction!r} is neither maximize nor minimize")
    if any(trials < 1 for trials in budgets):
        raise ValueError("the best of less than one trial is none")
    sign = 1.0 if direction == "maximize" else -1.0
    values, counts = np.unique(sign * np.asarray(scores, dtype=float), return_counts=True)
    at_most = np.cumsum(counts) / len(scores)
    below = np.concatenate([[0.0], at_most[:-1]])
    found = []
    for trials in budgets:
        weights = at_most**trials - below**trials
        # As a distance from one of the values: of large values close together little would be left in plain sums.
        distances = values - values[-1]
        mean = float(weights @ distances)
        variance = float(weights @ (distances - mean) ** 2)
        found.append(Expected(trials, sign * (mean + float(values[-1])), math.sqrt(variance)))
    return found


def expected_curve(
    records: Sequence[Record], goals: Sequence[Goal], budgets: Sequence[int] | None = None
) -> list[ExpectedPoint]:
    """Expected score of the best trial against what the trials cost, for the first goal of a study.

    It is an estimate for random search with replacement. Of an adaptive sampler it is the curve of its proposals in
    random order: what it learns from one trial to the next is not in it, the kind of models it came to propose is.

    A trial that was stopped at a rung is a draw with the score it had there; its price is what was spent on it.

    A failed trial is a draw as any other: its price was paid, and who made it has no better model than before. It
    counts with the worst score there was.

    Args:
        records: The finished trials of a study.
        goals: The goals of the study, in the order of the records' values.
        budgets: Numbers of trials; every one from 1 to as many as there are when None. Beyond that the estimate
            hardly rises, however good the models are that were not tried.

    Returns:
        A point a budget; none when no trial has a score.
    """
    spent = PriceTag.total(record.result.spent for record in records).only(BUDGETS)
    records = latest(records)
    scored = [record.values[0] for record in records if record.values is not None]
    if not scored:
        return []
    direction = goals[0].direction
    worst = min(scored) if direction == "maximize" else max(scored)
    scores = scored + [worst] * (len(records) - len(scored))
    mean_price = spent * (1 / len(records))
    low, high = min(scored), max(scored)
    return [
        ExpectedPoint(
            best.trials,
            mean_price * best.trials,
            best.mean,
            best.std,
            max(low, best.mean - best.std),
            min(high, best.mean + best.std),
        )
        for best in expected_best(scores, direction, range(1, len(records) + 1) if budgets is None else budgets)
    ]


def table_budgets(trials: int) -> list[int]:
    """1, 2, 5, 10, 20, 50 and so on, as far as there are trials, and their number."""
    powers = range(len(str(trials)))
    return sorted({trials, *(step * 10**power for power in powers for step in (1, 2, 5) if step * 10**power < trials)})


def expected_table(records: Sequence[Record], goals: Sequence[Goal]) -> Table | None:
    """The curve at some numbers of trials; None when no trial has a score."""
    points = expected_curve(records, goals, table_budgets(trial_count(records))) if records else []
    if not points:
        return None
    metric = goals[0].metric
    prices = list(points[0].budget)
    table = _table()
    for heading in ("trials", f"expected best {units.title(metric)}", "standard deviation", *map(units.title, prices)):
        table.add_column(_narrow(heading), justify="right", no_wrap=True)
    for point in points:
        amounts = [units.metric(name, point.budget[name].value) for name in prices]
        table.add_row(str(point.trials), units.metric(metric, point.score), units.metric(metric, point.std), *amounts)
    return table
