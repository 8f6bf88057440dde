"""The parts a plugin can bring, one small file per word of the vocabulary. Nothing here imports anything heavy."""

from automl.parts.base import Part
from automl.parts.data_source import DataSource, DataSpec
from automl.parts.device import Device
from automl.parts.normalizer import Normalizer
from automl.parts.objective import Goal, Objective
from automl.parts.space import Categorical, Config, Dimension, Float, Integer, Space, Trial
from automl.parts.task import Task

__all__ = [
    "Categorical",
    "Config",
    "DataSource",
    "DataSpec",
    "Device",
    "Dimension",
    "Float",
    "Goal",
    "Integer",
    "Normalizer",
    "Objective",
    "Part",
    "Space",
    "Task",
    "Trial",
]
