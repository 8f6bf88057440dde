"""A training step and an optimizer's step on the meta device, without a trainer."""

from __future__ import annotations

import contextlib
import importlib
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from automl.price.counting.call import is_floating, tensors
from automl.price.counting.mode import CountingMode, FusedPass, counting
from automl.price.work import NOTHING, Count

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

STEPS, EPOCHS = 1000, 10
"""What the stand-in claims of the training ahead; the work of one step does not depend on it."""


class NoStepError(Exception):
    """The task's own training step does not run here; the message says why."""


def attach(module: LightningModule) -> object:
    """Gives the module what it may ask of a trainer; returns the stand-in, which the caller keeps alive."""
    trainer = types.SimpleNamespace(
        estimated_stepping_batches=STEPS,
        max_steps=STEPS,
        max_epochs=EPOCHS,
        num_training_batches=STEPS // EPOCHS,
        current_epoch=0,
        global_step=0,
        world_size=1,
        accumulate_grad_batches=1,
        training=True,
        sanity_checking=False,
        logger=None,
        loggers=[],
        datamodule=None,
        is_global_zero=True,
    )
    module._trainer = trainer  # type: ignore[assignment]  # noqa: SLF001  # the setter keeps a weak proxy
    module.log = module.log_dict = _ignore  # type: ignore[method-assign]
    return trainer


def _ignore(*args: object, **kwargs: object) -> None:
    """Logs nothing."""


def own_step(module: LightningModule, batch: Any) -> tuple[Count, float]:
    """The task's own training step with its backward pass, and the bytes alive between the two.

    Raises:
        NoStepError: It needs what the meta device does not have, such as the value of a number.
    """
    if not module.automatic_optimization:
        raise NoStepError("its optimization is manual")
    try:
        return _run(lambda: module.training_step(batch, 0))
    except Exception as error:  # a plugin's own code, which may fail in any way
        raise NoStepError(f"{type(error).__name__}: {error}".splitlines()[0]) from error


def surrogate_step(forward: Callable[[], object]) -> tuple[Count, float]:
    """A forward and a backward pass with the sum of the outputs for a loss."""
    return _run(lambda: _total(forward()))


def _total(outputs: object) -> torch.Tensor:
    floating = [tensor for tensor in tensors(outputs) if is_floating(tensor)]
    total: torch.Tensor = floating[0].sum()
    for tensor in floating[1:]:
        total = total + tensor.sum()
    return total


def _run(step: Callable[[], Any]) -> tuple[Count, float]:
    with torch.enable_grad(), torch.device("meta"), counting(folds=False) as mode:
        loss = step()
        loss = loss["loss"] if isinstance(loss, dict) else loss
        kept = mode.memory.bytes
        loss.backward()
    return mode.count(), kept


def count_update(module: LightningModule) -> Count:
    """One step of the module's optimizers, not their first: its gradients are there.

    Raises:
        Exception: Whatever the optimizer raises.
    """
    with _fused_on_meta():
        optimizers = _optimizers(module.configure_optimizers())
        if not optimizers:
            return NOTHING
        for optimizer in optimizers:
            _step(optimizer)
        mode = CountingMode()
        for optimizer in optimizers:
            with mode:
                optimizer.step()
    return mode.count()


def _step(optimizer: Any) -> None:
    """The first step, in which the optimizer makes its state; without the fused kernel where that is refused here."""
    with FusedPass():
        try:
            optimizer.step()
        except RuntimeError as error:
            if "fused" not in str(error):
                raise
            optimizer.state.clear()
            for group in optimizer.param_groups:
                group["fused"] = False
            optimizer.step()


def _optimizers(configured: Any) -> list[Any]:
    """The optimizers in any of the shapes Lightning takes."""
    if configured is None:
        return []
    if isinstance(configured, dict):
        return [configured["optimizer"]]
    if isinstance(configured, (list, tuple)):
        if configured and isinstance(configured[0], (list, tuple)):
            return list(configured[0])
        return [one["optimizer"] if isinstance(one, dict) else one for one in configured]
    return [configured]


@contextlib.contextmanager
def _fused_on_meta() -> Iterator[None]:
    """Lets fused optimizers take parameters of the meta device; they are not run there, only booked."""
    place = importlib.import_module("torch.optim.optimizer")
    name = "_get_fused_kernels_supported_devices"
    devices = getattr(place, name, None)
    if devices is None:
        yield
        return
    setattr(place, name, lambda: [*devices(), "meta"])
    try:
        yield
    finally:
        setattr(place, name, devices)
