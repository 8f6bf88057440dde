"""Checkpoints of a stopped training, from which it goes on as if it had never stopped: byte for byte.

Lightning's own checkpoint holds the model, the optimizer, the schedules and the progress. What is added here is every
source of randomness, the order of the examples included, and a proof that the checkpoint belongs to the candidate.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from automl.errors import TrialError
from automl.training.trial import CHANNELS_LAST, FULL_PRECISION, checkpoint_path
from automl.training.whole import checkpoint_damage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lightning.pytorch import LightningDataModule, Trainer

    from automl.training.trial import TrialSpec


def found(folder: Path | None, spec: TrialSpec) -> Path | None:
    """The checkpoint that a step goes on from; None when it begins from scratch.

    Raises:
        TrialError: There is none where there must be one, or it is damaged.
    """
    if not spec.from_rung:
        return None
    path = None if folder is None else checkpoint_path(folder, spec.from_rung)
    if path is None or not path.is_file():
        raise TrialError(f"there is no checkpoint after {spec.from_rung} epochs to go on from ({path})")
    if damage := checkpoint_damage(path):
        raise TrialError(f"the checkpoint {path} is damaged: {damage}")
    return path


def save(trainer: Trainer, path: Path) -> None:
    """Writes a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    try:
        trainer.save_checkpoint(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def identity(spec: TrialSpec) -> dict[str, Any]:
    """What must be the same of two steps of one training."""
    same = {name: value for name, value in spec.to_json().items() if name not in {"rung", "from_rung", "study"}}
    # Checkpoints made before there was a choice do not name it.
    usual = {"precision": FULL_PRECISION, "memory_format": CHANNELS_LAST}
    return {name: value for name, value in same.items() if usual.get(name) != value}


class Randomness:
    """Every source of randomness of a training, to be written down at the end of a step and put back for the next.

    A data source may shuffle with the global generators or with one of its own; those that hang on the training loader
    and its samplers are found and kept too.

    Args:
        datamodule: The data of the training. Its loaders are made through this object from now on.
    """

    def __init__(self, datamodule: LightningDataModule) -> None:
        self._loader: Any = None
        self._saved: dict[str, Any] | None = None
        self._make_train, self._make_val = datamodule.train_dataloader, datamodule.val_dataloader
        # Lightning asks the object, so that what is set on it is found before what its class says.
        setattr(datamodule, "train_dataloader", self._train)  # noqa: B010 - to mypy a method is no attribute to set
        setattr(datamodule, "val_dataloader", self._val)  # noqa: B010

    def restore(self, saved: dict[str, Any]) -> None:
        """Puts a state back as soon as the training loader is there, just before Lightning draws from it."""
        self._saved = saved

    def state(self) -> dict[str, Any]:
        """The state now, made of what `torch.load` takes with ``weights_only``."""
        name, keys, *rest = np.random.get_state()  # noqa: NPY002 - the global generator is what third parties draw from
        return {
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy": [str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), *map(float, rest)],
            "python": random.getstate(),
            "loader": [generator.get_state() for generator in _generators(self._loader)],
        }

    def _train(self) -> Any:
        self._loader = self._make_train()
        if self._saved is not None:
            self._put_back(self._saved)
            self._saved = None
        return self._loader

    def _val(self) -> Any:
        # A resumed training makes its validation loader at another moment than one that never stopped.
        before = self.state()
        loader = self._make_val()
        self._put_back(before)
        return loader

    def _put_back(self, saved: dict[str, Any]) -> None:
        torch.set_rng_state(saved["torch"].cpu())
        if saved["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all([state.cpu() for state in saved["cuda"]])
        name, keys, position, has_gauss, gauss = saved["numpy"]
        np.random.set_state((name, keys.numpy().astype(np.uint32), int(position), int(has_gauss), gauss))  # noqa: NPY002
        version, internal, gauss_next = saved["python"]
        random.setstate((version, tuple(internal), gauss_next))
        for generator, state in zip(_generators(self._loader), saved["loader"], strict=True):
            generator.set_state(state.cpu())


def _generators(loader: Any) -> list[torch.Generator]:
    """The generators that a loader and its samplers draw from, each once, in a fixed order."""
    return list({id(generator): generator for generator in _walk(loader, set())}.values())


def _walk(thing: Any, seen: set[int]) -> Iterator[torch.Generator]:
    if id(thing) not in seen:
        seen.add(id(thing))
        if isinstance(thing, torch.Generator):
            yield thing
        for part in _parts(thing):
            yield from _walk(part, seen)


def _parts(thing: Any) -> Iterable[Any]:
    """What a generator may hang on."""
    if isinstance(thing, DataLoader):
        return thing.generator, thing.sampler, thing.batch_sampler
    if isinstance(thing, Sampler):
        return [value for value in vars(thing).values() if isinstance(value, torch.Generator | Sampler)]
    if isinstance(thing, dict):
        return thing.values()
    return thing if isinstance(thing, list | tuple) else ()
