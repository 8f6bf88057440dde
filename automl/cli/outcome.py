"""What a finished search shows: the front, the price tag, and what one would want next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from automl.engine.study import Study
    from automl.price.tag import PriceTag


def print_outcome(study: Study, *, as_json: bool) -> None:
    """Prints the whole outcome of a search on stdout."""
    from automl.cli.console import print_json, stdout_console

    if as_json:
        print_json(outcome(study))
        return
    print_front(study)
    console = stdout_console()
    _print_bill(console, study)
    _print_next(console, study)


def print_front(study: Study) -> None:
    """Prints the front as a table and a small plot on stdout."""
    from rich.text import Text

    from automl.cli.console import stdout_console
    from automl.report.tables import front_table
    from automl.report.terminal import front_plot

    console = stdout_console()
    records = study.front_records
    what = "front" if len(study.goals) > 1 else "best trial"
    console.print(f"\n[bold]The {what} of {study.name}[/]: {len(records)} of {len(study.records)} trials\n")
    console.print(front_table(study.records, study.goals, study.score))
    console.print()
    plot = front_plot(
        study.records,
        study.goals,
        width=min(console.width, 90),
        height=16,
        color=not console.no_color and console.is_terminal,
    )
    console.print(Text.from_ansi(plot), soft_wrap=True)


def print_front_json(study: Study) -> None:
    """Prints the front as JSON on stdout."""
    from automl.cli.console import print_json

    print_json({key: value for key, value in outcome(study).items() if key != "next"})


def outcome(study: Study) -> dict[str, Any]:
    """A study in JSON types: what it searched for, what it found, what that cost."""
    records = study.records
    return {
        "study": study.name,
        "folder": str(study.folder),
        "settings": study.settings.model_dump(mode="json", by_alias=True),
        "goals": [vars(goal) for goal in study.goals],
        "trials": len(records),
        "failed": sum(record.result.status == "failed" for record in records),
        "front": [_plain(row) for row in study.front.to_dict(orient="records")],
        "bill": study.bill.to_json(),
        "test_opened": study.test_openings,
        "next": next_commands(study),
    }


def next_commands(study: Study) -> list[str]:
    """The three commands one would want after a search."""
    best = study.best().number
    home = "" if str(study.home) == "runs" else f" --home {study.home}"
    return [
        f"automl front {study.name} --plot front.png{home}",
        f"automl export {study.name} {best} --format onnx{home}",
        f"automl ui{home}",
    ]


def _print_bill(console: Console, study: Study) -> None:
    from automl.report.tables import price_tag_table

    best = study.best().result
    failed = sum(record.result.status == "failed" for record in study.records)
    count = f"{len(study.records)} trials" + (f", {failed} failed" if failed else "")
    tags: dict[str, PriceTag] = {
        f"this search ({count})": study.bill,
        f"train trial {best.number} once": best.training,
        "one prediction": best.prediction,
    }
    console.print("\n[bold]Price tag[/]\n")
    console.print(price_tag_table(tags))
    openings = len(study.test_openings)
    if openings > 1:
        console.print(f"\nThe test split was opened {openings} times; its scores flatter a little.")


def _print_next(console: Console, study: Study) -> None:
    console.print(f"\nEverything is in [bold]{study.folder}[/]. Next:\n", highlight=False, soft_wrap=True)
    for command in next_commands(study):
        console.print(f"  {command}", highlight=False, soft_wrap=True)


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A data frame's row in JSON types: what is not a number is null."""
    plain: dict[str, Any] = {}
    for key, value in row.items():
        bare = value.item() if hasattr(value, "item") else value
        plain[str(key)] = None if isinstance(bare, float) and not math.isfinite(bare) else bare
    return plain
