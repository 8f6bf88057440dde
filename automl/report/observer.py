"""Leaves the front in the study's folder as a table and as pictures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from automl.engine.observer import Observer

if TYPE_CHECKING:
    from automl.engine.study import Study

FOLDER = "front"
"""Folder within the study's that holds the front's files."""


class FrontFiles(Observer):
    """Writes the front, all trials, the expected score by budget and the price tag when the search is over."""

    def finished(self, study: Study, reason: str) -> None:
        """Writes the files, each whole or not at all."""
        from automl.files import write_text
        from automl.report import analyses, price
        from automl.report.expected_figures import expected_div, expected_figure_png
        from automl.report.figures import front_figure_html, front_figure_png
        from automl.report.plain import csv_text
        from automl.report.price_html import price_section

        folder = study.folder / FOLDER
        write_text(folder / "front.csv", csv_text(study.front))
        write_text(folder / "trials.csv", csv_text(study.trials))
        tags = price.three_columns(study)
        write_text(folder / "price_tag.json", json.dumps({name: tag.to_json() for name, tag in tags.items()}, indent=2))
        write_text(folder / "expected.csv", _expected_csv(study))
        sentences = [*study.pricer.tariff.problems, price.factors_sentence(study.records)]
        sections = [price_section(tags, sentences), expected_div(study.records, study.goals)]
        front_figure_html(study.records, study.goals, folder / "front.html", sections=sections)
        front_figure_png(study.records, study.goals, folder / "front.png")
        expected_figure_png(study.records, study.goals, folder / "expected.png")
        for name, finding in analyses.findings(study).items():
            analyses.keep(finding, study.folder / analyses.FOLDER / name)


def _expected_csv(study: Study) -> str:
    """Expected best score by number of trials, with the price of so many."""
    import pandas as pd

    from automl.report.expected import expected_curve

    rows = [
        {
            "trials": point.trials,
            f"expected_{study.goals[0].metric}": point.score,
            "standard_deviation": point.std,
            **{f"spent_{name}": figure.value for name, figure in point.budget.items()},
        }
        for point in expected_curve(study.records, study.goals)
    ]
    text: str = pd.DataFrame(rows).to_csv(index=False)
    return text
