"""How long one prediction takes on the machine at hand."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

WARM_UPS, LEAST_RUNS, MOST_RUNS = 3, 5, 50
ENOUGH_S = 0.1

HOW = "median wall time of single predictions on this machine"


def time_prediction(model: torch.nn.Module, input_shape: tuple[int, ...]) -> tuple[float, int]:
    """Times forward passes in evaluation mode with one example, threads as they are set.

    Args:
        model: Whose mode is left as it was; its device is where the time is taken.
        input_shape: Shape of one example, without the batch.

    Returns:
        The median in seconds, and how many passes were made in all.
    """
    import torch

    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    example = torch.rand(1, *input_shape, generator=torch.Generator().manual_seed(0)).to(device)
    mode = model.training
    model.eval()
    seconds: list[float] = []
    with torch.inference_mode():
        for _ in range(WARM_UPS):
            model(example)
        _finish(device)
        while len(seconds) < LEAST_RUNS or (sum(seconds) < ENOUGH_S and len(seconds) < MOST_RUNS):
            start = time.perf_counter()
            model(example)
            _finish(device)
            seconds.append(time.perf_counter() - start)
    model.train(mode)
    return statistics.median(seconds), WARM_UPS + len(seconds)


def _finish(device: torch.device) -> None:
    """Waits for what was only queued."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
