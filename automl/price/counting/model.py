"""Counts a model before it exists."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from automl.errors import UsageError
from automl.price.counting import trainer
from automl.price.counting.call import tensors
from automl.price.counting.mode import counting, frozen
from automl.price.counting.tally import an_example
from automl.price.work import NOTHING, Count, Work

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

HOW = "operators counted on the meta device"
OWN = "training by the task's own step"
SURROGATE = "training by the sum of the outputs for a loss"
BATCH = 2
"""Examples in the training step that is counted: batch normalization refuses a single pixel of a single one."""


def count_model(
    build: Callable[[], torch.nn.Module],
    input_shape: tuple[int, ...],
    module: Callable[[torch.nn.Module], LightningModule] | None,
    targets: Callable[[int], Any] | None,
) -> Work:
    """See `automl.price.flops.count`."""
    with torch.device("meta"):
        model = build()
    if any(tensor.device.type != "meta" for tensor in (*model.parameters(), *model.buffers())):
        model = model.to("meta")
    prediction, dtype = _prediction(model, input_shape)
    parameters, model_bytes = _size(model)
    inputs = torch.zeros(BATCH, *input_shape, dtype=dtype, device="meta")
    model.train()
    if module is None:
        training, kept = trainer.surrogate_step(lambda: model(inputs))
        update, how = NOTHING, SURROGATE
    else:
        labels = targets(BATCH) if targets else torch.zeros(BATCH, dtype=torch.int64, device="meta")
        training, kept, update, how = _training(model, module, (inputs, labels))
    training = dataclasses.replace(training, activation_bytes=kept)
    return Work(prediction, an_example(training, BATCH), update, parameters, model_bytes, f"{HOW}; {how}")


def _prediction(model: torch.nn.Module, input_shape: tuple[int, ...]) -> tuple[Count, torch.dtype]:
    """One example in evaluation mode; of integers where the model takes no real numbers."""
    model.eval()
    first: Exception | None = None
    for dtype in (torch.float32, torch.int64):
        try:
            with torch.device("meta"), frozen(model):
                example = torch.zeros(1, *input_shape, dtype=dtype)
                with counting() as mode:
                    model(example)
        except Exception as error:  # noqa: BLE001  # a plugin's own code, which may fail in any way
            first = first or error
        else:
            return mode.count(), dtype
    raise UsageError(
        f"The model cannot be counted before it exists: its forward pass on inputs of shape {input_shape} fails "
        f"on the meta device ({type(first).__name__}: {first}). "
        "A space can give the count by a formula of its own, in `flops`."
    ) from first


def _training(
    model: torch.nn.Module, module: Callable[[torch.nn.Module], LightningModule], batch: tuple[torch.Tensor, Any]
) -> tuple[Count, float, Count, str]:
    with torch.device("meta"):
        wrapped = module(model)
    wrapped = wrapped.to("meta").train()
    stand_in = trainer.attach(wrapped)
    try:
        training, kept = trainer.own_step(wrapped, batch)
        how = OWN
    except trainer.NoStepError as error:
        wrapped.zero_grad(set_to_none=True)
        training, kept = trainer.surrogate_step(lambda: model(batch[0]))
        how = f"{SURROGATE}, as the task's step does not run without data ({error})"
    try:
        update = trainer.count_update(wrapped)
    except Exception as error:  # noqa: BLE001  # any optimizer, of any plugin
        update = Count(0.0, uncounted=("optimizer step",))
        how = f"{how}; the optimizer's step does not run without data ({type(error).__name__})"
    del stand_in
    return training, kept, update, how.replace("\n", " ")


def _size(model: torch.nn.Module) -> tuple[int, float]:
    """Number of parameters, and bytes of parameters and buffers; what is shared counts once."""
    numbers: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for tensor in tensors([*model.parameters(), *model.buffers()]):
        storage = tensor.untyped_storage()
        sizes[storage._cdata] = storage.nbytes()  # noqa: SLF001  # the identity PyTorch itself uses
    for parameter in model.parameters():
        storage = parameter.untyped_storage()
        most = storage.nbytes() // parameter.element_size()
        key = storage._cdata  # noqa: SLF001
        numbers[key] = min(numbers.get(key, 0) + parameter.numel(), most)
    return sum(numbers.values()), float(sum(sizes.values()))
