"""Which models may be tried."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from automl.parts.base import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from automl.parts.data_source import DataSpec
    from automl.price.work import Work

Config = dict[str, Any]
"""A candidate as JSON-able plain data; from it and a `DataSpec` alone the model is built."""


class Trial(Protocol):
    """The part of Optuna's trial that a space uses, so that a space can be asked without a study too."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A real number from low to high, both included."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number from low to high, both included."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""


@dataclasses.dataclass(frozen=True)
class Float:
    """A dimension of real numbers, both ends included.

    Attributes:
        name: Key of the config; carries the unit where there is one (``resolution_px``).
        low: Lower end of the range searched by default.
        high: Upper end of the range searched by default. Where it is `low`, the dimension is fixed unless the user
            asks for more within the limits.
        default: The value to take when nothing is known.
        log: Whether ratios matter rather than differences.
        limits: The widest range a user may ask for; ``(low, high)`` when None.
        summary: One line for ``automl spaces NAME``.
    """

    name: str
    low: float
    high: float
    default: float
    log: bool = False
    limits: tuple[float, float] | None = None
    summary: str = ""

    @property
    def fixed(self) -> bool:
        """Whether it has one value unless the user asks for others."""
        return self.low == self.high

    def suggest(self, trial: Trial) -> float:
        """Asks `trial` for a value of this dimension."""
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


@dataclasses.dataclass(frozen=True)
class Integer:
    """A dimension of whole numbers, both ends included; attributes as of `Float`."""

    name: str
    low: int
    high: int
    default: int
    log: bool = False
    limits: tuple[int, int] | None = None
    summary: str = ""

    @property
    def fixed(self) -> bool:
        """Whether it has one value unless the user asks for others."""
        return self.low == self.high

    def suggest(self, trial: Trial) -> int:
        """Asks `trial` for a value of this dimension."""
        return trial.suggest_int(self.name, self.low, self.high, log=self.log)


@dataclasses.dataclass(frozen=True)
class Categorical:
    """A dimension of unordered choices.

    Attributes:
        name: Key of the config.
        choices: What is searched by default. A single one is fixed unless the user asks for more within the limits.
        default: The value to take when nothing is known.
        limits: All that a user may ask for; the choices when None.
        summary: One line for ``automl spaces NAME``.
    """

    name: str
    choices: tuple[str | int | float | bool, ...]
    default: str | int | float | bool
    limits: tuple[str | int | float | bool, ...] | None = None
    summary: str = ""

    @property
    def fixed(self) -> bool:
        """Whether it has one value unless the user asks for others."""
        return len(self.choices) == 1

    def suggest(self, trial: Trial) -> Any:
        """Asks `trial` for a value of this dimension."""
        return trial.suggest_categorical(self.name, self.choices)


Dimension = Float | Integer | Categorical


class Space(Part, abc.ABC):
    """A family of models and the recipe dimensions that go with it.

    Attributes:
        tasks: Names of the tasks whose data its models can take.
        default_data: The data source to start from when the user names none.
    """

    kind: ClassVar[str] = "space"
    tasks: tuple[str, ...] = ()
    default_data: str | None = None

    @abc.abstractmethod
    def dimensions(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Every dimension `suggest` may ask for, with the range that fits the data."""

    def suggest(self, trial: Trial, spec: DataSpec) -> Config:
        """One candidate, define-by-run. Override it where one dimension depends on another.

        Every value must come from `trial`, so that a user can fix or narrow it; the config may hold derived
        values too. The result survives a round trip through JSON.
        """
        return {dimension.name: dimension.suggest(trial) for dimension in self.dimensions(spec)}

    def landmarks(self, spec: DataSpec) -> Sequence[Config]:
        """Values of dimensions worth trying first, such as the cheap end and the dear end of the space.

        What a landmark leaves out takes its default.
        """
        return [{}]

    @abc.abstractmethod
    def build(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """The bare model, from ``(batch, *spec.input_shape)`` to the task's outputs.

        It also builds under ``torch.device("meta")``, where its price is counted without allocating it.
        """

    def flops(self, config: Config, spec: DataSpec) -> Work | None:
        """What the model computes, by a formula of the space's own; None to have it counted on the meta device.

        A formula is needed where PyTorch does not see the work, as with scikit-learn's trees (a comparison is one
        FLOP), or sees too much or too little of it, as with sparse products and message passing.
        """
        return None

    def named(self, name: str, *, resolution_px: int | None = None) -> tuple[Config, DataSpec] | None:
        """The config of a model that people know by a name of its own, and the data it was made for.

        ``automl price NAME`` asks every space; None means: not one of mine.

        Args:
            name: What the person typed.
            resolution_px: Side of the images, where they asked for one and it makes sense.

        Raises:
            UsageError: The name is known, but not with that resolution.
        """
        return None

    def describe(self, config: Config) -> str:
        """The config in a few words, for tables."""
        return " ".join(f"{key}={_short(value)}" for key, value in config.items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
