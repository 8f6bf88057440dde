"""``automl plugins``: what is loaded, what it brings, and what is wrong."""

from __future__ import annotations

from typing import Any

import click

from automl.cli.arguments import json_option


@click.command("plugins")
@json_option
def command(as_json: bool) -> None:  # noqa: FBT001
    """List the plugins, the parts each brings, what failed and why."""
    from automl.cli.console import print_json
    from automl.host import get_host

    host = get_host()
    listing: dict[str, Any] = {
        "plugins": [
            {
                **vars(plugin.source),
                "import_s": round(plugin.import_s, 4),
                "parts": [
                    {"kind": part.kind, "name": part.name, "summary": part.summary} for part in plugin.parts
                ],
            }
            for plugin in host.plugins
        ],
        "problems": [{**vars(p.source), "cause": p.cause, "fatal": p.fatal} for p in host.problems],
        "disabled": [vars(source) for source in host.disabled],
    }
    if as_json:
        print_json(listing)
    else:
        _print(listing)


def _print(listing: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from automl.cli.console import stdout_console

    console = stdout_console()
    if not listing["plugins"]:
        console.print("No plugin is loaded.")
    for plugin in listing["plugins"]:
        took = f"{1000 * plugin['import_s']:.0f} ms"
        console.print(
            f"[bold]{plugin['plugin']}[/]  {plugin['distribution']} {plugin['version']}  [dim]imported in {took}[/]",
            highlight=False,
        )
        table = Table(box=box.SIMPLE, show_header=False, show_edge=False, pad_edge=True)
        for part in plugin["parts"]:
            table.add_row(part["kind"], Text(part["name"], style="bold"), part["summary"])
        console.print(table)
        console.print()
    for source in listing["disabled"]:
        console.print(f"disabled: {source['plugin']} of {source['distribution']} {source['version']}", highlight=False)
    for problem in listing["problems"]:
        word = "failed" if problem["fatal"] else "warning"
        source = f"{problem['plugin']} of {problem['distribution']} {problem['version']}"
        console.print(Text(f"{word}: {source}: {problem['cause']}", style="red" if problem["fatal"] else "yellow"))
