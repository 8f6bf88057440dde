"""``automl export``: a trained model in a format that other programs read."""

from __future__ import annotations

from pathlib import Path

import click

from automl.cli.arguments import find_trial, home_option, storage_option


@click.command("export")
@click.argument("study")
@click.argument("trial")
@click.option("--format", "kind", type=click.Choice(["safetensors", "onnx"]), default="safetensors", show_default=True)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The file to make.")
@home_option
@storage_option
def command(study: str, trial: str, kind: str, output: Path | None, home: Path, storage: str | None) -> None:
    """Write the model of TRIAL of STUDY ('best' for the best, 7@3 for trial 7 after 3 epochs) to a file.

    safetensors holds the weights and, in its metadata, the spec that builds the model. onnx holds the whole model; it
    is run under onnxruntime and must give the same outputs within 1e-4 before it is written. A model card with scores,
    price tag and CO2 emissions is written beside it.
    """
    from automl.api import open_study
    from automl.cli.console import stdout_console
    from automl.files import write_text
    from automl.report.card import model_card
    from automl.training.export import export

    opened = open_study(study, home, storage)
    record = find_trial(opened, trial)
    path = output or Path(f"{opened.name}-{record.name}.{kind}")
    export(record.spec, opened.step_folder(record.spec), kind, path)
    card = write_text(path.with_name(f"{path.name}.md"), model_card(opened, record, path))
    size = f"{path.stat().st_size / 1e6:.2f} MB"
    stdout_console().print(f"Wrote {path} ({size}) and its model card {card}.", highlight=False, soft_wrap=True)
