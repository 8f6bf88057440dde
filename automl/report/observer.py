"""Leaves the front in the study's folder as a table and as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.engine.observer import Observer

if TYPE_CHECKING:
    from automl.engine.study import Study

FOLDER = "front"
"""Folder within the study's that holds the front's files."""


class FrontFiles(Observer):
    """Writes ``front.csv``, ``trials.csv``, ``front.html`` and ``front.png`` when the search is over."""

    def finished(self, study: Study, reason: str) -> None:
        """Writes the files, each whole or not at all."""
        from automl.files import write_text
        from automl.report.figures import front_figure_html, front_figure_png

        folder = study.folder / FOLDER
        write_text(folder / "front.csv", study.front.to_csv(index=False))
        write_text(folder / "trials.csv", study.trials.to_csv(index=False))
        front_figure_html(study.records, study.goals, folder / "front.html")
        front_figure_png(study.records, study.goals, folder / "front.png")
