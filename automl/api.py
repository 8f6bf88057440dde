"""The Python face: `automl.search(...)` and `automl.open_study(...)`. The command line goes through here too."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.engine.database import Database
from automl.engine.resolve import resolve
from automl.engine.run import Search
from automl.engine.settings import Settings
from automl.engine.study import Study
from automl.tracking.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from automl.engine.observer import Observer


def search(space: str, *, observers: Sequence[Observer] = (), **settings: Any) -> Study:
    """Searches a space for the cheapest model that is good enough.

    Example::

        study = automl.search("efficientnet", objective="green", trials=24, set={"normalizer": "bn"})
        study.front  # a DataFrame, the cheapest trial first

    Args:
        space: Name of the search space.
        observers: Objects told of every event.
        **settings: Any setting of `automl.engine.settings.Settings`, such as ``trials``, ``epochs``, ``set``,
            ``study``, ``home``.

    Returns:
        The finished study, kept in the home and open to `open_study` later.

    Raises:
        UsageError: A setting that is unknown, out of range, or at odds with another.
        StorageError: The home cannot be written to.
        StudyError: The study exists with other settings, or is damaged.
        TrialError: No trial succeeded.
    """
    return run(Settings.checked({"space": space, **settings}), observers)


def run(settings: Settings, observers: Sequence[Observer] = (), warn: Callable[[str], None] = warnings.warn) -> Study:
    """Runs a search from checked settings, with tracking as they say; see `search`.

    A tracking store that fails does not stop the search; `warn` is told at the end. It is told beforehand what should
    be known of the data.
    """
    from automl.report.observer import FrontFiles
    from automl.tracking.observer import trackers

    quiet()
    plan = resolve(settings)
    for remark in plan.remarks:
        warn(remark)
    tracking = trackers(plan.settings)
    study = Search(plan, [*observers, FrontFiles(), *tracking]).run()
    for tracker in tracking:
        if tracker.problem:
            warn(f"Tracking is incomplete. {tracker.problem}")
    return study


def open_study(name: str, home: str | Path = "runs", storage: str | None = None) -> Study:
    """Opens a study that an earlier search left.

    Args:
        name: Its name.
        home: The folder it lives in.
        storage: URL of its database, where that is not the home's.

    Raises:
        StudyError: There is no such study, or its database is damaged.
        StorageError: The database does not answer.
        UsageError: `storage` is no URL of a database.
    """
    return Study.open(name, Path(home).expanduser(), storage)


def study_names(home: str | Path = "runs", storage: str | None = None) -> list[str]:
    """Names of the studies in a home, or in the database named.

    Raises:
        StudyError: The database is damaged.
        StorageError: It does not answer.
    """
    return Database(Path(home).expanduser(), storage).names()


@dataclasses.dataclass(frozen=True)
class Sent:
    """What `sync` did.

    Attributes:
        sent: Models that were written.
        unsent: Models that could not be.
        problem: What is wrong with the store; None when all is well.
    """

    sent: int
    unsent: int
    problem: str | None


def sync(study: Study, tracking_uri: str | None = None) -> Sent:
    """Sends to MLflow what it lacks of a study, each thing once.

    Args:
        study: Not being searched.
        tracking_uri: Another store than the one of the search.

    Raises:
        StudyError: The study is being searched; that search sends by itself.
    """
    from automl.engine.hold import held
    from automl.tracking.observer import trackers

    settings = study.settings.model_copy(update={"tracking_uri": tracking_uri or study.settings.tracking_uri})
    [tracking] = trackers(settings)
    with held(study):
        try:
            tracking.opened(study)
            if study.test_openings or study.stopped:
                tracking.finished(study, study.stopped)
        finally:
            tracking.close()
    return Sent(tracking.tracker.sent, tracking.tracker.unsent, tracking.problem)
