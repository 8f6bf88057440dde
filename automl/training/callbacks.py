"""What watches a training: metrics by epoch, steps taken, and running averages that do not lag."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.nn.modules.batchnorm import _BatchNorm

from automl.errors import TrialError

if TYPE_CHECKING:
    from collections.abc import Callable


class Diary(Callback):
    """Keeps the metrics of every epoch and counts the examples that went through the model.

    All of it is counted from the very beginning of the training, whose earlier steps a checkpoint tells of.

    Args:
        on_epoch: Called after each epoch with its number, from 1, and its metrics.
        stop_after: Epochs after which to stop; None to go on to the end.

    Raises:
        TrialError: The training loss is no longer finite.
    """

    def __init__(
        self, on_epoch: Callable[[int, dict[str, float]], None] | None = None, stop_after: int | None = None
    ) -> None:
        self.history: list[dict[str, float]] = []
        self.trained_examples = 0
        self.steps = 0
        self.validated_examples = 0
        self.interrupted = False
        self._on_epoch = on_epoch
        self._stop_after = stop_after

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Counts."""
        self.trained_examples += len(batch[0])
        self.steps = trainer.global_step
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if not math.isfinite(float(loss)):
            raise TrialError(f"the training loss became {float(loss)} in epoch {trainer.current_epoch + 1}")

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Counts."""
        self.validated_examples += len(batch[0])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes the epoch's metrics, those that are finite."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        # What is not finite is no figure: it could be neither stored nor drawn.
        metrics = {name: value for name, value in metrics.items() if math.isfinite(value)}
        self.history.append(metrics)
        if self._on_epoch is not None:
            self._on_epoch(len(self.history), metrics)
        if len(self.history) == self._stop_after:
            trainer.should_stop = True

    def counts(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {name: getattr(self, name) for name in ("history", "trained_examples", "steps", "validated_examples")}

    def go_on(self, counts: dict[str, Any]) -> None:
        """Takes up where a checkpoint ended."""
        vars(self).update({name: counts[name] for name in self.counts()})

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Tells a Ctrl-C from a failure: Lightning turns it into SystemExit."""
        self.interrupted = isinstance(exception, KeyboardInterrupt)


class Stopwatch(Callback):
    """Notes when each training step begins."""

    def __init__(self) -> None:
        self._begun: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Notes the time."""
        self._begun.append(time.perf_counter())

    def step_s(self) -> float:
        """Seconds from step to step, the median without the first, which allocates."""
        spans = [after - before for before, after in itertools.pairwise(self._begun)]
        return statistics.median(spans[1:] or spans)


class UnbiasedRunningAverages(Callback):
    """Lets batch normalization's running averages start from the data instead of from mean 0 and variance 1.

    With momentum 0.1 and ten steps an epoch, a third of a running average is still its arbitrary start after the
    first epoch; through fifty layers that compounds and a sound model scores like chance. Averaging the first steps
    evenly, with momentum 1/t until that falls below the layer's own, removes the start at once, as Adam's bias
    correction does (Kingma & Ba 2015, section 3). From step 1/momentum on nothing is changed.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finds the layers and their own momentum."""
        self._layers = [
            (module, module.momentum)
            for module in pl_module.modules()
            if isinstance(module, _BatchNorm) and module.track_running_stats and module.momentum is not None
        ]

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Sets this step's momentum."""
        even = 1 / (trainer.global_step + 1)
        for module, momentum in self._layers:
            # To set an attribute of a module takes microseconds, and there are dozens of modules.
            if module.momentum != (now := max(momentum, even)):
                module.momentum = now

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the layers their own momentum back."""
        for module, momentum in self._layers:
            module.momentum = momentum


def contiguous_state(module: LightningModule) -> dict[str, torch.Tensor]:
    """The bare model's state as safetensors wants it: contiguous, on the CPU, no two entries sharing memory."""
    model = module.model
    assert isinstance(model, torch.nn.Module)
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
