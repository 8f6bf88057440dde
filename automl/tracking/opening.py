"""Opens an MLflow store: the schema, the experiment, and what an earlier sitting left there."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import os
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from automl.files import alone_in

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PARENT = "mlflow.parentRunId"
KEY = "automl.study"
"""Tag that finds a study's run again: a later sitting, another machine, or the same after an answer that was lost."""

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""MLflow's own would hold the search up for minutes when a server is down."""


@dataclasses.dataclass
class Child:
    """A trial in the store.

    Attributes:
        run: Id of its run.
        tags: What the store holds.
        whole: Whether all of it was written; False for one that a killed search began.
    """

    run: str
    tags: dict[str, str]
    whole: bool


@contextlib.contextmanager
def opened(uri: str) -> Iterator[MlflowClient]:
    """A client of the store; while the block lasts no other process opens the same SQLite file.

    Processes that make the schema of one file at the same time break it.
    """
    if uri.startswith(("http://", "https://")):
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    with _alone(uri):
        yield MlflowClient(uri)


def find_experiment(client: MlflowClient, name: str, artifacts: str | None) -> str:
    """Id of the experiment of that name, which is made when it is missing.

    Raises:
        ValueError: It has its artifacts elsewhere than in `artifacts`: a database that somebody else made, or a home
            that was moved, would have them written out of the home.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException:
            # On a server another search may have been quicker.
            if (found := client.get_experiment_by_name(name)) is None:
                raise
    if artifacts is not None and not within(found.artifact_location, artifacts):
        raise ValueError(
            f"experiment {name} has its artifacts at {found.artifact_location}, outside the home. Move mlflow.db away: "
            "the next sitting of a study makes a new one that holds all of it"
        )
    return str(found.experiment_id)


def within(location: str, artifacts: str) -> bool:
    """Whether artifacts at `location` lie where they should, both URIs."""
    place, root = (urllib.parse.urlsplit(uri) for uri in (location, artifacts))
    # Resolved, so that neither dots, however they are written, nor links lead out.
    path, folder = (Path(urllib.request.url2pathname(uri.path)).resolve() for uri in (place, root))
    return place.scheme in {"", root.scheme} and path.is_relative_to(folder)


def find_children(client: MlflowClient, experiment: str, parent: str) -> dict[str, Child]:
    """The trials that are in the store, by name."""
    found: dict[str, Child] = {}
    token: str | None = ""
    while token is not None:
        page = client.search_runs([experiment], f"tags.`{PARENT}` = '{parent}'", max_results=1000, page_token=token)
        for run in page:
            if "trial" in run.data.tags:
                whole = run.info.status in {"FINISHED", "FAILED"}
                found[run.data.tags["trial"]] = Child(run.info.run_id, dict(run.data.tags), whole)
        token = page.token or None
    return found


def find_parent(client: MlflowClient, experiment: str, key: str, artifacts: str | None = None) -> Run | None:
    """The run of the study that has this key, not deleted, and with its artifacts where they should be."""
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{key}'")
    return next((run for run in found if artifacts is None or within(str(run.info.artifact_uri), artifacts)), None)


def own(tags: Mapping[str, str]) -> dict[str, str]:
    """`tags` and those by which MLflow's pages tell who made a run."""
    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):
        user = "unknown"
    return {"mlflow.source.name": "automl", "mlflow.source.type": "LOCAL", "mlflow.user": user, **tags}


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    folder = Path(uri.removeprefix("sqlite:///")).parent
    if not uri.startswith("sqlite:///") or not folder.is_dir():
        yield
        return
    with alone_in(folder):
        yield
