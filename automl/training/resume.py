"""What Lightning's checkpoint lacks, carried in it by a callback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Callback

from automl.errors import TrialError
from automl.price.tag import PriceTag
from automl.training.checkpoint import identity

if TYPE_CHECKING:
    from pathlib import Path

    from automl.training.callbacks import Diary
    from automl.training.checkpoint import Randomness
    from automl.training.trial import TrialSpec


class Resume(Callback):
    """Keeps the candidate, what was counted, what was paid and all randomness in the checkpoint of a step.

    Args:
        spec: The candidate.
        diary: What was counted.
        randomness: Of the training.
    """

    def __init__(self, spec: TrialSpec, diary: Diary, randomness: Randomness) -> None:
        self.paid = PriceTag()
        self._identity = json.dumps(identity(spec), sort_keys=True)
        self._diary = diary
        self._randomness = randomness
        self._state: dict[str, Any] = {}

    def note(self) -> None:
        """Writes the randomness down; to be called right after the training, before anything else draws from it."""
        self._state = self._randomness.state()

    def state_dict(self) -> dict[str, Any]:
        """What goes into the checkpoint, made of what `torch.load` takes with ``weights_only``."""
        return {
            "spec": self._identity,
            "counts": self._diary.counts(),
            "paid": json.dumps(self.paid.to_json()),
            "randomness": self._state,
        }

    def read(self, path: Path) -> PriceTag:
        """Takes from a checkpoint what Lightning does not, before the training starts.

        Returns:
            What the steps before have cost.

        Raises:
            TrialError: The file is damaged or of another candidate.
        """
        try:
            whole = torch.load(path, map_location="cpu", weights_only=True)
            kept = whole["callbacks"][self.state_key]
            paid = PriceTag.from_json(json.loads(kept["paid"]))
        except Exception as error:
            raise TrialError(f"the checkpoint {path} is damaged: {type(error).__name__}: {error}") from error
        if kept["spec"] != self._identity:
            raise TrialError(f"the checkpoint {path} is of another candidate")
        self._diary.go_on(kept["counts"])
        self._randomness.restore(kept["randomness"])
        return paid
