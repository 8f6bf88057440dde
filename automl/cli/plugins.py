"""``automl plugins``: what is loaded, what it brings, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from automl.cli.arguments import json_option

if TYPE_CHECKING:
    from rich.console import Console

    from automl.host import Host, Plugin, Problem
    from automl.parts import Part


@click.command("plugins")
@json_option
def command(as_json: bool) -> None:
    """List the plugins: where each comes from, the parts it brings, what was left out and why."""
    from automl.cli.console import print_json, stdout_console
    from automl.host import get_host

    host = get_host()
    if as_json:
        print_json(_listing(host))
    else:
        _print(host, stdout_console())


def _listing(host: Host) -> dict[str, Any]:
    return {
        "plugins": [
            {
                **vars(plugin.source),
                "import_s": round(plugin.import_s, 4),
                "parts": [_part(part) for part in plugin.parts],
            }
            for plugin in host.plugins
        ],
        "problems": [{**vars(found.source), "cause": found.cause, "fatal": found.fatal} for found in host.problems],
        "disabled": [vars(source) for source in host.disabled],
    }


def _part(part: Part) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": part.kind, "name": part.name, "summary": part.summary}
    return {**described, "variants": dict(part.variants)} if part.variants else described


def _print(host: Host, console: Console) -> None:
    from rich.text import Text

    if not host.plugins:
        hint = "" if host.disabled else " The first-party ones come with: pip install 'automl-host[all]'"
        console.print(Text(f"No plugin is loaded.{hint}\n"), soft_wrap=True)
    for plugin in host.plugins:
        _print_plugin(plugin, console)
    if host.disabled:
        console.print(Text("Disabled", style="bold"))
        for source in host.disabled:
            console.print(Text(f"  {source.plugin} of {source}"), soft_wrap=True)
        console.print()
    _print_problems("Left out", "red", [found for found in host.problems if found.fatal], console)
    _print_problems("Warnings", "yellow", [found for found in host.problems if not found.fatal], console)


def _print_plugin(plugin: Plugin, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    took = f", imported in {1000 * plugin.import_s:.0f} ms"
    console.print(Text.assemble((plugin.source.plugin, "bold"), f"  {plugin.source}", (took, "dim")), soft_wrap=True)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for part in plugin.parts:
        table.add_row(f"  {part.kind}", Text(part.name, style="cyan"), Text(part.summary))
        for name, meaning in part.variants.items():
            table.add_row("", Text(f"{part.name}:{name}", style="cyan"), Text(meaning))
    console.print(table if plugin.parts else "  no parts")
    console.print()


def _print_problems(title: str, color: str, problems: list[Problem], console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    if not problems:
        return
    console.print(Text(title, style=f"bold {color}"))
    for problem in problems:
        heading = f"{problem.source.plugin} of {problem.source}: "
        console.print(Padding(Text.assemble((heading, color), problem.cause), (0, 0, 0, 2)))
    console.print()
