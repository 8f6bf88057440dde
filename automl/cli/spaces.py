"""``automl spaces``: what may be searched, and the dimensions of each space."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from automl.cli.arguments import json_option

MOST_CHOICES = 12
"""Choices of a dimension that a table lists."""

FIXED = "fixed"
"""In the place of the range that is searched, where a dimension has one value unless the user asks for others."""


@click.command("spaces")
@click.argument("name", required=False)
@click.option("--data", help="Data source whose ranges to show; the space's own example when left out.")
@json_option
def command(name: str | None, data: str | None, as_json: bool) -> None:
    """List the search spaces, or the dimensions of space NAME with ranges and defaults."""
    from automl.cli.console import print_json, report_problems, stdout_console
    from automl.host import get_host
    from automl.parts import Space

    host = get_host()
    report_problems(host)
    if name is None:
        spaces = host.parts(Space)
        if as_json:
            print_json(
                [{"name": s.name, "summary": s.summary, "tasks": list(s.tasks), "data": s.default_data} for s in spaces]
            )
        else:
            rows = [[space.name, space.summary, ", ".join(space.tasks)] for space in spaces]
            stdout_console().print(_table(["space", "is", "for"], rows))
        return
    found = _dimensions(name, data)
    if as_json:
        print_json(found)
        return
    rows = [
        [d["name"], d["kind"], d["range"], d["default"], _short(d["limits"]), d["summary"]] for d in found["dimensions"]
    ]
    console = stdout_console()
    console.print(_table(["dimension", "kind", "searched", "default", "allowed", "is"], rows))
    console.print(
        f"Ranges for data {found['data']}. Fix, narrow or widen one with --set NAME=VALUE, NAME=A,B,C or NAME=LO..HI."
    )


def _dimensions(name: str, data: str | None) -> dict[str, Any]:
    from automl.engine.resolve import resolve
    from automl.engine.settings import Settings

    plan = resolve(Settings.checked({"space": name, "data": data}))
    return {
        "space": plan.space.name,
        "summary": plan.space.summary,
        "data": plan.source.name,
        "dimensions": [_describe(dimension) for dimension in plan.space.dimensions(plan.data)],
    }


def _describe(dimension: Any) -> dict[str, Any]:
    from automl.parts import Categorical

    fields = {**dataclasses.asdict(dimension), "fixed": dimension.fixed}
    if isinstance(dimension, Categorical):
        searched, allowed = (
            ", ".join(map(str, them)) for them in (dimension.choices, dimension.limits or dimension.choices)
        )
        return {"kind": "choice", **fields, "range": FIXED if dimension.fixed else searched, "limits": allowed}
    low, high = dimension.limits or (dimension.low, dimension.high)
    scale = " (log)" if dimension.log else ""
    kind = type(dimension).__name__.lower()
    span = f"{dimension.low:g}..{dimension.high:g}{scale}"
    return {"kind": kind, **fields, "range": FIXED if dimension.fixed else span, "limits": f"{low:g}..{high:g}"}


def _short(allowed: str) -> str:
    """The first of many choices; programs get them all with ``--json``."""
    choices = allowed.split(", ")
    more = len(choices) - MOST_CHOICES
    return allowed if more <= 0 else f"{', '.join(choices[:MOST_CHOICES])} and {more} more"


def _table(heads: list[str], rows: list[list[Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for head in heads:
        table.add_column(head, no_wrap=head == heads[0])
    for row in rows:
        table.add_row(*map(str, row))
    return table
