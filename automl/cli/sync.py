"""``automl sync``: sends to MLflow what a search could not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automl.cli.arguments import home_option, json_option, storage_option

if TYPE_CHECKING:
    from automl.engine.study import Study

EPILOG = """\b
A search sends its trials while it runs, and never waits for MLflow. What it
could not send, because the server was down or the search was killed, is sent by
this command or by the next sitting of the study, each trial once.
"""


@click.command("sync", epilog=EPILOG)
@click.argument("studies", metavar="[STUDY]...", nargs=-1)
@click.option(
    "--tracking-uri", envvar="AUTOML_TRACKING_URI", metavar="URI", help="Another store than the one of the search."
)
@home_option
@storage_option
@json_option
def command(studies: tuple[str, ...], home: Path, storage: str | None, as_json: bool, tracking_uri: str | None) -> None:
    """Send to MLflow what it lacks of each STUDY, or of all studies of the home."""
    from automl.api import open_study, study_names, sync
    from automl.cli.console import print_json, stdout_console
    from automl.errors import StorageError, UsageError

    found: list[dict[str, Any]] = []
    console, problems = stdout_console(), []
    for name in studies or study_names(home, storage):
        study = open_study(name, home, storage)
        if (tracking_uri or study.settings.tracking_uri) == "off":
            if studies and tracking_uri is None:
                raise UsageError(f"Study {name!r} was searched without tracking: name a store with --tracking-uri.")
            continue
        sent = sync(study, tracking_uri)
        found.append({"study": name, **vars(sent)})
        problems += [sent.problem] if sent.problem else []
        if not as_json:
            console.print(_sentence(study, sent.sent, sent.unsent), highlight=False, soft_wrap=True)
    if as_json:
        print_json(found)
    elif not found:
        console.print("There is no study to send.")
    if problems:
        raise StorageError(f"Tracking is incomplete. {problems[0]}")


def _sentence(study: Study, sent: int, unsent: int) -> str:
    there = len(study.records) - sent - unsent
    left = f", {unsent} could not be sent" if unsent else ""
    return f"{study.name}: {sent} models sent, {there} were there{left}."
