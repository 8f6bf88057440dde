"""LCBench through the surrogate of YAHPO Gym: a net in an ONNX file that answers for any candidate and epoch."""

from __future__ import annotations

import functools
import json
import math
from typing import TYPE_CHECKING, Any

from automl.errors import UsageError, unknown_name
from automl.parts import Config, Float, Integer, Recording
from automl.price.tag import Figure, PriceTag
from automl_replay.files import find

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from automl.parts import Dimension

EPOCHS = (2, 6, 17, 52)
INPUTS = (
    "batch_size",
    "learning_rate",
    "momentum",
    "weight_decay",
    "num_layers",
    "max_units",
    "max_dropout",
)
"""What the net takes after the epoch, in its order."""

OUTPUTS = (
    "time",
    "val_accuracy",
    "val_cross_entropy",
    "val_balanced_accuracy",
    "test_cross_entropy",
    "test_balanced_accuracy",
)
PERCENT = 0.01
LARGEST_CODE = 2**31
REMEMBERED = 4096
"""Candidates whose answers are kept; a search that goes on with one asks for it again."""

HOW = "looked up: LCBench, surrogate of YAHPO Gym"

DIMENSIONS: tuple[Dimension, ...] = (
    Integer("batch_size", 16, 512, 91, log=True),
    Float("learning_rate", 1e-4, 0.1, 3.16e-3, log=True),
    Float("momentum", 0.1, 0.99, 0.545),
    Float("weight_decay", 1e-5, 0.1, 0.050005),
    Integer("num_layers", 1, 5, 3),
    Integer("max_units", 64, 1024, 256, log=True),
    Float("max_dropout", 0.0, 1.0, 0.5),
)


class LCBenchmark:
    """The surrogate of one task.

    Args:
        folder: Holds ``model.onnx`` and ``encoding.json``.
        task: OpenML's number of the task.

    Raises:
        UsageError: A file is missing or damaged, or the task is none of the benchmark's.
    """

    epochs: tuple[int, ...] = EPOCHS
    dimensions: tuple[Dimension, ...] = DIMENSIONS

    def __init__(self, folder: Path, task: str) -> None:
        self._model = find(folder, ("model.onnx",), "the surrogate `lcbench/model.onnx` of YAHPO Gym's data")
        encoding = find(folder, ("encoding.json",), "the file `lcbench/encoding.json` of YAHPO Gym's data")
        codes = _codes(encoding)
        if task not in codes:
            raise unknown_name("task of LCBench", task, codes)
        self._code = codes[task]
        self._session = _session(self._model)
        self._curve = functools.lru_cache(maxsize=REMEMBERED)(self._run)

    def look_up(self, config: Config, epochs: int) -> Recording:
        """The surrogate's answer; what was paid is the most it says of any rung up to this one.

        Raises:
            KeyError: It was not asked at one of the `epochs`.
        """
        if epochs not in EPOCHS:
            raise KeyError(epochs)
        rung = EPOCHS.index(epochs)
        curve = self._curve(tuple(float(config[name]) for name in INPUTS))
        row = dict(zip(OUTPUTS, curve[rung], strict=True))
        paid_s = max(0.0, *(answer[0] for answer in curve[: rung + 1]))
        return Recording(
            metrics={
                "accuracy": row["val_accuracy"] * PERCENT,
                "balanced_accuracy": row["val_balanced_accuracy"],
                "cross_entropy": row["val_cross_entropy"],
            },
            training=PriceTag({"wall_s": Figure(paid_s, "estimated", HOW)}),
            prediction=PriceTag(),
            test_metrics={
                "balanced_accuracy": row["test_balanced_accuracy"],
                "cross_entropy": row["test_cross_entropy"],
            },
        )

    def before(self, config: Config) -> Recording | None:
        """Nothing is known without training."""
        return None

    def settle(self, config: Config) -> Config:
        """Every point is a candidate."""
        return config

    def landmarks(self) -> Sequence[Config]:
        """The defaults, and the smallest net in the largest batches."""
        return [{}, {"num_layers": 1, "max_units": 64, "batch_size": 512}]

    def _run(self, values: tuple[float, ...]) -> list[list[float]]:
        """The outputs at every epoch, asked for in one call."""
        import numpy as np

        inputs = {
            "x_cont": np.array([[epoch, *values] for epoch in EPOCHS], dtype=np.float32),
            "x_cat": np.full((len(EPOCHS), 1), self._code, dtype=np.int32),
        }
        try:
            (answer,) = self._session.run(None, inputs)
            rows: list[list[float]] = [[float(value) for value in row] for row in answer]
        except Exception as error:  # the runtime has errors of its own for a net of another form
            raise UsageError(f"{self._model} is no surrogate of LCBench: {error}") from error
        if any(len(row) != len(OUTPUTS) or not all(map(math.isfinite, row)) for row in rows):
            raise UsageError(f"{self._model} does not answer with {len(OUTPUTS)} finite numbers, as LCBench's does.")
        return rows


def _codes(path: Path) -> dict[str, int]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["OpenML_task_id"]
        # Those that the net's input has no room for are no tasks of it.
        return {str(task): int(code) for task, code in found.items() if task != "#na#" and 0 <= code < LARGEST_CODE}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UsageError(f"{path} does not number the tasks under OpenML_task_id: {error!r}") from error


@functools.cache
def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Four rows of a small net: a second thread costs more than it brings.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises what it likes
        raise UsageError(f"{path} is no net that ONNX Runtime can read: {error}") from error
