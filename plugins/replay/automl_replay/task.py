"""The task ``recorded``: there is nothing to train, only a score to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from automl.errors import UsageError
from automl.parts import Config, DataSpec, Task

if TYPE_CHECKING:
    import torch

NAME = "recorded"
MIN, MAX = ":min", ":max"


class RecordedTask(Task):
    """A score that was written down.

    A variant lists the metrics of the benchmark, the score first, with ``:min`` where less of it is better:
    ``recorded:accuracy,latency_ms_fpga``, ``recorded:val_loss:min``. Data sources of this plugin write it.

    Args:
        text: The variant.
    """

    summary = "a score that was looked up; recorded:METRIC names another, recorded:METRIC:min one to minimise"
    variants: ClassVar[dict[str, str]] = {
        "METRIC": "the score, such as recorded:accuracy; more metrics after commas",
        "METRIC:min": "a score of which less is better",
    }

    def __init__(self, text: str = "") -> None:
        self.name = f"{NAME}:{text}" if text else NAME
        score, *others = (text or "accuracy").split(",")
        if score.endswith(MIN):
            self.direction = "minimize"
        self.score = score.removesuffix(MIN).removesuffix(MAX)
        self.metrics = (self.score, *others)

    def variant(self, text: str) -> Task:
        """Another score."""
        task = RecordedTask(text)
        if not all(metric and ":" not in metric for metric in task.metrics):
            raise UsageError(f"After {NAME}: come metrics, as in accuracy or val_loss:min, not {text!r}.")
        return task

    def module(self, model: torch.nn.Module, config: Config, spec: DataSpec) -> NoReturn:
        """There is nothing to train.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"Data {spec.source!r} is a table of trainings; nothing is trained, so there is no model.")

    def decode(self, outputs: torch.Tensor, spec: DataSpec) -> list[dict[str, Any]]:
        """There are no outputs.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"Data {spec.source!r} is a table of trainings; no model of it can predict.")
