"""Objectives that weigh a score against its price tag."""

from __future__ import annotations

import automl
from automl_green.objectives import Accuracy, Green

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_objectives() -> list[automl.Objective]:
    """The objectives ``green`` and ``accuracy``."""
    return [Green(), Accuracy()]
