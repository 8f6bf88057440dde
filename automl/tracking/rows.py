"""What MLflow is told of a trial: params, metrics with the unit in their names, tags."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from automl.engine.bill import factors
from automl.engine.record import trial_count
from automl.price.named import LATENCY_MS, MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from automl.engine.record import Record
    from automl.parts import Goal
    from automl.price.tag import PriceTag


def params(record: Record) -> dict[str, str]:
    """The config, nested parts of it under dotted names, and the recipe."""
    spec = record.spec
    recipe = {"space": spec.space, "epochs": spec.last_epoch, "batch_size": spec.batch_size, "seed": spec.seed}
    return plain({**dict(_flat(spec.config)), **recipe})


def metrics(record: Record, goals: Sequence[Goal], score: str) -> dict[str, float]:
    """Final figures: each goal, the score, the price."""
    found: dict[str, float] = dict(_prices(record))
    if record.result.score is not None:
        found[score] = record.result.score
    if record.values is not None:
        found |= {goal.metric: value for goal, value in zip(goals, record.values, strict=True)}
    result = record.result
    if result.parameters is not None:
        found["parameters"] = float(result.parameters)
    if "wall_s" in result.prediction:
        found[LATENCY_MS] = result.prediction["wall_s"].value * MS_PER_S
    return found


def epochs(record: Record) -> Iterator[tuple[int, dict[str, float]]]:
    """Metrics by epoch, from 1."""
    for number, row in enumerate(record.result.history, start=1):
        yield number, {name: value for name, value in row.items() if math.isfinite(value)}


def tags(record: Record, *, on_front: bool) -> dict[str, str]:
    """What one filters and groups by; for each price figure the method it was obtained by."""
    found = {
        "trial": record.name,
        "config": record.label,
        "pareto": str(on_front).lower(),
        "status": record.result.status,
    }
    if record.result.cause:
        found["status_cause"] = record.result.cause
    for name, tag in _tags(record):
        found |= {f"method.{name}_{quantity}": figure.method for quantity, figure in tag.items()}
    return found


def _prices(record: Record) -> Iterator[tuple[str, float]]:
    for name, tag in _tags(record):
        for quantity, figure in tag.items():
            # The number of parameters is no price of a part of its life, and has a column of its own.
            if quantity != "parameters":
                yield f"{name}_{quantity}", figure.value


def _tags(record: Record) -> Iterator[tuple[str, PriceTag]]:
    result = record.result
    yield from (("training", result.training), ("prediction", result.prediction), ("spent", result.spent))


def study_metrics(records: Sequence[Record], bill: PriceTag) -> dict[str, float]:
    """What the whole study found and cost."""
    found = {f"bill_{quantity}": figure.value for quantity, figure in bill.items()}
    if (made_of := factors(records)) is not None:
        found |= {
            "factor_e_example_flops": made_of.example_flops,
            "factor_d_examples": made_of.examples,
            "factor_h_trials": float(made_of.trials),
        }
    found["trials"] = float(trial_count(records))
    found["failed_trials"] = float(sum(record.result.status == "failed" for record in records))
    return found


def plain(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as MLflow's params, which are texts; the exact figures are in the study."""
    return {
        name: f"{value:.12g}" if isinstance(value, float) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _flat(values: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", value
