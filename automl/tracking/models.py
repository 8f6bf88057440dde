"""A trained model as an MLflow model."""

from __future__ import annotations

import importlib.metadata
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from mlflow import MlflowClient
    from mlflow.entities import Run

ORIGIN = ("mlflow.source.", "mlflow.user")
"""Tags of a run that say who made it; its model has them too."""

NAME = "model"
"""Under a trial's run, so that ``runs:/<run id>/model`` finds it."""


def log_model(client: MlflowClient, run: Run, model: torch.nn.Module, example: np.ndarray) -> None:
    """Logs a model with signature and input example, as a pt2 program that holds no pickle.

    These are the steps of ``mlflow.pytorch.log_model`` without three of its habits: it knows only one store a process,
    it opens the run again, and it loads the model back to predict the example, which doubles the time.

    Args:
        client: The store.
        run: The trial's run.
        model: The bare model, in evaluation mode on the CPU, from one tensor to one tensor.
        example: Two inputs or more, ``(examples, ...)``; a batch of one would be exported as a constant.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.models import Model

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        described = Model(run_id=run.info.run_id)
        _save(path, described, model, example)
        for begun in client.search_logged_models(
            [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
        ):
            # Of an earlier try, which was cut off: the run would know it if it were whole.
            client.delete_logged_model(begun.model_id)
        # Only now, so that a model that cannot be exported leaves no entry without content.
        logged = client.create_logged_model(
            run.info.experiment_id,
            name=NAME,
            source_run_id=run.info.run_id,
            params=run.data.params,
            tags={name: value for name, value in run.data.tags.items() if name.startswith(ORIGIN)},
        )
        described.model_id = described.model_uuid = logged.model_id
        described.artifact_path = logged.artifact_location
        described.save(str(path / "MLmodel"))
        client.log_model_artifacts(logged.model_id, str(path))
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, 0)])
    client.log_batch(run.info.run_id, metrics=_final_figures(client, run, logged.model_id))


def has_model(run: Run) -> bool:
    """Whether a model was logged under the run."""
    return bool(run.outputs and run.outputs.model_outputs)


def _save(path: Path, described: Any, model: torch.nn.Module, example: np.ndarray) -> None:
    import mlflow.pytorch
    import torch
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    # Without gradients torch.export takes half the time, and gives the same program.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        outputs = model(torch.from_numpy(example)).numpy()
        mlflow.pytorch.save_model(
            model,
            str(path),
            mlflow_model=described,
            signature=ModelSignature(
                Schema([TensorSpec(example.dtype, (-1, *example.shape[1:]))]),
                Schema([TensorSpec(outputs.dtype, (-1, *outputs.shape[1:]))]),
            ),
            input_example=example,
            # Named here, because MLflow would find them out by importing everything in another process.
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in ("mlflow", "torch", "numpy")],
            serialization_format="pt2",
        )


def _final_figures(client: MlflowClient, run: Run, model: str) -> list[Any]:
    """The run's figures once more, as the model's: this is how MLflow's model table comes by its columns."""
    from mlflow.entities import Metric

    points = [point for name in run.data.metrics for point in client.get_metric_history(run.info.run_id, name)]
    return [
        Metric(point.key, point.value, point.timestamp, point.step, model_id=model, run_id=run.info.run_id)
        for point in points
        if point.step == 0 and point.model_id is None
    ]
