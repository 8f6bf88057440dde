"""From the names in a trial's spec to the things that train: model, module, data, price."""

from __future__ import annotations

import collections
import functools
import json
import weakref
from typing import TYPE_CHECKING

from automl.errors import AutoMLError, StudyError
from automl.host import get_host
from automl.parts import DataSource, Space, Task
from automl.price.flops import count
from automl.training.trial import CONTIGUOUS, WEIGHTS

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from lightning.pytorch import LightningDataModule, LightningModule

    from automl.price.work import Work
    from automl.training.trial import TrialSpec

MOST_COUNTED = 512
"""Candidates of a space whose work is remembered."""

_counted: weakref.WeakKeyDictionary[Space, collections.OrderedDict[tuple[str, str], Work]] = weakref.WeakKeyDictionary()


def build_model(spec: TrialSpec) -> torch.nn.Module:
    """The bare model of a trial, freshly initialised from the global random state."""
    return get_host().part(Space, spec.space).build(spec.config, spec.data)


def build_module(spec: TrialSpec, model: torch.nn.Module) -> LightningModule:
    """The LightningModule around a trial's model."""
    module = get_host().part(Task, spec.data.task).module(model, spec.config, spec.data)
    if spec.memory_format == CONTIGUOUS:
        import torch

        module.to(memory_format=torch.contiguous_format)
    return module


def build_datamodule(spec: TrialSpec) -> LightningDataModule:
    """The data of a trial, in the order its seed decides."""
    source = get_host().part(DataSource, spec.data.source)
    return source.datamodule(spec.data, batch_size=spec.batch_size, seed=spec.seed)


def count_work(spec: TrialSpec) -> Work:
    """What the trial's model computes: by its space's own formula, or counted before the model exists.

    Counting takes part of a second, so that it is done once a candidate, however many steps it takes.
    """
    space = get_host().part(Space, spec.space)
    key = (json.dumps(spec.config, sort_keys=True), json.dumps(spec.data.to_json(), sort_keys=True))
    counted = _counted.setdefault(space, collections.OrderedDict())
    if key not in counted:
        own = space.flops(spec.config, spec.data)
        build, module = functools.partial(build_model, spec), functools.partial(build_module, spec)
        counted[key] = own if own is not None else count(build, spec.data.input_shape, module=module)
        if len(counted) > MOST_COUNTED:
            counted.popitem(last=False)
    return counted[key]


def load_model(spec: TrialSpec, folder: Path) -> torch.nn.Module:
    """The trained model of a trial, in evaluation mode on the CPU.

    Args:
        spec: The trial's spec.
        folder: The trial's folder.

    Raises:
        StudyError: The weights are missing, damaged, or of another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    if not path.is_file():
        raise StudyError(f"Trial {spec.number} of study {spec.study!r} left no weights: there is no {path}.")
    try:
        model = build_model(spec)
    except AutoMLError:
        raise
    except Exception as error:  # what a space makes of a config that it did not make depends on the space
        cause = f"{type(error).__name__}: {error}"
        raise StudyError(f"No model can be built of trial {spec.number} of study {spec.study!r}: {cause}.") from error
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        cause = " ".join(str(error).split())
        raise StudyError(
            f"{path} is damaged or belongs to another model ({cause}). "
            f"`automl train {spec.study} {spec.number}` makes it again."
        ) from error
    return model.eval()
