"""What a finished search shows: the front, the price tag, and what one would want next."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from automl.engine.study import Study
    from automl.parts import Finding
    from automl.price.tag import PriceTag


DEVICE_FIGURES = ("latency_ms", "prediction_energy_wh")
"""What `automl front --device` shows of each device."""


def print_outcome(study: Study, *, as_json: bool) -> None:
    """Prints the whole outcome of a search on stdout."""
    from automl.cli.console import print_json, stdout_console

    if as_json:
        print_json(outcome(study))
        return
    from automl.report import analyses

    print_front(study)
    for finding in analyses.findings(study).values():
        print_finding(finding)
    console = stdout_console()
    _print_next(console, study)


def print_finding(finding: Finding) -> None:
    """Prints what an analysis found on stdout."""
    from rich.text import Text

    from automl.cli.console import stdout_console
    from automl.report import analyses

    console = stdout_console()
    console.print(Text.assemble("\n", (finding.title, "bold"), "\n"))
    console.print(analyses.table(finding))
    for sentence in finding.sentences:
        console.print(Text(sentence, style="dim"), soft_wrap=not console.is_terminal)


def print_front(study: Study, devices: Sequence[str] = ()) -> None:
    """Prints the front as a table and a small plot, and the price tag, on stdout.

    Args:
        study: What was searched.
        devices: Devices of the catalogue on which a prediction is priced as well.
    """
    from rich.text import Text

    from automl.cli.console import stdout_console
    from automl.report.tables import front_table
    from automl.report.terminal import front_plot

    console = stdout_console()
    records = study.front_records
    what = "front" if len(study.goals) > 1 else "best trial"
    console.print(f"\n[bold]The {what} of {study.name}[/]: {len(records)} of {_counted(study)}\n", markup=True)
    extra = [f"{name}@{device}" for device in devices for name in DEVICE_FIGURES]
    table = front_table(
        study.records, study.goals, study.score, extra, lambda record: study.pricer.figures(record.result, study.score)
    )
    console.print(table)
    console.print()
    plot = front_plot(
        study.records,
        study.goals,
        width=min(console.width, 90),
        height=16,
        color=not console.no_color and console.is_terminal,
    )
    console.print(Text.from_ansi(plot), soft_wrap=True)
    if records:
        _print_bill(console, study)


def print_pick(study: Study, way: str, min_score: float | None, *, as_json: bool) -> None:
    """Prints one trial of the front and why it is the one."""
    from automl.cli.console import print_json, stdout_console
    from automl.report.reason import reason

    record = study.pick(way, min_score=min_score)
    why = reason(record, study.front_records, study.goals, way, min_score)
    if as_json:
        row = next(
            row
            for row in outcome(study)["front"]
            if (row["trial"], row["epochs"]) == (record.number, record.spec.last_epoch)
        )
        print_json({"study": study.name, "pick": way, "why": why, **row})
    else:
        stdout_console().print(why, highlight=False, markup=False)


def print_expected(study: Study) -> None:
    """Prints the expected best score after so many trials, and what these cost."""
    from automl.cli.console import stdout_console
    from automl.report.expected import expected_table

    console = stdout_console()
    table = expected_table(study.records, study.goals)
    if table is not None:
        console.print("\n[bold]Expected best validation score by budget[/] (Dodge et al. 2019)\n", markup=True)
        console.print(table)


def print_front_json(study: Study, devices: Sequence[str] = ()) -> None:
    """Prints the front as JSON on stdout, with the price of a prediction on each of the devices."""
    from automl.cli.console import print_json

    found = {key: value for key, value in outcome(study).items() if key != "next"}
    for row, record in zip(found["front"], study.front_records, strict=True):
        work = record.result.work
        if devices and work:
            row["devices"] = {device: study.pricer.on_device(work, device).to_json() for device in devices}
    print_json(found)


def outcome(study: Study) -> dict[str, Any]:
    """A study in JSON types: what it searched for, what it found, what that cost."""
    records = study.records
    return {
        "study": study.name,
        "folder": str(study.folder),
        "settings": study.settings.model_dump(mode="json", by_alias=True),
        "goals": [vars(goal) for goal in study.goals],
        "trials": study.trial_count,
        "steps": len(records),
        "failed": sum(record.result.status == "failed" for record in records),
        "unpaid": study.unpaid,
        "front": [_plain(row) for row in study.front.to_dict(orient="records")],
        "bill": study.bill.to_json(),
        "price_tag": {heading: tag.to_json() for heading, tag in price_columns(study).items()},
        "factors": factors_json(study),
        "test_opened": study.test_openings,
        "stopped": study.stopped,
        "next": next_commands(study),
    }


def price_columns(study: Study) -> dict[str, PriceTag]:
    """The three columns under the names that programs want; empty where no trial succeeded."""
    from automl.report.price import three_columns

    if not study.front_records:
        return {"developing": study.bill}
    names = ("developing", "training", "running_1000_predictions")
    return dict(zip(names, three_columns(study).values(), strict=True))


def factors_json(study: Study) -> dict[str, Any] | None:
    """Green AI's E, D and H."""
    from automl.engine.bill import factors

    found = factors(study.records)
    return dict(vars(found)) if found else None


