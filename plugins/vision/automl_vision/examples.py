"""Labelled images as data sets that give whole batches: from memory, or from files as they are needed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from automl.errors import UsageError
from automl_vision.pictures import UnreadableError, bombs_refused, depth, pixels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Batch = tuple[torch.Tensor, torch.Tensor]

LARGEST = {torch.uint8: 255, torch.uint16: 65535}
"""The value of a full pixel, by type; other types hold what they hold."""

CHUNK = 64
"""Images whose pixels a thread holds as float64 at a time."""

ROUNDING = 1e-6
"""Deviation, as a part of the mean, below which single precision tells nothing."""


def scaled(images: torch.Tensor) -> torch.Tensor:
    """Pixels as a model takes them: float32, those of 8 and 16 bits in [0, 1]."""
    full = LARGEST.get(images.dtype)
    return images.float() if full is None else images.float().div(full)


class Examples(Dataset[Batch]):
    """Examples in memory, in their own type; a batch is converted when it is asked for.

    Args:
        images: ``(examples, channels, height, width)``: uint8, uint16, or float32 that is given out as it is.
        labels: Class indices, int64 of shape ``(examples,)``.
    """

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        """Examples."""
        return len(self.labels)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Inputs ``(batch, channels, height, width)`` as float32, and targets ``(batch,)``."""
        return self.inputs(indices), self.labels[indices]

    def inputs(self, indices: Sequence[int]) -> torch.Tensor:
        """The inputs alone."""
        return scaled(self.images[list(indices)])


class Files(Dataset[Batch]):
    """Examples in picture files, decoded when they are asked for.

    Args:
        paths: The files.
        labels: The class index of each.
        shape: ``(channels, height, width)`` that all are brought to.
        deep: Whether pixels have 16 bits a channel.
    """

    def __init__(self, paths: Sequence[Path], labels: Sequence[int], shape: tuple[int, ...], *, deep: bool) -> None:
        self.paths = paths
        self.labels = torch.tensor(labels, dtype=torch.int64)
        self.shape = shape
        self.deep = deep

    def __len__(self) -> int:
        """Examples."""
        return len(self.paths)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """As of `Examples`.

        Raises:
            UsageError: A file is gone or broken by now.
        """
        with bombs_refused():
            return self.inputs(indices), self.labels[indices]

    def inputs(self, indices: Sequence[int]) -> torch.Tensor:
        """The inputs alone; to be called within `bombs_refused`, by any number of threads."""
        return scaled(torch.from_numpy(np.stack([self._pixels(index) for index in indices])))

    def loaded(self, threads: int) -> Examples:
        """All of them in memory."""
        images = np.empty((len(self), *self.shape), np.uint16 if self.deep else np.uint8)

        def read(index: int) -> None:
            images[index] = self._pixels(index)

        with bombs_refused(), ThreadPoolExecutor(threads) as pool:
            list(pool.map(read, range(len(self))))
        return Examples(torch.from_numpy(images), self.labels)

    def _pixels(self, index: int) -> np.ndarray:
        channels, height, width = self.shape
        try:
            upright = depth(pixels(self.paths[index], channels, (height, width)), deep=self.deep)
        except UnreadableError as error:
            raise UsageError(f"{self.paths[index]} cannot be read any more: {error}.") from error
        # NumPy stacks what lies channels last so that it still does, and sums would come out in another order.
        return np.ascontiguousarray(upright.transpose(2, 0, 1))


def channel_stats(examples: Examples | Files, threads: int = 1) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, summed in double precision, the same for any number of threads.

    A channel without any variation is given the deviation 1, by which it can be divided.
    """

    def sums(start: int) -> tuple[list[float], list[float], int]:
        images = examples.inputs(range(start, min(len(examples), start + CHUNK))).double()
        channels = images.transpose(0, 1).flatten(1)
        # Small tensors among large ones that are freed would keep the memory of these from being used again.
        return channels.sum(1).tolist(), channels.square().sum(1).tolist(), channels.shape[1]

    with bombs_refused(), ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(sums, range(0, len(examples), CHUNK)))
    totals, squares = (torch.tensor([part[which] for part in parts], dtype=torch.float64).sum(0) for which in (0, 1))
    count = sum(part[2] for part in parts)
    mean = totals / count
    std = ((squares - count * mean.square()).clamp(min=0) / max(1, count - 1)).sqrt()
    # What is left of a constant channel is rounding.
    std[std <= ROUNDING * mean.abs()] = 1.0
    std[std == 0] = 1.0
    return tuple(mean.tolist()), tuple(std.tolist())
