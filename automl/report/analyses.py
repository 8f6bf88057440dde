"""Analyses: looked up, run, shown as a table and left in the study's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.errors import UsageError
from automl.host import get_host
from automl.parts import Analysis, Strategy
from automl.report import units

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from automl.engine.study import Study
    from automl.parts import Finding

FOLDER = "analyses"
"""Folder within the study's that holds a folder an analysis."""


def names(study: Study) -> tuple[str, ...]:
    """The analyses that say what the study's strategy has shown."""
    try:
        return get_host().part(Strategy, study.settings.strategy or "").analyses
    except UsageError:
        # A study outlives the plugin that proposed its trials.
        return ()


def findings(study: Study) -> dict[str, Finding]:
    """What those analyses found; one that does not fit the study, stopped too early perhaps, is left out."""
    found = {}
    for name in names(study):
        try:
            found[name] = find(study, name)
        except UsageError:
            continue
    return found


def find(study: Study, name: str) -> Finding:
    """Runs an analysis by name.

    Raises:
        UsageError: There is no such analysis, or it does not fit the study.
    """
    return get_host().part(Analysis, name).run(study)


def keep(finding: Finding, folder: Path) -> list[Path]:
    """Writes ``table.csv`` and, where there is a figure, ``figure.png``; returns what was written."""
    import io

    import pandas as pd

    from automl.files import write_bytes, write_text
    from automl.report.plain import csv_text

    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "table.csv"]
    write_text(written[0], csv_text(pd.DataFrame(list(finding.rows))))
    if finding.figure is not None:
        picture = io.BytesIO()
        finding.figure.savefig(picture, format="png", metadata={"Software": None})
        written.append(folder / "figure.png")
        write_bytes(written[1], picture.getvalue())
    return written


def table(finding: Finding) -> Table:
    """The rows for a terminal, figures with their units."""
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD)
    for name in finding.rows[0] if finding.rows else ():
        numbers = all(isinstance(row[name], int | float | None) for row in finding.rows)
        shown.add_column(units.title(name), justify="right" if numbers else "left")
    for row in finding.rows:
        shown.add_row(*(_cell(name, value) for name, value in row.items()))
    return shown


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return units.metric(name, value)
