"""A benchmark that is a table: candidates by their values, rows by their epochs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from automl.errors import UsageError
from automl.parts import Categorical, Config, Recording
from automl.price.tag import Figure, PriceTag
from automl_replay.layout import LARGEST, Layout, Readings, Value, typed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from automl.parts import Dimension
    from automl_replay.files import Sheet

COUNTED = ("flops", "parameters", "model_bytes", "activation_bytes")
"""Quantities that follow from the model alone; others of a recorded training were measured."""

Numbers = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Row:
    """The numbers of one training, by the names of its layout."""

    metrics: Numbers
    test: Numbers
    training: Numbers
    prediction: Numbers
    known: Numbers


class TableBenchmark:
    """Trainings of a table.

    Args:
        sheet: The table.
        layout: What its columns mean.

    Raises:
        UsageError: A column is missing, a cell is no number, or two rows tell of one training.
    """

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        layout.check(sheet)
        self._layout, self._path = layout, sheet.path
        configs = _configs(sheet, layout)
        self._names = tuple(configs[0])
        self._rows: dict[tuple[Value, ...], dict[int, Row]] = {}
        for number, (cells, config) in enumerate(zip(sheet.rows, configs, strict=True), 2):
            key = tuple(config.values())
            row = _row(cells, layout, f"{sheet.path}, row {number}")
            by_epoch = self._rows.setdefault(key, {})
            epoch = layout.epochs if layout.epoch is None else _epoch(cells[layout.epoch], sheet, number)
            if epoch in by_epoch and layout.repeats:
                continue
            if epoch in by_epoch:
                raise UsageError(
                    f"{sheet.path}, row {number}, repeats a training of an earlier row: {config}. Is a column missing "
                    "from those that make a candidate, or the column of epochs?"
                )
            by_epoch[epoch] = row
        self.epochs = tuple(sorted({epoch for by_epoch in self._rows.values() for epoch in by_epoch}))
        self.dimensions: tuple[Dimension, ...] = tuple(
            Categorical(name, values, values[0])
            for name, values in zip(self._names, map(_distinct, zip(*self._rows, strict=True)), strict=True)
        )
        self._matrix: np.ndarray | None = None
        self._keys = list(self._rows)

    def look_up(self, config: Config, epochs: int) -> Recording:
        """What the row of a candidate at some epoch says.

        Raises:
            KeyError: There is none, or it has no score.
        """
        row = self._rows[self._key(config)][epochs]
        if next(iter(self._layout.metrics)) not in row.metrics:
            raise KeyError(f"{config} was recorded without a score")
        return Recording({**row.metrics, **row.known}, self._tag(row.training), self._tag(row.prediction), row.test)

    def before(self, config: Config) -> Recording | None:
        """What is known without training: what a model is and what a prediction costs."""
        by_epoch = self._rows.get(self._key(config))
        if not by_epoch:
            return None
        row = by_epoch[max(by_epoch)]
        return Recording(dict(row.known), PriceTag(), self._tag(row.prediction))

    def names(self, score: str) -> list[str]:
        """Names of the metrics beside the score."""
        return [name for name in (*self._layout.metrics, *self._layout.known) if name != score]

    def settle(self, config: Config) -> Config:
        """The recorded candidate that a point stands for; the point itself where the table does not say."""
        key = self._key(config)
        if not self._layout.nearest or key in self._rows:
            return config
        if self._matrix is None:
            self._matrix = self._encode(self._keys)
        distances = abs(self._matrix - self._encode([key])).sum(axis=1)
        return dict(zip(self._names, self._keys[int(distances.argmin())], strict=True))

    def landmarks(self) -> Sequence[Config]:
        """The cheapest candidate by what is known without training, where anything is."""
        for quantity in self._layout.prediction:
            priced = [
                (row.prediction[quantity], index)
                for index, by_epoch in enumerate(self._rows.values())
                for row in by_epoch.values()
                if quantity in row.prediction
            ]
            if priced:
                return [dict(zip(self._names, self._keys[min(priced)[1]], strict=True))]
        return [{}]

    def _key(self, config: Config) -> tuple[Value, ...]:
        return tuple(config[name] for name in self._names)

    def _tag(self, numbers: Numbers) -> PriceTag:
        how = f"looked up: {self._layout.title}"
        return PriceTag(
            {name: Figure(value, "counted" if name in COUNTED else "measured", how) for name, value in numbers.items()}
        )

    def _encode(self, keys: Sequence[tuple[Value, ...]]) -> np.ndarray:
        """Numbers by their rank from 0 to 1; of words each its own column, halved since two columns then differ."""
        import numpy as np

        columns: list[list[float]] = []
        for index, dimension in enumerate(self.dimensions):
            assert isinstance(dimension, Categorical)
            choices, values = dimension.choices, [key[index] for key in keys]
            if all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices):
                ranks = {choice: rank / max(1, len(choices) - 1) for rank, choice in enumerate(choices)}
                columns.append([ranks[value] for value in values])
            else:
                columns.extend([0.5 * (value == choice) for value in values] for choice in choices)
        return np.array(columns).T


def _configs(sheet: Sheet, layout: Layout) -> list[dict[str, Value]]:
    if layout.choices is not None:
        try:
            return [layout.choices(row) for row in sheet.rows]
        except (KeyError, ValueError, IndexError) as error:
            raise UsageError(
                f"{sheet.path} names candidates in another way than {layout.title} does: {error}"
            ) from error
    columns = {name: typed([row[name].strip() for row in sheet.rows]) for name in layout.config}
    return [{name: column[index] for name, column in columns.items()} for index in range(len(sheet.rows))]


def _row(cells: Mapping[str, str], layout: Layout, place: str) -> Row:
    def numbers(readings: Readings, *, price: bool = False) -> Numbers:
        found: Numbers = {}
        for name, reading in readings.items():
            try:
                value = reading.of(cells)
            except ValueError as error:
                raise UsageError(f"{place}, {', '.join(reading.columns)}: no number ({error}).") from error
            if value is None:
                continue
            if price and value < 0:
                raise UsageError(f"{place}, {', '.join(reading.columns)}: a price is not negative, and {value:g} is.")
            found[name] = value
        return found

    return Row(
        numbers(layout.metrics),
        numbers(layout.test),
        numbers(layout.training, price=True),
        numbers(layout.prediction, price=True),
        numbers(layout.known),
    )


def _epoch(text: str, sheet: Sheet, number: int) -> int:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 1 <= value < LARGEST or value != int(value):
        raise UsageError(f"{sheet.path}, row {number}: epochs are whole numbers from 1, not {text!r}.")
    return int(value)


def _distinct(values: Sequence[Value]) -> tuple[Value, ...]:
    """Numbers rising, words in the order of the table."""
    found = tuple(dict.fromkeys(values))
    return found if any(isinstance(value, str) for value in found) else tuple(sorted(found, key=float))
