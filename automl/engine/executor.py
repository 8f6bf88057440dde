"""Where trials run. Plain data goes in and comes out, so that it may be another process or another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from automl.training.fit import OnEpoch
    from automl.training.trial import TrialResult, TrialSpec


class Executor(Protocol):
    """Turns a TrialSpec into a TrialResult."""

    def run(
        self, spec: TrialSpec, folder: Path, on_epoch: OnEpoch | None = None, checkpoints: Path | None = None
    ) -> TrialResult:
        """Trains one candidate as far as its spec says and scores it on the validation split.

        Args:
            spec: The candidate.
            folder: What is left of the step.
            on_epoch: Told after each epoch.
            checkpoints: Folder from which the training goes on, and where a stopped one leaves what it needs.
        """

    def evaluate(self, spec: TrialSpec, folder: Path) -> dict[str, float]:
        """Scores a trained candidate on the test split."""


class SerialExecutor:
    """One trial after the other, in this process."""

    def run(
        self, spec: TrialSpec, folder: Path, on_epoch: OnEpoch | None = None, checkpoints: Path | None = None
    ) -> TrialResult:
        """See `automl.training.fit.run_trial`."""
        from automl.training.fit import run_trial

        return run_trial(spec, folder, on_epoch, checkpoints)

    def evaluate(self, spec: TrialSpec, folder: Path) -> dict[str, float]:
        """See `automl.training.fit.evaluate`."""
        from automl.training.fit import evaluate

        return evaluate(spec, folder)
