"""Where output goes: results to stdout, everything else to stderr; colour only on a terminal and without NO_COLOR."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from automl.host import Host

PIPE_WIDTH = 120
"""Columns of a table that goes into a pipe or a file, unless COLUMNS says otherwise."""


def stdout_console() -> Console:
    """The console of results."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """The console of progress, warnings and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    import os

    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(stderr=stderr, width=width)


def print_json(data: Any) -> None:
    """Prints `data` on stdout as JSON, in one piece and without colour, for programs."""
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))  # noqa: T201


def report_problems(host: Host) -> None:
    """Says once on stderr what is wrong with which plugin."""
    for problem in host.problems:
        stderr_console().print(f"Warning: {problem}", style="yellow", highlight=False, markup=False)
