"""Where examples come from."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

from automl.errors import UsageError
from automl.parts.base import Part

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from lightning.pytorch import LightningDataModule


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """What a model has to know of its data, as plain data: a trial is built from this and its config alone.

    Attributes:
        source: Name of the data source.
        task: Name of the task the data poses, such as ``"image-classification"``.
        input_shape: Shape of one example, without the batch: ``(channels, height, width)`` for images.
        classes: Class labels in the order of the model's outputs; empty when the task has none.
        train_size: Examples in the training split.
        val_size: Examples in the validation split.
        test_size: Examples in the test split.
        mean: Mean of each channel over the training split, in the units the data module yields.
        std: Standard deviation of each channel over the training split.
        class_sizes: Examples of each class in the training split, in the order of `classes`; empty when not told.
        split_hashes: A text for the contents of each of train, val and test, which is another one when these are; empty
            when not told. A study does not go on with other data than it was made with.
    """

    source: str
    task: str
    input_shape: tuple[int, ...]
    classes: tuple[str, ...]
    train_size: int
    val_size: int
    test_size: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    class_sizes: tuple[int, ...] = ()
    split_hashes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as a dict of JSON types."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DataSpec:
        """The inverse of `to_json`."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        return cls(**values)


UNEVEN = 2.0
"""How many times the smallest class the largest must be to be remarked on."""


class DataSource(Part, abc.ABC):
    """A named place examples come from.

    The three splits are the same for every seed and every call. A search sees train and val; test is opened
    once, after the search, for the front.
    """

    kind: ClassVar[str] = "data source"

    @abc.abstractmethod
    def spec(self) -> DataSpec:
        """Shapes, classes and sizes of the data.

        Raises:
            UsageError: The data is not where it should be.
        """

    def remarks(self, spec: DataSpec) -> tuple[str, ...]:
        """What a person should know of the data before a search spends anything on it: a sentence each.

        Uneven classes, where the spec tells their sizes. A source adds its own, such as examples that stand in two
        splits.
        """
        sizes = spec.class_sizes
        if not sizes or max(sizes) < UNEVEN * min(sizes):
            return ()
        most, least = (spec.classes[sizes.index(size)] for size in (max(sizes), min(sizes)))
        uneven = f"Classes are uneven: from {min(sizes)} training examples ({least}) to {max(sizes)} ({most})."
        return (f"{uneven} Who always answers {most} is right in {max(sizes) / sum(sizes):.0%} of them.",)

    def skipping_bad(self) -> Self:
        """The same data without those files that cannot be read; its name says so.

        Raises:
            UsageError: There are no such files here.
        """
        raise UsageError(f"Data {self.name!r} does not consist of files that could be left out one by one.")

    @abc.abstractmethod
    def datamodule(self, spec: DataSpec, *, batch_size: int, seed: int) -> LightningDataModule:
        """Loaders of the three splits.

        Args:
            spec: What `spec` returned, perhaps in another process.
            batch_size: Examples in a training batch.
            seed: Fixes the order in which training examples are drawn.

        Returns:
            A LightningDataModule whose batches are pairs ``(inputs, targets)``: float32 of shape
            ``(batch, *spec.input_shape)``, and int64 class indices of shape ``(batch,)`` for classification.
        """

    @abc.abstractmethod
    def read(self, path: Path, spec: DataSpec) -> torch.Tensor:
        """New, unlabelled examples from a file a person has.

        Returns:
            float32 of shape ``(examples, *spec.input_shape)``, in the units the data module yields.

        Raises:
            UsageError: The file is missing, unreadable or holds another shape; the message says which.
        """
