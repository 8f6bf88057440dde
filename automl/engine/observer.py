"""Who wants to know how a search goes: the live view, the tracker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.engine.estimate import Estimate
    from automl.engine.record import Record
    from automl.engine.study import Study
    from automl.training.trial import TrialSpec


class Observer:
    """Told of every event of a search, in order, from the driver; a method left out is an event not cared for."""

    def opened(self, study: Study) -> None:
        """The study is there and held by this process; nothing has been spent yet."""

    def chosen(self, study: Study, told: Sequence[str]) -> None:
        """A probe has chosen another way to compute than is usual; `told` says which and why, in sentences."""

    def prepared(self, study: Study, estimate: Estimate | None, remaining: int) -> None:
        """The search is about to start: what it will cost, and how many trials are still to come."""

    def trial_started(self, spec: TrialSpec, label: str) -> None:
        """A candidate goes to training."""

    def epoch_finished(self, spec: TrialSpec, epoch: int, metrics: dict[str, float]) -> None:
        """A candidate has seen the training split once more; `epoch` counts from 1."""

    def trial_finished(self, study: Study, record: Record) -> None:
        """A candidate is done, well or ill."""

    def stopping(self) -> None:
        """The user wants the search to end when what is under way is done; called from a signal's handler."""

    def waiting(self, cause: str) -> None:
        """The database cannot be written to, and the search tries again for some minutes before it gives up."""

    def testing(self, study: Study, count: int) -> None:
        """The test split is opened for `count` trials of the front."""

    def finished(self, study: Study, reason: str) -> None:
        """The search is over; `reason` is empty when all trials ran."""

    def close(self) -> None:
        """Always called last, after errors and interruptions too."""

    @property
    def problem(self) -> str | None:
        """What the observer could not do, told to the user after the search; None when all is well."""
        return None
