"""Loaders over splits that fit into memory."""

from __future__ import annotations

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import BatchSampler, RandomSampler, Sampler, SequentialSampler

Split = tuple[torch.Tensor, torch.Tensor]


class TensorDataModule(LightningDataModule):
    """Batches cut out of whole tensors by index, which on small images is several times as fast as collating.

    The last training batch of an epoch is left out when it is incomplete, unless it is the only one: batch
    statistics over a handful of examples would disturb the normalizers.

    Args:
        splits: Inputs and targets of ``train``, ``val`` and ``test``.
        batch_size: Examples in a training batch.
        seed: Fixes the order of the training examples in every epoch.
    """

    def __init__(self, splits: dict[str, Split], *, batch_size: int, seed: int) -> None:
        super().__init__()
        self.splits = splits
        self.batch_size = batch_size
        self.seed = seed

    def train_dataloader(self) -> torch.utils.data.DataLoader[Split]:
        """Shuffled anew each epoch, in an order that only the seed decides."""
        examples = range(len(self.splits["train"][0]))
        order = RandomSampler(examples, generator=torch.Generator().manual_seed(self.seed))
        whole = len(examples) >= self.batch_size
        return self._loader("train", BatchSampler(order, self.batch_size, drop_last=whole))

    def val_dataloader(self) -> torch.utils.data.DataLoader[Split]:
        """In order."""
        return self._in_order("val")

    def test_dataloader(self) -> torch.utils.data.DataLoader[Split]:
        """In order."""
        return self._in_order("test")

    def _in_order(self, split: str) -> torch.utils.data.DataLoader[Split]:
        size = min(512, len(self.splits[split][0]))
        return self._loader(split, BatchSampler(SequentialSampler(range(len(self.splits[split][0]))), size, False))

    def _loader(self, split: str, batches: Sampler[list[int]]) -> torch.utils.data.DataLoader[Split]:
        dataset = torch.utils.data.TensorDataset(*self.splits[split])
        # With sampler= (not batch_sampler=) and batch_size=None each index list reaches the data set whole.
        return torch.utils.data.DataLoader(dataset, sampler=batches, batch_size=None)
