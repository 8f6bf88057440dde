"""Losses: cross-entropy, label smoothing."""

from __future__ import annotations

import automl
from automl_losses.losses import CrossEntropy, LabelSmoothing

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_losses() -> list[automl.Loss]:
    """The losses ``cross-entropy`` and ``label-smoothing``."""
    return [CrossEntropy(), LabelSmoothing()]
