"""``automl search``: the main command."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from automl.cli.options import gather, settings_options

EPILOG = """\b
A setting is taken from the command line, else from the environment
(AUTOML_TRIALS, AUTOML_HOME, ...), else from --config FILE, else its default.

Ctrl-C lets the steps under way finish, shows what there is and exits with 130;
a second one ends them at once, and so does SIGTERM, with 143. In any case `automl resume STUDY` goes on.
"""


@click.command("search", epilog=EPILOG)
@settings_options
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Read settings from a YAML file.")
@click.option("--save-config", type=click.Path(path_type=Path, dir_okay=False), help="Write the settings in force.")
@click.option("--dry-run", is_flag=True, help="Say what the search would cost, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(config: Path | None, save_config: Path | None, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Search a space for the models that give the most for their price."""
    from automl.cli.console import report_problems
    from automl.errors import UsageError
    from automl.files import write_text
    from automl.host import get_host
    from automl.parts import Space

    host = get_host()
    report_problems(host)
    if not (given["space"] or config):
        names = ", ".join(part.name for part in host.parts(Space)) or "no plugin brings one"
        raise UsageError(f"Name a search space: --space NAME ({names}).")
    settings = gather(given, config)
    if save_config:
        from automl.engine.resolve import resolve

        write_text(save_config, resolve(settings).settings.to_yaml())
    if dry_run:
        _dry_run(settings, as_json=as_json)
        return
    run_and_show(settings, as_json=as_json)


def run_and_show(settings: Any, *, as_json: bool) -> None:
    """Searches, prints the outcome, and exits as interrupted where Ctrl-C ended it before all trials were made."""
    from automl import api
    from automl.cli.console import warn
    from automl.cli.outcome import print_outcome
    from automl.cli.view import views
    from automl.engine.interrupt import REASON

    study = api.run(settings, views(), warn=warn)
    print_outcome(study, as_json=as_json)
    if study.stopped == REASON:
        click.get_current_context().exit(130)


def _dry_run(settings: Any, *, as_json: bool) -> None:
    from automl.cli.console import print_json, stdout_console, warn
    from automl.cli.view import data_sentence, estimate_sentence
    from automl.engine.estimate import estimate
    from automl.engine.resolve import resolve
    from automl.errors import TrialError

    plan = resolve(settings)
    for remark in plan.remarks:
        warn(remark)
    with contextlib.closing(plan.executor.start(plan.resources)) as workers:
        expected = estimate(plan, plan.settings.most_trials(0), workers)
    if expected is None:
        raise TrialError("None of the candidates tried could be built and trained for a step; see `automl doctor`.")
    if as_json:
        tag = expected.tag.to_json()
        told = {"trials": expected.trials, "estimate": tag, "low_s": expected.low_s, "high_s": expected.high_s}
        print_json({**told, "data": plan.data.to_json(), "remarks": list(plan.remarks)})
    else:
        stdout_console().print(data_sentence(plan.data))
        stdout_console().print(estimate_sentence(expected))
