"""Counts what a model computes: the door to `automl.price.counting`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from lightning.pytorch import LightningModule

    from automl.price.work import Count, Work


def count(
    build: Callable[[], torch.nn.Module],
    input_shape: tuple[int, ...],
    *,
    module: Callable[[torch.nn.Module], LightningModule] | None = None,
    targets: Callable[[int], Any] | None = None,
) -> Work:
    """Counts a model's work without allocating it, on the meta device.

    The prediction is a forward pass in evaluation mode, one example; its memory is the most intermediate results that
    live at one time, parameters and the input itself not included. The training is a step at a batch of two, halved:
    forward pass, loss, backward pass; its memory is what lives between the two passes, and its profile names the calls
    of the whole step, which a batch of any size needs once. Without `module`, or where its step asks for the values of
    numbers, the loss is the sum of the outputs; `Work.how` says so.

    Gradients stay enabled in evaluation, but no parameter asks for one: nothing is kept for a backward pass.

    Args:
        build: Makes the model; it is called once, under the meta device.
        input_shape: Shape of one example, without the batch.
        module: The task's LightningModule around a model, whose training step and optimizers are counted.
        targets: The targets of so many examples, on the meta device; class indices when None.

    Raises:
        UsageError: The model's forward pass does not run on the meta device.
    """
    from automl.price.counting.model import count_model

    return count_model(build, input_shape, module, targets)


def count_call(function: Callable[[], object]) -> Count:
    """Counts whatever runs inside `function`, on real tensors as on those of the meta device.

    Fused fast paths have formulas too, so gradients may be enabled or not. The memory is the peak of live results.
    """
    from automl.price.counting.mode import count_call as run

    return run(function)


def multiply_add_flops(count: Count) -> float:
    """The FLOPs of products, convolutions and attention alone: twice the MACs that papers print."""
    from automl.price.counting.table import MULTIPLY_ADDS

    return sum(flops for name, flops in count.by_operator.items() if name in MULTIPLY_ADDS)
