"""Loaders over three splits, in memory or in files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import BatchSampler, DataLoader, Sampler, SequentialSampler

from automl_vision.examples import Examples, Files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from automl_vision.examples import Batch

MOST_WORKERS = 4
"""Processes that decode files for one training: with more the disk is what one waits for."""

VALIDATED = 512
"""Examples in a batch that is in memory and not trained on."""

VALIDATED_FILES = 64
"""The same from files: workers hold several batches ready."""


class Shuffled(Sampler[int]):
    """All examples in another order each time, one draw from the generator a time.

    PyTorch's own sampler draws once more when it is asked for more than there is, as workers ask that work ahead:
    from the second epoch on the order would depend on who loads the examples.

    Args:
        size: How many examples there are.
        generator: Decides the orders.
    """

    def __init__(self, size: int, generator: torch.Generator) -> None:
        self.size, self.generator = size, generator

    def __len__(self) -> int:
        """Examples."""
        return self.size

    def __iter__(self) -> Iterator[int]:
        """Indices in a new order."""
        yield from torch.randperm(self.size, generator=self.generator).tolist()


class ImageDataModule(LightningDataModule):
    """Batches cut out of whole tensors by index, which on small images is several times as fast as collating.

    What lies in files is decoded by worker processes, a batch each. The batches are the same either way, and so are
    the draws from every generator: a training that goes on from a checkpoint gives the same bytes.

    The last training batch of an epoch is left out when it is incomplete, unless it is the only one: batch
    statistics over a handful of examples would disturb the normalizers.

    Args:
        splits: The examples of ``train``, ``val`` and ``test``; or inputs and targets as tensors.
        batch_size: Examples in a training batch.
        seed: Fixes the order of the training examples in every epoch.
    """

    def __init__(self, splits: Mapping[str, Examples | Files | Batch], *, batch_size: int, seed: int) -> None:
        super().__init__()
        self.splits = {name: Examples(*split) if isinstance(split, tuple) else split for name, split in splits.items()}
        self.batch_size = batch_size
        self.seed = seed

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled anew each epoch, in an order that only the seed decides."""
        size = len(self.splits["train"])
        order = Shuffled(size, torch.Generator().manual_seed(self.seed))
        whole = size >= self.batch_size
        return self._loader("train", BatchSampler(order, self.batch_size, drop_last=whole))

    def val_dataloader(self) -> DataLoader[Batch]:
        """In order."""
        return self._in_order("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """In order."""
        return self._in_order("test")

    def _in_order(self, split: str) -> DataLoader[Batch]:
        examples = self.splits[split]
        size = min(VALIDATED_FILES if isinstance(examples, Files) else VALIDATED, len(examples))
        return self._loader(split, BatchSampler(SequentialSampler(range(len(examples))), size, drop_last=False))

    def _loader(self, split: str, batches: Sampler[list[int]]) -> DataLoader[Batch]:
        examples = self.splits[split]
        # With sampler= (not batch_sampler=) and batch_size=None each index list reaches the data set whole.
        # Workers do not outlive an epoch: those that do draw from the generators once a training, not once an epoch.
        workers = min(MOST_WORKERS, os.cpu_count() or 1) if isinstance(examples, Files) else 0
        return DataLoader(examples, sampler=batches, batch_size=None, num_workers=workers)
