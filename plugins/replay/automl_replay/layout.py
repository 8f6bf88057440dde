"""What the columns of a table mean."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from automl.errors import UsageError

if TYPE_CHECKING:
    from automl_replay.files import Sheet

Value = str | int | float | bool
LARGEST = 2**63
"""Of whole numbers; a larger one is read as a word, since it is none in any other program."""

ABSENT = {"", "nan", "na", "none", "null"}


@dataclasses.dataclass(frozen=True)
class Reading:
    """A number of a row: the mean of columns, those left empty aside, times a factor.

    Attributes:
        columns: Repetitions of one measurement, or the only one.
        factor: Brings it into the unit of its name.
    """

    columns: tuple[str, ...]
    factor: float = 1.0

    def of(self, row: Mapping[str, str]) -> float | None:
        """The number; None where no column has one.

        Raises:
            ValueError: A cell is no finite number.
        """
        texts = [row[column] for column in self.columns]
        found = [float(text) for text in texts if text.strip().lower() not in ABSENT]
        if not all(map(math.isfinite, found)):
            raise ValueError(f"{', '.join(texts)} is not finite")
        if not found:
            return None
        try:
            mean = math.fsum(found) / len(found) * self.factor
        except OverflowError:
            mean = math.inf
        if not math.isfinite(mean):
            raise ValueError(f"{', '.join(texts)} is too large")
        return mean


Readings = Mapping[str, Reading]


@dataclasses.dataclass(frozen=True)
class Layout:
    """What the columns of one table mean.

    Attributes:
        title: Name of the benchmark, for the word on how a figure was obtained.
        config: Columns that make a candidate.
        metrics: On the validation split, the score first.
        epoch: Column of the amount of training; None where only full trainings were recorded.
        epochs: Epochs of a full training where there is no such column.
        test: On the test split.
        training: By quantity of a price tag.
        prediction: By quantity of a price tag.
        known: Metrics that do not depend on training, such as a latency.
        choices: In the place of the columns of `config`: what a row is, as values by dimension.
        nearest: Whether a point that was never recorded stands for the recorded candidate next to it.
        repeats: Whether a training may be told of twice, where the first row counts; else that is an error.
    """

    title: str
    config: tuple[str, ...]
    metrics: Readings
    epoch: str | None = None
    epochs: int = 1
    test: Readings = dataclasses.field(default_factory=dict)
    training: Readings = dataclasses.field(default_factory=dict)
    prediction: Readings = dataclasses.field(default_factory=dict)
    known: Readings = dataclasses.field(default_factory=dict)
    choices: Callable[[Mapping[str, str]], dict[str, Value]] | None = None
    nearest: bool = False
    repeats: bool = False

    def check(self, sheet: Sheet) -> None:
        """Says which columns a table lacks.

        Raises:
            UsageError: There is one.
        """
        groups = (self.metrics, self.test, self.training, self.prediction, self.known)
        wanted = {column for group in groups for reading in group.values() for column in reading.columns}
        wanted |= {*self.config, *([self.epoch] if self.epoch else [])}
        if missing := sorted(wanted - set(sheet.header)):
            raise UsageError(
                f"{sheet.path} has no column {', '.join(map(repr, missing))}; it has {', '.join(sheet.header)}."
            )


def typed(texts: list[str]) -> list[Value]:
    """Cells of one column as whole numbers, else numbers, else truth values, else words."""
    for kind in (int, float):
        try:
            numbers = [kind(text) for text in texts]
        except ValueError:
            continue
        if all(abs(number) < LARGEST if kind is int else math.isfinite(number) for number in numbers):
            return list(numbers)
    if {text.lower() for text in texts} <= {"true", "false"}:
        return [text.lower() == "true" for text in texts]
    return list(texts)
