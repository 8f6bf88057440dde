"""Arguments that several commands share: a study, a trial of it, the home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from automl.engine.record import Record
    from automl.engine.study import Study

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    envvar="AUTOML_HOME",
    help="Folder of the studies.  [default: runs]",
)

storage_option = click.option(
    "--storage",
    envvar="AUTOML_STORAGE",
    metavar="URL",
    help="Database of the studies, where it is not the home's.",
)


def _devices(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """``--device a,b --device c`` as a, b, c."""
    return tuple(dict.fromkeys(name.strip() for value in values for name in value.split(",") if name.strip()))


device_option = click.option(
    "--device",
    "devices",
    multiple=True,
    callback=_devices,
    metavar="NAME,...",
    help="Price a prediction on these devices too (see `automl plugins`); this-machine after `automl calibrate`.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def find_trial(study: Study, text: str) -> Record:
    """The trial a person means: its number, ``7@3`` for trial 7 after 3 epochs, or ``best``, ``knee``, ``cheapest``.

    Raises:
        UsageError: There is none of that number, or the text is neither.
    """
    from automl.engine.pick import WAYS

    return study.pick(text) if text in WAYS else study.record(text)
