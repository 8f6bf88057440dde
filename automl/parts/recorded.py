"""Spaces whose trainings were made once and written down: they are looked up, not trained."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, NoReturn

from automl.errors import UsageError
from automl.parts.space import Config, Space

if TYPE_CHECKING:
    from automl.parts.data_source import DataSpec
    from automl.price.tag import PriceTag


@dataclasses.dataclass(frozen=True)
class Recording:
    """What is known of one training, from its start to some epoch.

    Attributes:
        metrics: On the validation split, by name; the task's score among them.
        training: Price of training from scratch to that epoch; at least its ``wall_s``, which moves the clock of a
            replayed search.
        prediction: Price of one prediction, as far as it is known.
        test_metrics: On the test split, by name; the task's score where it was recorded.
    """

    metrics: dict[str, float]
    training: PriceTag
    prediction: PriceTag
    test_metrics: dict[str, float] = dataclasses.field(default_factory=dict)


class RecordedSpace(Space, abc.ABC):
    """A space over a table or a surrogate. A search of it spends simulated time and money, and leaves no weights."""

    @abc.abstractmethod
    def epochs(self, spec: DataSpec) -> tuple[int, ...]:
        """The amounts of training that were recorded, rising; ``(1,)`` where only full trainings were."""

    @abc.abstractmethod
    def look_up(self, config: Config, spec: DataSpec, epochs: int) -> Recording:
        """What a training of `config` to `epochs` gave.

        Raises:
            UsageError: The file that tells is not where it should be, or is damaged.
            KeyError: This candidate was never recorded.
        """

    def before(self, config: Config, spec: DataSpec) -> Recording | None:
        """What is known of a candidate before any training, such as its parameters; None when nothing is.

        Its `Recording.training` is empty, and its metrics are those that do not depend on training.
        """
        return None

    def build(self, config: Config, spec: DataSpec) -> NoReturn:
        """There is no model to build.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"Space {self.name!r} looks trainings up; it has no model to build, export or time.")
