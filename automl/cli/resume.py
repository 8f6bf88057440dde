"""``automl resume``: goes on with a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from automl.cli.arguments import home_option, json_option, storage_option

EPILOG = """\b
All settings are the study's own. What was under way when it was interrupted or
killed goes on from its checkpoint; nothing that was finished is done again.
"""


@click.command("resume", epilog=EPILOG)
@click.argument("study")
@click.option("--trials", help="Candidates in all, or +N for N more than there are.")
@click.option("--time", help="Wall time the whole study may take, such as 10m.")
@click.option("--budget", multiple=True, metavar="AMOUNT", help="What the whole study may cost. May be repeated.")
@click.option("--jobs", type=click.IntRange(1, 4096), help="Trials at a time.")
@click.option("--executor", help="Where trials run.")
@click.option("--address", help="Address of a running cluster.")
@home_option
@storage_option
@json_option
def command(study: str, home: Path, storage: str | None, as_json: bool, **given: Any) -> None:
    """Go on with STUDY where it was interrupted, killed, or out of its budget."""
    from automl import api
    from automl.cli.search import run_and_show
    from automl.engine.settings import Settings

    opened = api.open_study(study, home, storage)
    changed = {name: value for name, value in given.items() if value}
    if "jobs" in changed and "executor" not in changed and not changed.get("address", opened.settings.address):
        # The executor that was chosen for other jobs is no wish of the user.
        changed["executor"] = None
    if changed.get("executor") not in {None, opened.settings.executor} and "address" not in changed:
        # Another executor has another cluster, if any.
        changed["address"] = None
    kept = opened.settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    where = {"study": study, "home": home, "storage": storage}
    run_and_show(Settings.checked({**kept, **changed, **where}), as_json=as_json)
