"""``automl front``: the trials of a study that nothing beats."""

from __future__ import annotations

from pathlib import Path

import click

from automl.cli.arguments import home_option, json_option


@click.command("front")
@click.argument("study")
@home_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a column a figure and a dimension.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the front into FILE.png or FILE.html."
)
def command(study: str, home: Path, as_json: bool, as_csv: bool, plot: Path | None) -> None:
    """Show the front of STUDY: the trials no other beats, the cheapest first."""
    from automl.api import open_study
    from automl.cli import outcome
    from automl.errors import UsageError
    from automl.report.figures import front_figure_html, front_figure_png

    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other.")
    opened = open_study(study, home)
    if plot is not None:
        draw = {".png": front_figure_png, ".html": front_figure_html}.get(plot.suffix.lower())
        if draw is None:
            raise UsageError(f"{plot} must end in .png or .html.")
        draw(opened.records, opened.goals, plot)
    if as_json:
        outcome.print_front_json(opened)
    elif as_csv:
        click.echo(opened.front.to_csv(index=False), nl=False)
    else:
        outcome.print_front(opened)
