"""``automl price``: what one model costs, here and on devices one does not own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automl.cli.arguments import device_option, home_option, json_option, storage_option
from automl.cli.options import rate_options

if TYPE_CHECKING:
    from automl.engine.candidate import Candidate
    from automl.engine.pricer import Pricer
    from automl.price.tag import PriceTag
    from automl.price.work import Work

ELSEWHERE = ("wall_s", "energy_wh", "carbon_g", "money_usd")
"""What depends on the device."""

EPILOG = """\b
Examples:
  automl price digits-efficientnet-1/best --device raspberry-pi-4,t4
  automl price efficientnet --set phi=-8
  automl price resnet18 --resolution 224 --device t4 --country FR
  automl price model.onnx --json
"""


@click.command("price", epilog=EPILOG)
@click.argument("model")
@click.option("--set", "narrow", multiple=True, metavar="NAME=VALUE", help="For a space: fix a dimension.")
@click.option("--data", help="For a space: the data source.")
@click.option("--resolution", type=click.IntRange(1, 10_000), help="For a name: side of the images in pixels.")
@click.option("--predictions", type=click.IntRange(0, 10**15), help="Price so many predictions as well.")
@device_option
@rate_options
@home_option
@storage_option
@json_option
def command(  # noqa: PLR0913 - click gives every option by name
    *,
    model: str,
    narrow: tuple[str, ...],
    data: str | None,
    resolution: int | None,
    predictions: int | None,
    devices: tuple[str, ...],
    home: Path,
    storage: str | None,
    as_json: bool,
    **rates: Any,
) -> None:
    """Price MODEL: STUDY/TRIAL, a search space, a model's name or an exported file. Nothing is trained."""
    from automl.cli.console import print_json, report_problems
    from automl.engine.candidate import find_candidate, work_of
    from automl.engine.narrow import split_assignments
    from automl.engine.pricer import Pricer
    from automl.host import get_host
    from automl.price.tariff import tariff

    report_problems(get_host())
    pricer = Pricer(tariff(**rates), home.expanduser(), predictions or 0)
    pricer.check_devices(f"latency_ms@{device}" for device in devices)
    wishes = split_assignments(narrow)
    candidate = find_candidate(
        model, home=home.expanduser(), storage=storage, narrow=wishes, data=data, resolution_px=resolution
    )
    work = work_of(candidate)
    tags = columns(candidate, work, pricer, predictions)
    elsewhere = {device: pricer.on_device(work, device) for device in devices}
    misfits = [text for device in devices if (text := pricer.misfit(work, device))]
    problems = [*misfits, *pricer.tariff.problems]
    if as_json:
        print_json(
            {
                "model": candidate.title,
                "spec": candidate.spec.to_json(),
                **{name: tag.to_json() for name, tag in tags.items()},
                "devices": {device: tag.to_json() for device, tag in elsewhere.items()},
                "problems": problems,
                "work": work.to_json(),
            }
        )
    else:
        _print(candidate, tags, elsewhere, problems, predictions)


def columns(candidate: Candidate, work: Work, pricer: Pricer, predictions: int | None) -> dict[str, PriceTag]:
    """The price tag of a candidate by column."""
    from automl.price.tag import lifetime

    result = candidate.record.result if candidate.record else None
    prediction = pricer.tariff.price(result.prediction if result else work.prediction_tag())
    tags = {"one_prediction": prediction}
    if result and result.training:
        tags["training"] = pricer.tariff.price(result.training)
        if predictions is not None:
            tags["lifetime"] = lifetime(tags["training"], prediction, predictions)
        return tags
    batch = candidate.spec.batch_size
    tags["training_step"] = pricer.tariff.price(work.training_tag(batch, 1, batch))
    if predictions is not None:
        tags["predictions"] = prediction * predictions
    return tags


def _print(
    candidate: Candidate,
    tags: dict[str, PriceTag],
    elsewhere: dict[str, PriceTag],
    problems: list[str],
    predictions: int | None,
) -> None:
    from rich.text import Text

    from automl.cli.console import stdout_console
    from automl.report import price
    from automl.report.tables import price_tag_table

    console = stdout_console()
    console.print(Text(candidate.title, style="bold"))
    headings = {
        "one_prediction": "one prediction",
        "training_step": f"one training step of {candidate.spec.batch_size}",
        "training": "training, once",
        "predictions": f"{predictions or 0:,} predictions",
        "lifetime": f"lifetime of {predictions or 0:,} predictions",
    }
    shown = {headings[name]: tag for name, tag in tags.items()}
    console.print()
    console.print(price_tag_table(shown))
    if elsewhere:
        console.print()
        predicted = {name: tag.only(ELSEWHERE) for name, tag in elsewhere.items()}
        console.print(price_tag_table({f"one prediction on {name}": tag for name, tag in predicted.items()}))
        shown |= predicted
    console.print()
    for line in [*price.notes(shown), *problems]:
        console.print(Text(line, style="dim"), soft_wrap=not console.is_terminal)
