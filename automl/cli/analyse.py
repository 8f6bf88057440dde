"""``automl analyse``: what can be learned from a study."""

from __future__ import annotations

from pathlib import Path

import click

from automl.cli.arguments import home_option, json_option, storage_option

EPILOG = """\b
Without NAME, the analyses that belong to the study's strategy. Each leaves
table.csv and, where there is something to draw, figure.png in the study's
folder, under analyses/NAME. `automl plugins` lists what is installed.
"""


@click.command("analyse", epilog=EPILOG)
@click.argument("study")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@home_option
@storage_option
@json_option
def command(study: str, names: tuple[str, ...], home: Path, storage: str | None, as_json: bool) -> None:
    """Make reports of STUDY: tables, pictures and what they say."""
    from automl.api import open_study
    from automl.cli.console import print_json, stdout_console
    from automl.cli.outcome import print_finding
    from automl.errors import UsageError
    from automl.host import get_host
    from automl.parts import Analysis
    from automl.report import analyses

    opened = open_study(study, home, storage)
    if not (chosen := names or analyses.names(opened)):
        known = ", ".join(part.name for part in get_host().parts(Analysis)) or "none"
        raise UsageError(f"No analysis belongs to the strategy of {opened.name}; name one. Installed: {known}.")
    shown = []
    for name in chosen:
        finding = analyses.find(opened, name)
        files = analyses.keep(finding, opened.folder / analyses.FOLDER / name)
        shown.append(
            {
                "analysis": name,
                "title": finding.title,
                "rows": list(finding.rows),
                "sentences": list(finding.sentences),
                "files": [str(path) for path in files],
            }
        )
        if not as_json:
            print_finding(finding)
            stdout_console().print(f"\nWritten: {', '.join(map(str, files))}", highlight=False, soft_wrap=True)
    if as_json:
        print_json(shown)
