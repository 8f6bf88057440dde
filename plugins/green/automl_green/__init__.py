"""Objectives that weigh a score against its price tag."""

from __future__ import annotations

import automl
from automl_green.objectives import Accuracy, Green, MnasNet

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_objectives() -> list[automl.Objective]:
    """The objectives ``green`` with its variants, ``accuracy`` and ``mnasnet``."""
    return [Green(), Accuracy(), MnasNet()]
