"""Where output goes: results to stdout, everything else to stderr; colour only on a terminal and without NO_COLOR."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import click

from automl.report.plain import printable, printable_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderHook
    from rich.segment import Segment

    from automl.host import Host

PIPE_WIDTH = 120
"""Columns of a table that goes into a pipe or a file, unless COLUMNS says otherwise."""

PARAGRAPH_WIDTH = 100
"""Columns of a paragraph at most; longer lines are hard to read."""

COLORS = {"Error": "red", "Warning": "yellow"}
"""Of the word that a complaint begins with."""


def stdout_console() -> Console:
    """The console of results."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """The console of progress, warnings and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    # Figures and names are printed as they are: rich would colour every number and draw a face for every ":)", and a
    # name with square brackets would be markup. Where markup is meant it is asked for.
    console = Console(stderr=stderr, width=width, highlight=False, emoji=False, markup=False)
    console.push_render_hook(_hook())
    return console


class Printable:
    """What rich can show, without the control characters that names and causes from outside may hold.

    Args:
        shown: Anything that `rich.console.Console.print` takes.
    """

    def __init__(self, shown: Any) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """The same segments; those of rich's own that steer the terminal stay."""
        from rich.segment import Segment

        for segment in console.render(self._shown, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def _hook() -> RenderHook:
    """A hook of rich's, through which all goes that is printed."""
    from rich.console import RenderHook

    class Hook(RenderHook):
        def process_renderables(self, renderables: list[Any]) -> list[Any]:
            return [Printable(each) for each in renderables]

    return Hook()


def print_json(data: Any) -> None:
    """Prints `data` on stdout as JSON, in one piece and without colour, for programs.

    Raises:
        ValueError: A number in it is not finite, which JSON has no word for; nothing was printed.
    """
    click.echo(printable_json(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)))


def complain(text: str) -> None:
    """Prints a paragraph such as ``Error: ...`` on stderr.

    A terminal gets it wrapped and its first word in colour, a pipe or a file as one line that programs can search.
    """
    # What is wrong often quotes what somebody else wrote.
    word, colon, rest = printable(text).partition(":")
    colored = colon and word in COLORS and not os.environ.get("NO_COLOR")
    if sys.stderr.isatty():
        rest = _wrapped(rest, len(word) + len(colon))
    # click leaves the colour out where stderr is no terminal.
    click.echo((click.style(word, fg=COLORS[word], bold=True) if colored else word) + colon + rest, err=True)


def warn(text: str) -> None:
    """Prints a warning on stderr."""
    complain(f"Warning: {text}")


def _wrapped(text: str, used: int) -> str:
    """The text in lines that fit the terminal, when `used` columns of the first are taken; paths stay whole."""
    width = max(20, min(PARAGRAPH_WIDTH, shutil.get_terminal_size().columns))
    lines = textwrap.wrap(" " * used + text, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)[used:]


def report_problems(host: Host) -> None:
    """Warns on stderr of plugins of which something was left out, once a run of the program.

    What only a plugin's author can mend, such as a slow import, is told by ``automl plugins`` and not here.
    """
    context = click.get_current_context(silent=True)
    told: set[Any] = context.find_root().meta.setdefault("automl.problems", set()) if context else set()
    for problem in host.problems:
        if problem.fatal and problem not in told:
            told.add(problem)
            warn(str(problem))
