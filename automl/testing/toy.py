"""The smallest complete plugin: a part of every kind a search needs; it trains in milliseconds.

The host's own tests search it, and a plugin author can put a part of their own beside it::

    host = toy_host()
    host.register(my_plugin, name="mine")
    with use_host(host):
        study = automl.search("toy", trials=3, epochs=2, home=tmp_path, tracking_uri="off")
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from automl.errors import UsageError
from automl.hookspecs import hookimpl
from automl.host import Host
from automl.parts import (
    Categorical,
    Config,
    DataSource,
    DataSpec,
    Device,
    Dimension,
    Float,
    Goal,
    Integer,
    Objective,
    Space,
    Task,
)
from automl.testing.toy_strategy import ToyHalving, ToyRandom

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch
    from lightning.pytorch import LightningDataModule, LightningModule

TASK = "toy-classification"
FEATURES, TRAIN, HELD = 4, 64, 32


class ToyData(DataSource):
    """Two Gaussian clouds in four dimensions, far enough apart to be told from each other."""

    name = "toy"
    summary = "two Gaussian clouds"

    def spec(self) -> DataSpec:
        """Always the same."""
        return DataSpec(self.name, TASK, (FEATURES,), ("left", "right"), TRAIN, HELD, HELD)

    def datamodule(self, spec: DataSpec, *, batch_size: int, seed: int) -> LightningDataModule:
        """Three loaders over drawn points."""
        from automl.testing.toy_training import ToyDataModule

        return ToyDataModule(FEATURES, TRAIN, HELD, batch_size, seed)

    def read(self, path: Path, spec: DataSpec) -> torch.Tensor:
        """Rows of four numbers, separated by blanks."""
        import torch

        try:
            rows = [[float(word) for word in line.split()] for line in path.read_text().splitlines()]
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read: {error}.") from error
        if not rows or any(len(row) != spec.input_shape[0] for row in rows):
            raise UsageError(f"{path} must hold rows of {spec.input_shape[0]} numbers.")
        return torch.tensor(rows)


class ToyTask(Task):
    """Cross-entropy and plain gradient descent; scored by accuracy."""

    name = TASK
    summary = "which cloud a point is from"
    score = "accuracy"
    metrics = ("accuracy", "loss")

    def module(self, model: torch.nn.Module, config: Config, spec: DataSpec) -> LightningModule:
        """The model with its loss and metrics."""
        from automl.testing.toy_training import ToyModule

        return ToyModule(model, config.get("learning_rate", 0.1))

    def decode(self, outputs: torch.Tensor, spec: DataSpec) -> list[dict[str, Any]]:
        """The likelier cloud and its probability."""
        rows = outputs.softmax(dim=1)
        return [{"label": spec.classes[int(row.argmax())], "probability": float(row.max())} for row in rows]


class ToySpace(Space):
    """A perceptron with one hidden layer. A learning rate far above 1 makes its loss infinite, for tests of failure."""

    name = "toy"
    summary = "a perceptron with one hidden layer"
    tasks = (TASK,)
    default_data = "toy"

    def dimensions(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Width, learning rate and activation."""
        return (
            Integer("width", 1, 64, 8, log=True, limits=(1, 4096), summary="hidden units"),
            Float("learning_rate", 0.01, 1.0, 0.1, log=True, limits=(1e-6, 1e30), summary="of gradient descent"),
            Categorical("activation", ("relu", "tanh"), "relu", summary="after the hidden layer"),
        )

    def build(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """From points ``(batch, 4)`` to logits ``(batch, 2)``."""
        from automl.testing.toy_training import perceptron

        return perceptron(spec.input_shape[0], config["width"], len(spec.classes), config["activation"])

    def landmarks(self, spec: DataSpec) -> list[Config]:
        """The narrowest first."""
        return [{"width": 1}]


class ToyObjective(Objective):
    """Score against lifetime FLOPs."""

    name = "toy-green"
    summary = "score against lifetime FLOPs"
    preferred = True

    def goals(self, task: Task) -> tuple[Goal, ...]:
        """Score up, price down."""
        return (Goal(task.score, task.direction), Goal("lifetime_flops", "minimize", log=True))


def toy_board() -> Device:
    """A device to price on: 1 GFLOP/s, 1 GB/s, a millisecond an operator, 10 W, 3.60 dollars an hour."""
    return Device(
        "toy-board",
        "a slow board that is easy to reckon with",
        peak_flops_per_s={"fp32": 1e9},
        bandwidth_bytes_per_s=1e9,
        overhead_s=1e-3,
        efficiency=1.0,
        memory_bytes=1e9,
        draw_w=10.0,
        usd_per_h=3.6,
        price_year=2026,
        source="made up",
    )


def toy_plugin() -> types.ModuleType:
    """The plugin as a module, as an entry point would load it."""
    plugin = types.ModuleType("toy_plugin")
    parts: dict[str, Callable[[], Any] | tuple[Callable[[], Any], ...]] = {
        "automl_data_sources": ToyData,
        "automl_tasks": ToyTask,
        "automl_spaces": ToySpace,
        "automl_objectives": ToyObjective,
        "automl_devices": toy_board,
        "automl_strategies": (ToyRandom, ToyHalving),
    }
    for hook, made in parts.items():
        setattr(plugin, hook, hookimpl(_lists(*(made if isinstance(made, tuple) else (made,)))))
    return plugin


def _lists(*parts: Callable[[], Any]) -> Any:
    def hook() -> list[Any]:
        return [part() for part in parts]

    return hook


def toy_host() -> Host:
    """A host that knows this plugin and no other."""
    host = Host([])
    host.register(toy_plugin(), name="toy")
    return host


PLUGIN = toy_plugin()
"""The plugin as an object, for an entry point that names one: ``automl.testing.toy:PLUGIN``."""
