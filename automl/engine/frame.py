"""Trials as a data frame, for those who want to compute with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.engine.record import front
from automl.price.named import LATENCY_MS, MS_PER_S
from automl.price.tag import UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from automl.engine.record import Record
    from automl.parts import Goal
    from automl.price.tag import PriceTag


def trials_frame(records: Sequence[Record], goals: Sequence[Goal], score: str) -> pd.DataFrame:
    """One row a step of a trial, in the order given.

    Columns, in this order:

    - ``trial``, ``epochs`` (of training, until the trial stopped), ``status``, ``on_front``
    - one column a goal, named as its metric
    - the score, named `score`, where no goal bears that name already; ``test_<score>``
    - ``parameters``, ``latency_ms`` (of one prediction on the machine that trained)
    - ``training_<quantity>``, ``prediction_<quantity>`` (of one prediction) and ``spent_<quantity>`` for every
      quantity of price known of any trial
    - ``label``: the config in a few words; ``config.<name>`` for every value in any config
    - ``cause``: why the trial failed, ``""`` where it did not

    Figures are float64 and NaN where unknown; ``trial`` is int64 and ``parameters`` the nullable Int64.

    Args:
        records: Finished trials, failed ones too.
        goals: The goals of the study, in the order of the records' values.
        score: Name of the task's score.
    """
    import pandas as pd

    kept = {record.name for record in front(records, goals)}
    unscored = [None] * len(goals)
    values = [record.values or unscored for record in records]
    columns: dict[str, pd.Series[Any]] = {
        "trial": pd.Series([record.number for record in records], dtype="int64"),
        "epochs": pd.Series([record.spec.last_epoch for record in records], dtype="int64"),
        "status": pd.Series([record.result.status for record in records], dtype="str"),
        "on_front": pd.Series([record.name in kept for record in records], dtype="bool"),
    }
    columns |= {goal.metric: _floats([row[index] for row in values]) for index, goal in enumerate(goals)}
    columns.setdefault(score, _floats([record.result.score for record in records]))
    columns |= {
        f"test_{score}": _floats([record.test_score for record in records]),
        "parameters": pd.Series([record.result.parameters for record in records], dtype="Int64"),
    }
    columns[LATENCY_MS] = _amounts([record.result.prediction for record in records], "wall_s") * MS_PER_S
    for kind in ("training", "prediction", "spent"):
        tags = [getattr(record.result, kind) for record in records]
        # FLOPs have a column even where there is no trial yet; the number of parameters has its own.
        shown = [name for name in UNITS if name != "parameters"]
        known = [name for name in shown if name == "flops" or any(name in tag for tag in tags)]
        columns |= {f"{kind}_{name}": _amounts(tags, name) for name in known}
    columns["label"] = _words([record.label for record in records])
    names = dict.fromkeys(name for record in records for name in record.spec.config)
    columns |= {
        f"config.{name}": _config_column([record.spec.config.get(name) for record in records]) for name in names
    }
    columns["cause"] = _words([record.result.cause for record in records])
    return pd.DataFrame(columns)


def front_frame(records: Sequence[Record], goals: Sequence[Goal], score: str) -> pd.DataFrame:
    """`trials_frame` of the front alone, the cheapest first."""
    return trials_frame(front(records, goals), goals, score)


def _floats(values: Sequence[float | None]) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(values, dtype="float64")


def _amounts(tags: Sequence[PriceTag], quantity: str) -> pd.Series[Any]:
    return _floats([tag[quantity].value if quantity in tag else None for tag in tags])


def _words(values: Sequence[str | None]) -> pd.Series[Any]:
    """Texts; of one that is no Unicode, as the name of a file may be, its bytes are written out."""
    import pandas as pd

    whole = [value if value is None else value.encode("utf-8", "backslashreplace").decode("utf-8") for value in values]
    return pd.Series(whole, dtype="str")


def _config_column(values: Sequence[Any]) -> pd.Series[Any]:
    """Whole numbers and truth values stay what they are where some configs lack them."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return pd.Series(values, dtype="Int64" if None in values else "int64")
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean" if None in values else "bool")
    if kinds and kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    if kinds == {str}:
        return _words(values)
    return pd.Series(values, dtype="object")
