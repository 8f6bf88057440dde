"""``automl calibrate``: measures this machine, so that prices on devices can be predicted."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from automl.cli.arguments import home_option, json_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from automl.price.calibration import Calibration

EPILOG = """\b
Examples:
  automl calibrate
  automl calibrate --threads 1
  automl price digits-efficientnet-1/best --device this-machine,raspberry-pi-4
"""


@click.command("calibrate", epilog=EPILOG)
@click.option("--threads", type=click.IntRange(1, 4096), help="Threads to compute with.  [default: as torch sets them]")
@click.option("--quick", is_flag=True, hidden=True, help="Measure little, to try the command out.")
@home_option
@json_option
def command(*, threads: int | None, quick: bool, home: Path, as_json: bool) -> None:
    """Measure this machine: its peaks, and how much of them models reach. It takes about half a minute.

    Afterwards this-machine is a device like those of the catalogue, and its efficiency is assumed of devices whose own
    nobody has measured. Other programs that compute meanwhile spoil the figures.
    """
    from automl.cli.console import print_json
    from automl.engine.outside import check_home
    from automl.engine.store import prepare_home
    from automl.price.calibration import save_calibration
    from automl.price.measure import QUICK, Effort, calibrate

    home = home.expanduser()
    # Half a minute of measuring is not to end in a folder that cannot be written to.
    prepare_home(home)
    check_home(home)
    with _progress() as tell:
        found = calibrate(threads, QUICK if quick else Effort(), tell=tell)
    path = save_calibration(found, home)
    if as_json:
        print_json({"file": str(path), **found.to_json(), "median_error": found.median_error})
    else:
        _print(found, path)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on the terminal that tells what is being measured; nothing in a pipe."""
    from automl.cli.console import stderr_console

    console = stderr_console()
    if not console.is_terminal:
        yield lambda _text: None
        return
    # Drawn four times a second: what draws takes time from what is measured.
    with console.status("Measuring", refresh_per_second=4) as status:
        yield lambda text: status.update(f"Measuring {text}")


def _print(found: Calibration, path: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from automl.cli.console import stdout_console
    from automl.report.units import si

    console = stdout_console()
    console.print(Text(f"{found.title}, torch {found.torch}\n", style="bold"), soft_wrap=True)
    peaks = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        peaks.add_column()
    peaks.add_row("matrix product", si(found.peak_flops_per_s, "FLOP/s"), f"models reach {found.efficiency:.0%}")
    reached = f"models reach {found.bandwidth_efficiency:.0%}"
    reached += ", with the help of the caches" if found.bandwidth_efficiency > 1 else ""
    peaks.add_row("copy", si(found.bandwidth_bytes_per_s, "B/s"), reached)
    peaks.add_row("smallest operator", si(found.operator_s, "s"), f"in models {si(found.overhead_s, 's')} a call")
    console.print(peaks)
    console.print()
    table = Table(box=None, pad_edge=False)
    table.add_column("reference model")
    for heading in ("FLOPs", "measured", "predicted", "error"):
        table.add_column(heading, justify="right")
    for timing in found.timings:
        row = (si(timing.flops), si(timing.measured_s, "s"), si(timing.predicted_s, "s"), f"{timing.error:+.0%}")
        table.add_row(timing.model, *row)
    console.print(table)
    summary = f"\nMedian error {found.median_error:.0%}, of the models that the figures were fitted to."
    console.print(Text(f"{summary} Written to {path}"), soft_wrap=True)
