"""``automl front``: the trials of a study that nothing beats."""

from __future__ import annotations

from pathlib import Path

import click

from automl.cli.arguments import device_option, home_option, json_option, storage_option


@click.command("front")
@click.argument("study")
@home_option
@storage_option
@json_option
@device_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a column a figure and a dimension.")
@click.option("--pick", "way", type=click.Choice(["best", "knee", "cheapest"]), help="Name one trial, and say why.")
@click.option("--min-score", type=float, help="With --pick: leave out trials of a worse score.")
@click.option("--expected", is_flag=True, help="Show the expected best score by budget as well.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the front into FILE.png or FILE.html."
)
def command(  # noqa: PLR0913 - click gives every option by name
    *,
    study: str,
    home: Path,
    storage: str | None,
    as_json: bool,
    as_csv: bool,
    expected: bool,
    way: str | None,
    min_score: float | None,
    plot: Path | None,
    devices: tuple[str, ...],
) -> None:
    """Show the front of STUDY, the trials no other beats, the cheapest first; and its price tag."""
    from automl.api import open_study
    from automl.cli import outcome
    from automl.errors import UsageError
    from automl.report.figures import front_figure_html, front_figure_png
    from automl.report.plain import csv_text

    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other.")
    if expected and (as_json or as_csv):
        raise UsageError("--expected is for people; programs find the curve in the study's front/expected.csv.")
    if min_score is not None and way is None:
        raise UsageError("--min-score goes with --pick.")
    opened = open_study(study, home, storage)
    opened.pricer.check_devices(f"latency_ms@{device}" for device in devices)
    if plot is not None:
        draw = {".png": front_figure_png, ".html": front_figure_html}.get(plot.suffix.lower())
        if draw is None:
            raise UsageError(f"{plot} must end in .png or .html.")
        draw(opened.records, opened.goals, plot)
    if way is not None:
        outcome.print_pick(opened, way, min_score, as_json=as_json)
    elif as_json:
        outcome.print_front_json(opened, devices)
    elif as_csv:
        click.echo(csv_text(opened.front), nl=False)
    else:
        outcome.print_front(opened, devices)
        if expected:
            outcome.print_expected(opened)
