"""The contract between the host and its plugins: every hook there is. Start reading here.

A plugin is a module (or object) registered under the entry-point group ``automl``::

    [project.entry-points.automl]
    mine = "automl_mine"

It implements any of the hooks below with ``@automl.hookimpl`` and may state the version of this contract it was
written for, ``AUTOML_API_VERSION = 1``. The host imports every plugin to list its parts, so a plugin module imports
nothing heavy: torch and the like are imported inside the methods that need them.

Each hook returns a list of new parts. A part with a name that is taken is left out and reported, as is anything that
is not a part of the right kind; the rest of the plugin goes on.
"""

# A specification has no body: pluggy never calls it.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from automl.parts import Analysis, DataSource, Device, Executor, Loss, Normalizer, Objective, Space, Strategy, Task

PROJECT = "automl"
"""Name of the entry-point group and of pluggy's project."""

API_VERSION = 1
"""Version of this contract. It grows when a hook or a part changes in a way that breaks plugins."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def automl_data_sources() -> list[DataSource]:
    """Data sources this plugin brings.

    Takes no arguments. Returns a list of `automl.parts.DataSource`; sizes are in examples, shapes leave out the
    batch. An exception is reported by distribution and leaves this plugin's data sources out.

    Example::

        @automl.hookimpl
        def automl_data_sources():
            from .digits import Digits

            return [Digits()]
    """


@hookspec
def automl_tasks() -> list[Task]:
    """Tasks this plugin brings.

    Takes no arguments. Returns a list of `automl.parts.Task`; a score has no unit, or its unit in its name. An
    exception is reported by distribution and leaves this plugin's tasks out.

    Example::

        @automl.hookimpl
        def automl_tasks():
            from .classification import ImageClassification

            return [ImageClassification()]
    """


@hookspec
def automl_spaces() -> list[Space]:
    """Search spaces this plugin brings.

    Takes no arguments. Returns a list of `automl.parts.Space`; a dimension with a unit has it in its name
    (``resolution_px``). An exception is reported by distribution and leaves this plugin's spaces out.

    Example::

        @automl.hookimpl
        def automl_spaces():
            from .efficientnet import EfficientNet

            return [EfficientNet()]
    """


@hookspec
def automl_normalizers() -> list[Normalizer]:
    """Normalization layers this plugin brings.

    Takes no arguments. Returns a list of `automl.parts.Normalizer`. An exception is reported by distribution and
    leaves this plugin's normalizers out.

    Example::

        @automl.hookimpl
        def automl_normalizers():
            from .batch import BatchNorm

            return [BatchNorm()]
    """


@hookspec
def automl_losses() -> list[Loss]:
    """Losses this plugin brings: what a training may make small.

    Takes no arguments. Returns a list of `automl.parts.Loss`; a loss is a mean over the examples of a batch,
    cross-entropy and its kin in nats. An exception is reported by distribution and leaves this plugin's losses out.

    Example::

        @automl.hookimpl
        def automl_losses():
            from .hinge import Hinge

            return [Hinge()]
    """


@hookspec
def automl_objectives() -> list[Objective]:
    """Objectives this plugin brings.

    Takes no arguments. Returns a list of `automl.parts.Objective`; the metric of a goal carries its unit in its
    name (``lifetime_flops``). An exception is reported by distribution and leaves this plugin's objectives out.

    Example::

        @automl.hookimpl
        def automl_objectives():
            from .green import Green

            return [Green()]
    """


@hookspec
def automl_devices() -> list[Device]:
    """Devices this plugin knows: a catalogue of hardware on which models can be priced without owning it.

    Takes no arguments. Returns a list of `automl.parts.Device`; FLOP/s and bytes/s without prefixes, watts, US dollars
    an hour. An exception is reported by distribution and leaves this plugin's devices out.

    Example::

        @automl.hookimpl
        def automl_devices():
            return [
                automl.Device(
                    "t4", "NVIDIA T4", peak_flops_per_s={"fp32": 8.1e12}, bandwidth_bytes_per_s=320e9,
                    overhead_s=5e-6, tdp_w=70,
                )
            ]
    """


@hookspec
def automl_strategies() -> list[Strategy]:
    """Strategies this plugin brings: how candidates are proposed and which of them earn more training.

    Takes no arguments. Returns a list of `automl.parts.Strategy`; a price is in the unit of the study's purse, a rung
    an index. An exception is reported by distribution and leaves this plugin's strategies out.

    Example::

        @automl.hookimpl
        def automl_strategies():
            from .pareto import Pareto

            return [Pareto()]
    """


@hookspec
def automl_executors() -> list[Executor]:
    """Executors this plugin brings: places where trials run.

    Takes no arguments. Returns a list of `automl.parts.Executor`; limits are in seconds and bytes. An exception is
    reported by distribution and leaves this plugin's executors out.

    Example::

        @automl.hookimpl
        def automl_executors():
            from .process import Process

            return [Process()]
    """


@hookspec
def automl_analyses() -> list[Analysis]:
    """Analyses this plugin brings: reports and pictures made from a study.

    Takes no arguments. Returns a list of `automl.parts.Analysis`; a figure in its table carries its unit in its name.
    An exception is reported by distribution and leaves this plugin's analyses out.

    Example::

        @automl.hookimpl
        def automl_analyses():
            from .scaling import CompoundScaling

            return [CompoundScaling()]
    """
