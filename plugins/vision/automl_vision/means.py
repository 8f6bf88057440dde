"""Means over an epoch, for a fraction of the time that Lightning takes to log every batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Means:
    """Means over examples of what batches bring as sums.

    Nothing is read from a device before `take`.
    """

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}
        self._examples = 0

    def add(self, sums: dict[str, torch.Tensor], examples: int) -> None:
        """Takes in a batch.

        Args:
            sums: By name, the sum over the examples of the batch, a scalar.
            examples: Size of the batch.
        """
        for name, total in sums.items():
            self._sums[name] = self._sums[name] + total.detach() if name in self._sums else total.detach()
        self._examples += examples

    def take(self) -> dict[str, torch.Tensor]:
        """The means until now, by name; the next epoch begins."""
        means = {name: total / self._examples for name, total in self._sums.items()}
        self._sums, self._examples = {}, 0
        return means
