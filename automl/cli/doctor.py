"""``automl doctor``: what is wrong with an installation and how to mend it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from automl.cli.arguments import home_option, json_option

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from automl.doctor import Check

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command("doctor")
@home_option
@json_option
def command(home: Path, as_json: bool) -> int:
    """Check versions, torch and torchvision, cores, memory, GPU, energy counters, home and plugins.

    Says what to do about each fault. Exits with 1 when a check fails; warnings stop nothing.
    """
    from automl.cli.console import print_json, stderr_console, stdout_console
    from automl.doctor import examine
    from automl.host import get_host

    progress = stderr_console()
    waiting = (
        progress.status("Importing torch in another process") if progress.is_terminal else contextlib.nullcontext()
    )
    with waiting:
        checks = list(examine(home.expanduser(), get_host()))
    if as_json:
        print_json([vars(check) for check in checks])
    else:
        _print(checks, stdout_console())
    return int(any(check.status == "fail" for check in checks))


def _print(checks: list[Check], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        table.add_row(Text(check.status, style=STYLES[check.status]), check.name, Text(check.found))
        if check.remedy:
            table.add_row("", "", Text.assemble(("to do: ", "bold"), check.remedy))
    console.print(table)
    faults, warnings = (sum(check.status == status for check in checks) for status in ("fail", "warn"))
    if faults or warnings:
        console.print(f"\n{_count(faults, 'fault')}, {_count(warnings, 'warning')}.")
    else:
        console.print("\nAll is well.")


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
