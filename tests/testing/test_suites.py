"""The suites pass on the toy plugin, and catch parts that are wrong."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import math
import sys

import pytest

from automl.hookspecs import hookimpl
from automl.host import Host, use_host
from automl.parts import Float, Goal
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


class Flat(ToySpace):
    def dimensions(self, spec):
        return (*super().dimensions(spec), Float("momentum", 0.6, 0.5, 0.55))


class Wilful(ToySpace):
    def suggest(self, trial, spec):
        return {**super().suggest(trial, spec), "activation": "relu"}


class Secretive(ToySpace):
    def suggest(self, trial, spec):
        return {**super().suggest(trial, spec), "momentum": trial.suggest_float("momentum", 0.0, 0.9)}


class Astray(ToySpace):
    def landmarks(self, spec):
        return [{"width": 65}]


class Forgetful(ToySpace):
    def build(self, config, spec):
        import torch

        model = super().build(config, spec)
        model.register_buffer("scale", torch.rand(1), persistent=False)
        model.register_forward_hook(lambda module, _, out: out * module.scale)
        return model


class Wasteful(ToySpace):
    def build(self, config, spec):
        import torch

        model = super().build(config, spec)
        model.register_buffer("table", torch.zeros(4, device="cpu"))
        return model


class Speechless(ToySpace):
    def describe(self, config):
        return " "


class Upside(ToyObjective):
    def values(self, task, figures):
        return (-figures["accuracy"], figures["prediction_flops"])


class Infinite(ToyObjective):
    def values(self, task, figures):
        return (figures["accuracy"], math.inf)


class Forgiving(ToyObjective):
    """Takes what is not known for free."""

    def values(self, task, figures):
        return (figures.get("accuracy", 0.0), figures.get("lifetime_flops", 0.0))


class Dreaming(ToyObjective):
    def goals(self, task):
        return (Goal(task.score, task.direction), Goal("lifetime_water_l", "minimize"))


class Doubled(ToyObjective):
    def goals(self, task):
        return (Goal(task.score, task.direction),) * 2


class Leaky(ToyData):
    def datamodule(self, spec, *, batch_size, seed):
        module = super().datamodule(spec, batch_size=batch_size, seed=seed)
        module.test_dataloader = module.val_dataloader
        return module


class Unseeded(ToyData):
    def datamodule(self, spec, *, batch_size, seed):
        return super().datamodule(spec, batch_size=batch_size, seed=0)


class Sampled(ToyData):
    """Another seed draws other points."""

    def datamodule(self, spec, *, batch_size, seed):
        module = super().datamodule(spec, batch_size=batch_size, seed=seed)
        points, split = module._points, 0

        def drawn(size, of):
            return points(size, seed + 10 if of == split else of)

        module._points = drawn
        return module


class Offset(ToyData):
    def spec(self):
        return dataclasses.replace(super().spec(), mean=(3.0,) * 4, std=(1.0,) * 4)


class Sparse(ToyData):
    def spec(self):
        return dataclasses.replace(super().spec(), train_size=96)


class Trusting(ToyData):
    def read(self, path, spec):
        import torch

        return torch.tensor([float(word) for word in path.read_text().split()])


class Wordless(ToyTask):
    def decode(self, outputs, spec):
        return [{"label": outputs}]


class Stubborn(ToyTask):
    """Takes steps that lead nowhere."""

    def module(self, model, config, spec):
        return super().module(model, {"learning_rate": 0.0}, spec)


class Closed(ToyTask):
    def module(self, model, config, spec):
        import copy

        return super().module(copy.deepcopy(model), config, spec)


class Unscored(ToyTask):
    score = "recall"


@pytest.mark.parametrize(
    ("suite", "part", "test"),
    [
        (TestToySpace, Impure(), "test_configs_are_plain_data"),
        (TestToySpace, Idle(), "test_gradients_reach_every_parameter"),
        (TestToySpace, Outside(), "test_dimensions_are_sound"),
        (TestToySpace, Flat(), "test_dimensions_are_sound"),
        (TestToySpace, Wilful(), "test_wishes_are_honoured"),
        (TestToySpace, Secretive(), "test_configs_are_plain_data"),
        (TestToySpace, Astray(), "test_landmarks_lie_in_the_space"),
        (TestToySpace, Forgetful(), "test_state_round_trip"),
        (TestToySpace, Wasteful(), "test_the_price_can_be_counted"),
        (TestToySpace, Speechless(), "test_the_description_is_a_few_words"),
        (TestToyObjective, Upside(), "test_better_is_better"),
        (TestToyObjective, Doubled(), "test_goals_are_sound"),
        (TestToyObjective, Dreaming(), "test_what_it_reads_is_a_metric_or_a_price"),
        (TestToyData, Leaky(), "test_no_example_is_in_two_splits"),
        (TestToyData, Unseeded(), "test_the_seed_decides_the_order_alone"),
        (TestToyData, Sampled(), "test_the_seed_decides_the_order_alone"),
        (TestToyData, Offset(), "test_mean_and_deviation_are_those_of_the_training_split"),
        (TestToyData, Sparse(), "test_batches_are_as_the_spec_says"),
        (TestToyTask, Wordless(), "test_outputs_become_words"),
        (TestToyTask, Closed(), "test_the_bare_model_stays_in_reach"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str | type) else None,
)
def test_what_is_wrong_is_caught(suite, part, test):
    wrong, right = type("Wrong", (suite,), {"part": part})(), suite()
    getattr(right, test)()
    with pytest.raises(AssertionError):
        getattr(wrong, test)()


@pytest.mark.parametrize(("part", "words"), [(Stubborn(), "loss goes"), (Unscored(), "no finite val_recall")])
def test_a_training_that_is_wrong_is_caught(tmp_path, part, words):
    plugin, host = toy_plugin(), Host([])
    plugin.automl_tasks = hookimpl(lambda: [part])
    host.register(plugin, name="wrong")
    wrong = type("Wrong", (TestToyTask,), {"part": part})()
    with use_host(host), pytest.raises(AssertionError, match=words):
        wrong.test_training_logs_what_it_must_and_learns(tmp_path)


def test_a_reader_that_lets_errors_through_is_caught(tmp_path):
    wrong = type("Wrong", (TestToyData,), {"part": Trusting()})()
    with pytest.raises((OSError, ValueError)):
        wrong.test_bad_files_are_told(tmp_path)


@pytest.mark.parametrize("suite", [SpaceSuite, DataSourceSuite, TaskSuite, ObjectiveSuite])
def test_every_assert_carries_its_message(suite):
    """pytest rewrites the asserts of test files alone; those of a library say nothing by themselves."""
    asserts = [n for n in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(suite)))) if isinstance(n, ast.Assert)]
    assert asserts
    assert [node.lineno for node in asserts if node.msg is None] == []


def test_a_space_can_be_tested_for_a_spec_without_data():
    spec = dataclasses.replace(ToyData().spec(), input_shape=(7,))
    suite = type("Wide", (SpaceSuite,), {"part": ToySpace(), "spec": spec, "plugin": PLUGIN})()
    suite.test_a_config_and_the_spec_are_enough_to_build()
    suite.test_the_price_can_be_counted()


def test_a_figure_that_is_not_finite_is_caught():
    wrong = type("Wrong", (TestToyObjective,), {"part": Infinite()})()
    with pytest.raises(AssertionError, match="finite"):
        wrong.test_there_is_one_finite_value_a_goal(1)


def test_the_plugin_object_is_what_the_suites_name():
    assert vars(sys.modules["automl.testing.toy"].PLUGIN).keys() >= {"automl_spaces", "automl_tasks"}
    assert toy_plugin().__name__ == "toy_plugin"


def test_an_objective_for_which_the_unknown_is_free_is_caught():
    wrong = type("Wrong", (TestToyObjective,), {"part": Forgiving()})()
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        wrong.test_what_is_not_known_is_an_error()
