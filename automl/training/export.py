"""Writes a trained model in formats that other programs read."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from typing import TYPE_CHECKING

from automl.errors import TrialError, UsageError
from automl.files import write_bytes
from automl.training.parts import load_model

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from automl.training.trial import TrialSpec

FORMATS = ("safetensors", "onnx")
KEY = "automl"
"""Under which an exported file keeps its trial's spec."""

TOLERANCE = 1e-4
"""Largest difference between an exported model's outputs and the original's that is let pass."""


def export(spec: TrialSpec, folder: Path, kind: str, path: Path) -> None:
    """Writes a trial's model to `path`.

    Args:
        spec: The trial's spec.
        folder: The trial's folder.
        kind: One of `FORMATS`. ``safetensors`` holds the weights, with the spec in its metadata under ``automl``;
            ``onnx`` holds the whole model, from ``input`` of shape ``(batch, *input_shape)`` to ``output``, and the
            same metadata; the exporter folds batch normalization into the convolution before it.
        path: The file to make.

    Raises:
        UsageError: An unknown format, or the packages for it are not installed.
        StudyError: The trial left no whole weights.
        TrialError: The exported model does not give the same outputs.
    """
    if kind not in FORMATS:
        raise UsageError(f"There is no format {kind!r}; known: {', '.join(FORMATS)}.")
    model = load_model(spec, folder)
    data = _onnx(spec, model) if kind == "onnx" else _safetensors(spec, model)
    write_bytes(path, data)


def read_spec(path: Path) -> TrialSpec:
    """The spec of the trial whose model was exported to `path`; the weights are not looked at.

    Raises:
        UsageError: The file is missing or damaged, or this program did not write it.
    """
    from automl.training.trial import TrialSpec

    try:
        text = (_onnx_metadata if path.suffix.lower() == ".onnx" else _safetensors_metadata)(path).get(KEY)
    except ImportError as error:
        raise UsageError(f"ONNX needs more packages ({error}): pip install 'automl-host[onnx]'.") from error
    except Exception as error:
        raise UsageError(f"{path} cannot be read as an exported model: {error}.") from error
    if text is None:
        raise UsageError(f"{path} was not exported by automl: it does not say what model it holds.")
    try:
        return TrialSpec.from_json(json.loads(text))
    except Exception as error:  # whoever wrote the file may have put anything there
        raise UsageError(f"{path} does not say what model it holds: {type(error).__name__}: {error}.") from error


def _safetensors_metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def _onnx_metadata(path: Path) -> dict[str, str]:
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    return {entry.key: entry.value for entry in model.metadata_props}


def _safetensors(spec: TrialSpec, model: torch.nn.Module) -> bytes:
    from safetensors.torch import save

    return save(dict(model.state_dict()), metadata={KEY: json.dumps(spec.to_json())})


def _onnx(spec: TrialSpec, model: torch.nn.Module) -> bytes:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(f"ONNX needs more packages ({error}): pip install 'automl-host[onnx]'.") from error
    import torch

    # Two examples at the least: torch.export takes a batch of one for a constant.
    example = torch.rand(2, *spec.data.input_shape, generator=torch.Generator().manual_seed(0))
    buffer = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (example,),
            input_names=["input"],
            output_names=["output"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        program.model.metadata_props[KEY] = json.dumps(spec.to_json())
        program.save(buffer)  # type: ignore[arg-type]  # the stub forgets that onnx writes to streams too
    data = buffer.getvalue()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    probe = torch.rand(5, *spec.data.input_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = model(probe)
    got = torch.from_numpy(session.run(None, {"input": probe.numpy()})[0])
    difference = float((wanted - got).abs().max())
    if not difference <= TOLERANCE:
        raise TrialError(
            f"The ONNX model's outputs differ from the original's by {difference:.2g}; nothing was written."
        )
    return data
