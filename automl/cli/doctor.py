"""``automl doctor``: what is wrong with an installation and how to mend it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from automl.cli.arguments import home_option, json_option, storage_option

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from automl.doctor import Check

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "mended": "cyan"}
COUNTED = ("fail", "warn", "mended")


@click.command("doctor")
@click.argument("study", required=False)
@click.option("--repair", is_flag=True, help="Mend what can be mended of STUDY; nothing is trained.")
@home_option
@storage_option
@json_option
def command(study: str | None, home: Path, storage: str | None, *, repair: bool, as_json: bool) -> int:
    """Check versions, torch and torchvision, cores, memory, GPU, energy counters, home and plugins; or STUDY.

    Says what to do about each fault. Exits with 1 when a check fails; warnings stop nothing.
    """
    from automl.cli.console import print_json, stdout_console
    from automl.errors import UsageError

    if repair and study is None:
        raise UsageError("--repair mends a study: name it, as in `automl doctor STUDY --repair`.")
    home = home.expanduser()
    checks = _of_installation(home) if study is None else _of_study(study, home, storage, repair)
    if as_json:
        print_json([vars(check) for check in checks])
    else:
        _print(checks, stdout_console())
    return int(any(check.status == "fail" for check in checks))


def _of_installation(home: Path) -> list[Check]:
    from automl.cli.console import stderr_console
    from automl.doctor import examine
    from automl.host import get_host

    progress = stderr_console()
    waiting = (
        progress.status("Importing torch in another process") if progress.is_terminal else contextlib.nullcontext()
    )
    with waiting:
        return list(examine(home, get_host()))


def _of_study(study: str, home: Path, storage: str | None, repair: bool) -> list[Check]:
    from automl.doctor.study import examine_study

    return list(examine_study(home, study, repair=repair, storage=storage))


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
    faults, warnings, mended = (sum(check.status == status for check in checks) for status in COUNTED)
    if faults or warnings:
        also = f", {mended} mended" if mended else ""
        console.print(f"\n{_count(faults, 'fault')}, {_count(warnings, 'warning')}{also}.")
    else:
        console.print("\nAll is well." if not mended else f"\n{_count(mended, 'fault')} mended.")


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
