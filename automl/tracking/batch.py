"""One batch to MLflow: within its limits, under names it takes."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow import MlflowClient

Metrics = list[tuple[str, float, int]]
"""Name, value and step."""

METRICS_AT_ONCE, TEXTS_AT_ONCE = 800, 100
"""MLflow takes 1,000 things in one batch, of them at most 100 params and 100 tags."""

LONGEST_NAME, LONGEST_PARAM, LONGEST_TAG = 250, 6000, 8000


def write(
    client: MlflowClient,
    run: str,
    *,
    params: Mapping[str, str] | None = None,
    metrics: Sequence[tuple[str, float, int]] = (),
    tags: Mapping[str, str] | None = None,
    at_ms: int | None = None,
) -> None:
    """Adds to a run, in one call where it fits.

    Args:
        client: The store.
        run: Its id.
        params: Texts by name; MLflow lets none be changed later.
        metrics: Name, value and step of each point.
        tags: Texts by name.
        at_ms: Time of the metrics, in milliseconds since 1970; now when left out. MLflow keeps a point that has the
            same time, step and value once, so that a call may be made again.
    """
    from mlflow.entities import Metric, Param, RunTag

    at_ms = int(time.time() * 1000) if at_ms is None else at_ms
    rows = [Metric(clean(name), value, at_ms, step) for name, value, step in metrics]
    texts = [Param(clean(name), value[:LONGEST_PARAM]) for name, value in (params or {}).items()]
    labels = [RunTag(clean(name), value[:LONGEST_TAG]) for name, value in (tags or {}).items()]
    while rows or texts or labels:
        client.log_batch(run, rows[:METRICS_AT_ONCE], texts[:TEXTS_AT_ONCE], labels[:TEXTS_AT_ONCE])
        rows, texts, labels = rows[METRICS_AT_ONCE:], texts[TEXTS_AT_ONCE:], labels[TEXTS_AT_ONCE:]


def clean(name: str) -> str:
    """`name` in the letters MLflow takes: one odd name would make it refuse the whole batch."""
    return re.sub(r"[^\w\-. :]", "_", name)[:LONGEST_NAME]