def next_commands(study: Study) -> list[str]:
    """The commands one would want after a search."""
    from automl.engine.copies import home_option
    from automl.engine.interrupt import REASON
    from automl.training.trial import WEIGHTS

    best = study.best()
    home = home_option(study.home)
    where = home + (f" --storage {shlex.quote(str(study.database))}" if study.database.url else "")
    # A training that was looked up has left no model.
    trained = (study.step_folder(best.spec) / WEIGHTS).is_file()
    return [
        *([f"automl resume {study.name}{where}"] if study.stopped == REASON else []),
        f"automl front {study.name} --plot front.png{where}",
        *([f"automl export {study.name} {best.name} --format onnx{where}"] if trained else []),
        # Another store than the home's has pages of its own.
        *([f"automl ui{home}"] if study.settings.tracking_uri is None else []),
    ]


def _print_bill(console: Console, study: Study) -> None:
    from rich.text import Text

    from automl.report import price
    from automl.report.tables import price_tag_table

    tags = price.three_columns(study)
    console.print("\n[bold]Price tag[/]\n", markup=True)
    console.print(price_tag_table(tags))
    console.print()
    for line in [*price.notes(tags), *study.pricer.tariff.problems, price.factors_sentence(study.records)]:
        if line:
            console.print(Text(line, style="dim"), soft_wrap=not console.is_terminal)
    if sentence := price.expectation_sentence(study.optuna.user_attrs.get("expected"), study.bill):
        console.print(Text(sentence, style="dim"), soft_wrap=not console.is_terminal)
    if study.unpaid:
        counts = "; ".join(f"{count} {reason}" for reason, count in study.unpaid.items())
        console.print(f"\nRejected unpaid: {counts}.", highlight=False, markup=False)
    if study.stopped:
        console.print(f"\nStopped early: {study.stopped}.", highlight=False, markup=False)
    openings = len(study.test_openings)
    if openings > 1:
        console.print(f"\nThe test split was opened {openings} times; its scores flatter a little.")


def _counted(study: Study) -> str:
    """How many candidates there were and how often one of them was stopped, in words."""
    trials, steps = study.trial_count, len(study.records)
    counted = f"{trials} trial{'' if trials == 1 else 's'}"
    return counted if steps == trials else f"{steps} models; {counted} were begun"


def _print_next(console: Console, study: Study) -> None:
    from rich.text import Text

    folder = (str(study.folder), "bold")
    console.print(Text.assemble("\nEverything is in ", folder, ". Next:\n"), soft_wrap=True)
    for command in next_commands(study):
        console.print(f"  {command}", highlight=False, soft_wrap=True)


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A data frame's row in JSON types: what is not a number is null."""
    plain: dict[str, Any] = {}
    for key, value in row.items():
        bare = value.item() if hasattr(value, "item") else value
        plain[str(key)] = None if isinstance(bare, float) and not math.isfinite(bare) else bare
    return plain
