"""``automl completion``: shell completion."""

from __future__ import annotations

import click

WHERE = """\b
Where to put it, once:
  bash  automl completion bash > ~/.local/share/bash-completion/completions/automl
  zsh   automl completion zsh > ~/.zfunc/_automl
        (and in .zshrc, before compinit: fpath+=~/.zfunc)
  fish  automl completion fish > ~/.config/fish/completions/automl.fish

The folder must be there (mkdir -p); a new shell then completes commands, options and their values.
"""


@click.command("completion", epilog=WHERE)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL: bash, zsh or fish."""
    from click.shell_completion import get_completion_class

    from automl.cli import group

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(group, {}, "automl", "_AUTOML_COMPLETE").source())
