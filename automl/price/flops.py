"""Counts the floating-point operations of a model before it exists, on the meta device."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from automl.price.tag import Figure, PriceTag

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

HOW = "torch FlopCounterMode on the meta device: convolutions, matrix products, attention"


@dataclasses.dataclass(frozen=True)
class Work:
    """The operations of one model.

    Attributes:
        prediction_flops: FLOPs of a forward pass in evaluation mode, one example.
        training_flops: FLOPs of a forward and backward pass in training mode, one example.
        parameters: Number of parameters.
    """

    prediction_flops: int
    training_flops: float
    parameters: int

    def prediction(self) -> PriceTag:
        """The price of one prediction."""
        return PriceTag({"flops": Figure(float(self.prediction_flops), "counted", HOW)})

    def training(self, examples: int) -> PriceTag:
        """The price of training on `examples` examples, an example seen twice counting twice."""
        return PriceTag({"flops": Figure(self.training_flops * examples, "counted", HOW)})


def count(build: Callable[[], torch.nn.Module], input_shape: tuple[int, ...]) -> Work:
    """Counts a model's work without allocating it.

    Gradients stay enabled in both passes: without them PyTorch's fused fast paths hide attention and
    transformer layers from the counter. Normalizations, activations and the optimizer's step are not counted.

    Args:
        build: Makes the model; it is called once, under the meta device.
        input_shape: Shape of one example, without the batch.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = build()
        one, two = (torch.zeros(batch, *input_shape) for batch in (1, 2))
        with FlopCounterMode(display=False) as forward:
            model.eval()(one)
        with FlopCounterMode(display=False) as step:
            model.train()(two).sum().backward()
    return Work(
        prediction_flops=forward.get_total_flops(),
        training_flops=step.get_total_flops() / 2,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )
