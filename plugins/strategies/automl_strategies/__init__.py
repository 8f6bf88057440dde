"""Strategies: how candidates are proposed, and which of them earn more training."""

from __future__ import annotations

import automl
from automl_strategies.compound import Compound
from automl_strategies.pareto import Pareto
from automl_strategies.samplers import Gp, Nsga2, Tpe
from automl_strategies.scaling import CompoundScaling
from automl_strategies.simple import Grid, Random

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_strategies() -> list[automl.Strategy]:
    """The strategies ``pareto``, ``random``, ``grid``, ``tpe`` with its variant, ``nsga2``, ``gp`` and ``compound``."""
    return [Pareto(), Random(), Grid(), Tpe(), Nsga2(), Gp(), Compound()]


@automl.hookimpl
def automl_analyses() -> list[automl.Analysis]:
    """The analysis ``compound-scaling``."""
    return [CompoundScaling()]
