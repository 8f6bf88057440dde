"""``automl predict``: a trained model on a file of new examples."""

from __future__ import annotations

from pathlib import Path

import click

from automl.cli.arguments import find_trial, home_option, json_option, storage_option


@click.command("predict")
@click.argument("study")
@click.argument("trial")
@click.argument("input", type=click.Path(path_type=Path))
@home_option
@storage_option
@json_option
def command(study: str, trial: str, input: Path, home: Path, storage: str | None, as_json: bool) -> None:  # noqa: A002
    """Predict with the model of TRIAL of STUDY from the file INPUT.

    TRIAL may be 'best', or 7@3 for trial 7 after 3 epochs.

    What INPUT may be is the data source's business: for images a picture, or a .npy array of pixels in [0, 1].
    """
    from automl.api import open_study
    from automl.cli.console import print_json, stdout_console

    opened = open_study(study, home, storage)
    record = find_trial(opened, trial)
    predictions = opened.predict(record.name, input)
    if as_json:
        print_json(
            {
                "study": opened.name,
                "trial": record.number,
                "epochs": record.spec.last_epoch,
                "input": str(input),
                "predictions": predictions,
            }
        )
        return
    console = stdout_console()
    for prediction in predictions:
        label, probability = prediction.get("label"), prediction.get("probability")
        known = label is not None and probability is not None
        console.print(f"{label}  {probability:.1%}" if known else prediction, highlight=False)
