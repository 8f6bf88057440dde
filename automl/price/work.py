"""What a model computes, as plain data: the result of counting, and what a part's own formula gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from automl.price.tag import Figure, PriceTag


@dataclasses.dataclass(frozen=True)
class Load:
    """Operator calls of like arithmetic intensity, summed.

    Attributes:
        flops: Floating-point operations.
        moved_bytes: Bytes read and written, every input and output of an operator once.
        calls: Number of operator calls.
    """

    flops: float
    moved_bytes: float
    calls: float


@dataclasses.dataclass(frozen=True)
class Count:
    """The operations of one pass.

    Attributes:
        flops: Floating-point operations, two to a multiply-add.
        moved_bytes: Bytes read and written if nothing stays in a cache between operators.
        activation_bytes: Most bytes of intermediate results that live at one time, parameters not included.
        by_operator: FLOPs by name of operator.
        uncounted: Operators that were met and have no formula, by name.
        profile: The same FLOPs and bytes by arithmetic intensity, an entry an octave, for the roofline.
    """

    flops: float
    moved_bytes: float = 0.0
    activation_bytes: float = 0.0
    by_operator: Mapping[str, float] = dataclasses.field(default_factory=dict)
    uncounted: tuple[str, ...] = ()
    profile: tuple[Load, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        rows = [[load.flops, load.moved_bytes, load.calls] for load in self.profile]
        return {**vars(self), "by_operator": dict(self.by_operator), "uncounted": list(self.uncounted), "profile": rows}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Count:
        """The inverse of `to_json`."""
        profile = tuple(Load(*row) for row in data["profile"])
        return cls(**{**data, "uncounted": tuple(data["uncounted"]), "profile": profile})


NOTHING = Count(0.0)


@dataclasses.dataclass(frozen=True)
class Work:
    """What it takes to use and to train a model.

    Attributes:
        prediction: A forward pass in evaluation mode, one example.
        training: A forward and a backward pass in training mode, the loss included, an example.
        update: One step of the optimizer, whatever the size of the batch.
        parameters: Number of parameters.
        model_bytes: Bytes of parameters and buffers.
        how: The way it was counted, in a few words.
    """

    prediction: Count
    training: Count
    update: Count = NOTHING
    parameters: int = 0
    model_bytes: float = 0.0
    how: str = ""

    def prediction_tag(self) -> PriceTag:
        """The price of one prediction."""
        return self._tag(self.prediction, 1, 1)

    def training_tag(self, examples: int, steps: int, batch_size: int) -> PriceTag:
        """The price of a training.

        Args:
            examples: Examples that go through the model, one that is seen twice counting twice.
            steps: Optimizer steps.
            batch_size: Examples in a step: the results of all of them live at one time.
        """
        tag = self._tag(self.training, examples, batch_size)
        update = self.update
        more = {
            "flops": self._figure(update.flops * steps, update.uncounted),
            "moved_bytes": self._figure(update.moved_bytes * steps, update.uncounted),
        }
        return tag | (tag.only(more) + PriceTag(more))

    def _tag(self, count: Count, times: float, at_once: float) -> PriceTag:
        figures = {"flops": self._figure(count.flops * times, count.uncounted)}
        # A part's own formula may know the operations alone.
        if count.moved_bytes:
            figures["moved_bytes"] = self._figure(count.moved_bytes * times, count.uncounted)
        if count.activation_bytes:
            figures["activation_bytes"] = self._figure(count.activation_bytes * at_once)
        if self.parameters:
            figures["parameters"] = self._figure(float(self.parameters))
        if self.model_bytes:
            figures["model_bytes"] = self._figure(self.model_bytes)
        return PriceTag(figures)

    def _figure(self, value: float, without: tuple[str, ...] = ()) -> Figure:
        return Figure(value, "counted", self.how, without)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        counts = {name: getattr(self, name).to_json() for name in ("prediction", "training", "update")}
        return {**vars(self), **counts}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Work:
        """The inverse of `to_json`."""
        counts = {name: Count.from_json(data[name]) for name in ("prediction", "training", "update")}
        return cls(**{**data, **counts})
