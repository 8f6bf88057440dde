"""A trial as plain data: the spec that goes in and the result that comes out, at the border of every executor."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from automl.parts import Config, DataSpec
from automl.price.tag import PriceTag
from automl.price.work import Work

if TYPE_CHECKING:
    from pathlib import Path


WEIGHTS = "model.safetensors"
"""File of a step's folder that holds the weights."""


Precision = Literal["32-true", "bf16-mixed"]
"""Number formats, by Lightning's names: 32-bit throughout, or bfloat16 where autocast takes it to be safe."""

MemoryFormat = Literal["channels_last", "contiguous"]
"""Layouts of images and of convolutions' weights in memory: as the task sets them, or by channels."""

FULL_PRECISION: Precision = "32-true"
MIXED_PRECISION: Precision = "bf16-mixed"
CHANNELS_LAST: MemoryFormat = "channels_last"
CONTIGUOUS: MemoryFormat = "contiguous"


@dataclasses.dataclass(frozen=True)
class TrialSpec:
    """All there is to know to train one candidate: the same spec gives the same model, anywhere and any time.

    Attributes:
        study: Name of the study the candidate belongs to.
        number: Its number within the study, from 0.
        space: Name of the space that made the config.
        config: The candidate.
        data: What the model has to know of its data.
        epochs: Passes over the training split.
        batch_size: Examples a training step.
        seed: Seed of initial weights, order of examples and noise.
        threads: CPU threads to compute with. Sums come out in another order with another number of threads, so
            the last digits of the weights depend on it.
        rung: Epochs after which this step of the training stops; None: all of them.
        from_rung: Epochs trained in the steps before; None: from scratch.
        precision: Number format of training and validation. Weights are kept in 32 bits.
        memory_format: Layout of images and weights. As with threads, the last digits depend on both.
    """

    study: str
    number: int
    space: str
    config: Config
    data: DataSpec
    epochs: int
    batch_size: int
    seed: int
    threads: int
    rung: int | None = None
    from_rung: int | None = None
    precision: Precision = FULL_PRECISION
    memory_format: MemoryFormat = CHANNELS_LAST

    @property
    def last_epoch(self) -> int:
        """Epochs after which this step ends."""
        return self.epochs if self.rung is None else self.rung

    def to_json(self) -> dict[str, Any]:
        """The same as a dict of JSON types."""
        return {**vars(self), "data": self.data.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TrialSpec:
        """The inverse of `to_json`."""
        return cls(**{**data, "data": DataSpec.from_json(data["data"])})


def checkpoint_path(folder: Path, epochs: int) -> Path:
    """The checkpoint of a training that stopped after so many epochs."""
    return folder / f"{epochs:06d}.ckpt"


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """What became of a trial.

    Attributes:
        number: The trial's number.
        status: Whether there is a trained model.
        score: The task's score on the validation split after the last epoch; None when the trial failed.
        history: Metrics by epoch, in order: ``[{"train_loss": ..., "val_accuracy": ...}, ...]``.
        training: Price of training the model once; empty when the trial failed.
        prediction: Price of one prediction; empty where it could not be counted.
        spent: Price of all that was done for the trial, its validation too; known for failed trials as well.
        work: What the model computes; None where it could not be counted.
        trained_examples: Examples that went through the model in training, one that was seen twice counting twice.
        steps: Optimizer steps.
        cause: Why it failed, in a sentence; empty otherwise.
    """

    number: int
    status: Literal["complete", "failed"]
    score: float | None
    history: list[dict[str, float]]
    training: PriceTag
    prediction: PriceTag
    spent: PriceTag
    work: Work | None = None
    trained_examples: int = 0
    steps: int = 0
    cause: str = ""

    @property
    def parameters(self) -> int | None:
        """Number of parameters of the model; None where it is not known."""
        return self.work.parameters if self.work and self.work.parameters else None

    def to_json(self) -> dict[str, Any]:
        """The same as a dict of JSON types."""
        tags = {name: getattr(self, name).to_json() for name in ("training", "prediction", "spent")}
        return {**vars(self), **tags, "work": self.work.to_json() if self.work else None}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TrialResult:
        """The inverse of `to_json`."""
        tags = {name: PriceTag.from_json(data[name]) for name in ("training", "prediction", "spent")}
        work = Work.from_json(data["work"]) if data["work"] else None
        return cls(**{**data, **tags, "work": work})
