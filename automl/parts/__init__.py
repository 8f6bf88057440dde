"""The parts a plugin can bring, one small file per word of the vocabulary. Nothing here imports anything heavy."""

from automl.parts.analysis import Analysis, Finding
from automl.parts.base import Part
from automl.parts.data_source import DataSource, DataSpec
from automl.parts.device import Device
from automl.parts.executor import Executor, Job, Resources, Workers
from automl.parts.loss import Loss
from automl.parts.normalizer import Normalizer
from automl.parts.objective import Goal, Objective
from automl.parts.recorded import RecordedSpace, Recording
from automl.parts.space import Categorical, Config, Dimension, Float, Integer, Space, Trial
from automl.parts.strategy import Outcome, Point, Problem, Searcher, Step, Strategy
from automl.parts.task import Task

__all__ = [
    "Analysis",
    "Categorical",
    "Config",
    "DataSource",
    "DataSpec",
    "Device",
    "Dimension",
    "Executor",
    "Finding",
    "Float",
    "Goal",
    "Integer",
    "Job",
    "Loss",
    "Normalizer",
    "Objective",
    "Outcome",
    "Part",
    "Point",
    "Problem",
    "RecordedSpace",
    "Recording",
    "Resources",
    "Searcher",
    "Space",
    "Step",
    "Strategy",
    "Task",
    "Trial",
    "Workers",
]
