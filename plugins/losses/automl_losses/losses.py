"""The losses ``cross-entropy`` and ``label-smoothing``, as light descriptors: torch is imported for the module."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from automl.errors import UsageError
from automl.parts import Loss

if TYPE_CHECKING:
    import torch

AMOUNT = 0.1
"""Probability that smoothing takes from the label, as in the paper and, since, nearly everywhere."""


class CrossEntropy(Loss):
    """Minus the log-probability of the label, in nats; zero where a model is sure and right."""

    name = "cross-entropy"
    summary = "minus the log-probability of the label"
    tasks = ("image-classification",)
    preferred = True

    def module(self) -> torch.nn.Module:
        """Of logits ``(batch, classes)`` and class indices ``(batch,)``."""
        from torch import nn

        return nn.CrossEntropyLoss()


class LabelSmoothing(Loss):
    """Cross-entropy to labels mixed with the uniform distribution (Szegedy et al. 2016, arXiv:1512.00567, section 7).

    With K classes and the amount e the target is ``q'(k) = (1 - e) [k = label] + e / K``, so that no logit gains by
    growing without end. The least loss is the entropy of q', in nats, and is reached at the logits ``log q'``, up to a
    constant. It often betters accuracy and calibration, and makes a worse teacher (Mueller et al. 2019,
    arXiv:1906.02629).

    Args:
        amount: The e above, from 0 (plain cross-entropy) up to but not including 1.
        name: What the user calls it.
    """

    summary = "cross-entropy with a tenth of each label spread over all classes; label-smoothing:0.2 sets how much"
    tasks = ("image-classification",)
    variants: ClassVar[dict[str, str]] = {
        text: f"{text} of each label spread over all classes" for text in ("0.05", "0.2", "0.3")
    }

    def __init__(self, amount: float = AMOUNT, name: str = "label-smoothing") -> None:
        self.name = name
        self._amount = amount

    def variant(self, text: str) -> Loss:
        """Another amount; any number that fits, not only those of `variants`."""
        try:
            amount = float(text)
        except ValueError:
            return super().variant(text)
        if not 0 <= amount < 1:
            raise UsageError(f"Loss label-smoothing takes an amount from 0 up to but not including 1, not {text}.")
        return LabelSmoothing(amount, f"label-smoothing:{text}")

    def module(self) -> torch.nn.Module:
        """Of logits ``(batch, classes)`` and class indices ``(batch,)``."""
        from torch import nn

        return nn.CrossEntropyLoss(label_smoothing=self._amount)
