"""``automl train``: one trial of a study again, alone."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from automl.cli.arguments import find_trial, home_option, json_option, storage_option


@click.command("train")
@click.argument("study")
@click.argument("trial")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Train for another number of epochs.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder to leave the model in.")
@home_option
@storage_option
@json_option
def command(
    *,
    study: str,
    trial: str,
    epochs: int | None,
    output: Path | None,
    home: Path,
    storage: str | None,
    as_json: bool,
) -> None:
    """Train TRIAL of STUDY again from its spec, to the same score; 7@3 for trial 7 after 3 epochs.

    The study and its bill stay as they are. With the epochs of the search a damaged or missing model of the trial is
    mended; with --epochs a trial that was stopped is trained to its end.
    """
    from automl.api import open_study
    from automl.cli.console import print_json, stdout_console
    from automl.errors import TrialError
    from automl.price import energy
    from automl.report.units import metric
    from automl.training.fit import run_trial

    opened = open_study(study, home, storage)
    record = find_trial(opened, trial)
    spec = dataclasses.replace(record.spec, from_rung=None)
    if epochs:
        spec = dataclasses.replace(spec, epochs=epochs, rung=None)
    folder = output or opened.trial_folder(record.number) / f"again-{spec.last_epoch}-epochs"
    energy.warm_up()
    with _bar(spec.last_epoch) as advance:
        result = run_trial(spec, folder, advance)
    result = opened.pricer.complete(result)
    if result.score is None:
        cause = result.cause.rstrip(".")
        raise TrialError(f"Training failed: {cause}.")
    same = (spec.epochs, spec.rung) == (record.spec.epochs, record.spec.rung) and result.score == record.result.score
    if same:
        _mend(opened.step_folder(record.spec), folder)
    outcome: dict[str, Any] = {
        "study": opened.name,
        "trial": record.number,
        "epochs": spec.last_epoch,
        "score": result.score,
        "searched_score": record.result.score,
        "same_score": same,
        "folder": str(folder),
        "spent": result.spent.to_json(),
    }
    if as_json:
        print_json(outcome)
        return
    name = f"val_{opened.score}"
    remark = "the same as in the search" if same else f"{metric(name, record.result.score)} in the search"
    console = stdout_console()
    console.print(f"Trial {record.name} of {opened.name}, {spec.last_epoch} epochs: {record.label}")
    console.print(f"Validation {opened.score} {metric(name, result.score)} ({remark}).")
    known = [name for name in ("wall_s", "flops", "energy_wh", "carbon_g") if name in result.spent]
    spent = ", ".join(metric(name, result.spent[name].value) for name in known)
    console.print(f"Spent {spent}. The model is in {folder}.")


def _mend(original: Path, again: Path) -> None:
    """Puts the model trained again in the place of a missing or damaged one; whole ones are left alone."""
    from automl.files import write_bytes
    from automl.training.trial import WEIGHTS

    fresh = (again / WEIGHTS).read_bytes()
    target = original / WEIGHTS
    if not target.is_file() or target.read_bytes() != fresh:
        write_bytes(target, fresh)


def _bar(epochs: int) -> Any:
    """A progress bar on a terminal's stderr; elsewhere nothing."""
    import contextlib

    @contextlib.contextmanager
    def shown() -> Any:
        if not sys.stderr.isatty():
            yield None
            return
        from rich.progress import Progress

        from automl.cli.console import stderr_console

        with Progress(console=stderr_console(), transient=True) as progress:
            task = progress.add_task("training", total=epochs)
            yield lambda epoch, *_news: progress.update(task, completed=epoch)

    return shown()
