"""Weights that somebody trained before, from a file of theirs: read as data, and only into the model they are of."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import warnings
from typing import TYPE_CHECKING, Any

import timm
import torch
from timm.models import load_state_dict

from automl.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Weights:
    """What a file holds.

    Attributes:
        state: Tensors by timm's names.
        sha256: Of the file's bytes, in hexadecimal.
        classes: Outputs of the classifier in it.
        mean: Mean of each channel that the model was trained with, for pixels in [0, 1].
        std: Standard deviation of each channel that it was trained with.
    """

    state: dict[str, torch.Tensor]
    sha256: str
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def standardisation(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation for images of so many channels; of another number than the model's each has the mean."""
        if channels == len(self.mean):
            return self.mean, self.std
        mean, std = (sum(values) / len(values) for values in (self.mean, self.std))
        return (mean,) * channels, (std,) * channels

    def create(self, name: str, **arguments: Any) -> torch.nn.Module:
        """The model with these weights, adapted by timm: another classifier and another first convolution if need be.

        Where `num_classes` is that of the file its classifier is kept, else there is a new one. Of a first convolution
        for one channel the weights are the sum over the file's channels.

        Args:
            name: As timm calls the model.
            arguments: Of `timm.create_model`.

        Raises:
            RuntimeError: The weights do not fit the model; the message lists what is missing or too much.
        """
        # Given as a dict the weights come before all that timm would download or unpickle by itself.
        overlay = {"state_dict": dict(self.state), "num_classes": self.classes, "label_offset": 0, "custom_load": False}
        model: Any = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, **arguments)
        model.pretrained_cfg.pop("state_dict", None)  # else the model would keep a second copy
        made: torch.nn.Module = model
        return made


def read_weights(path: Path, name: str) -> Weights:
    """The weights in a file, shown to be those of the architecture.

    Args:
        path: A ``.safetensors`` file, or one of ``torch.save`` that holds tensors and plain values alone.
        name: As timm calls the architecture.

    Raises:
        UsageError: The file is missing or unreadable, would run code, or holds another model's weights.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(f"The weights {path} cannot be read: {error.strerror}.") from error
    if not path.is_file():
        raise UsageError(f"The weights {path} are no file.")
    return _read(path.resolve(), name, (status.st_size, status.st_mtime_ns))


# Size and time stand for the content; a search asks for the same file again and again.
@functools.lru_cache(maxsize=1)
def _read(path: Path, name: str, stamp: tuple[int, int]) -> Weights:  # noqa: ARG001 - it is there for the cache
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        state: dict[Any, Any] = load_state_dict(str(path), weights_only=True)
    except Exception as error:  # what a damaged file makes its reader raise depends on the damage
        raise UsageError(
            f"{path} cannot be read as weights, in safetensors or in torch.save's format with tensors alone: "
            f"{_told(error)}"
        ) from error
    if not all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()):
        raise UsageError(f"{path} holds other things than tensors by name.")
    known = timm.get_pretrained_cfg(name, allow_unregistered=True) or timm.models.PretrainedCfg()
    weights = Weights(state, sha256, _classes(state, known), tuple(known.mean), tuple(known.std))
    _check(path, name, weights)
    return weights


def _classes(state: dict[str, torch.Tensor], known: Any) -> int:
    """Outputs of the classifier in a file; what timm expects where the file names it otherwise."""
    names = known.classifier if isinstance(known.classifier, tuple | list) else (known.classifier,)
    held = [state[f"{name}.weight"] for name in names if f"{name}.weight" in state]
    return len(held[0]) if held and held[0].ndim else int(known.num_classes)


def _check(path: Path, name: str, weights: Weights) -> None:
    """Loads them without adapting: for another classifier timm would also load weights that fit nowhere, and go on."""
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that nothing is copied to the meta device
            weights.create(name, num_classes=weights.classes)
    except Exception as error:  # names and shapes are somebody else's, and each architecture reads them its own way
        raise UsageError(f"{path} does not hold the weights of timm's {name}: {_told(error)}") from error


def _told(error: Exception) -> str:
    """The beginning of what an error says; a whole list of layers would be pages."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:300]} ..."  # noqa: PLR2004
