"""The suites pass on the toy plugin, and catch parts that are wrong."""

from __future__ import annotations

import math
import sys

import pytest

from automl.parts import Float
from automl.testing.data_sources import DataSourceSuite
from automl.testing.objectives import ObjectiveSuite
from automl.testing.spaces import SpaceSuite
from automl.testing.tasks import TaskSuite
from automl.testing.toy import ToyData, ToyObjective, ToySpace, ToyTask, toy_plugin

pytestmark = pytest.mark.usefixtures("toys")

PLUGIN = "automl.testing.toy:PLUGIN"
CONFIG = {"width": 8, "learning_rate": 0.1, "activation": "relu"}


class TestToySpace(SpaceSuite):
    part = ToySpace()
    data = ToyData()
    plugin = PLUGIN


class TestToyData(DataSourceSuite):
    part = ToyData()
    plugin = PLUGIN


class TestToyTask(TaskSuite):
    part = ToyTask()
    data = ToyData()
    space = "toy"
    config = CONFIG
    plugin = PLUGIN


class TestToyObjective(ObjectiveSuite):
    part = ToyObjective()
    plugin = PLUGIN


class Impure(ToySpace):
    def suggest(self, trial, spec):
        return {**super().suggest(trial, spec), "layer": object()}


class Idle(ToySpace):
    def build(self, config, spec):
        import torch

        model = super().build(config, spec)
        model.idle = torch.nn.Parameter(torch.zeros(1))
        return model


class Outside(ToySpace):
    def dimensions(self, spec):
        return (*super().dimensions(spec), Float("momentum", 0.0, 0.9, 1.5))


class Upside(ToyObjective):
    def values(self, score, training, prediction, predictions):
        return (-score, prediction["flops"].value)


class Infinite(ToyObjective):
    def values(self, score, training, prediction, predictions):
        return (score, math.inf)


class Leaky(ToyData):
    def datamodule(self, spec, *, batch_size, seed):
        module = super().datamodule(spec, batch_size=batch_size, seed=seed)
        module.test_dataloader = module.val_dataloader
        return module


class Unseeded(ToyData):
    def datamodule(self, spec, *, batch_size, seed):
        return super().datamodule(spec, batch_size=batch_size, seed=0)


class Wordless(ToyTask):
    def decode(self, outputs, spec):
        return [{"label": outputs}]


@pytest.mark.parametrize(
    ("suite", "part", "test"),
    [
        (TestToySpace, Impure(), "test_configs_are_plain_data"),
        (TestToySpace, Idle(), "test_gradients_reach_every_parameter"),
        (TestToySpace, Outside(), "test_dimensions_are_sound"),
        (TestToyObjective, Upside(), "test_better_is_better"),
        (TestToyData, Leaky(), "test_no_example_is_in_two_splits"),
        (TestToyData, Unseeded(), "test_the_seed_decides_the_order_alone"),
        (TestToyTask, Wordless(), "test_outputs_become_words"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str | type) else None,
)
def test_what_is_wrong_is_caught(suite, part, test):
    wrong = type("Wrong", (suite,), {"part": part})()
    with pytest.raises((AssertionError, TypeError)):
        getattr(wrong, test)()


def test_a_figure_that_is_not_finite_is_caught():
    wrong = type("Wrong", (TestToyObjective,), {"part": Infinite()})()
    with pytest.raises(AssertionError, match="finite"):
        wrong.test_there_is_one_finite_value_a_goal(1)


def test_the_plugin_object_is_what_the_suites_name():
    assert vars(sys.modules["automl.testing.toy"].PLUGIN).keys() >= {"automl_spaces", "automl_tasks"}
    assert toy_plugin().__name__ == "toy_plugin"
