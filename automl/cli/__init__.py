"""The command line: one file a command, imported when the command is called."""

from __future__ import annotations

import errno
import importlib
import sys
import traceback
from typing import Any

import click

from automl.errors import AutoMLError, StorageError, unknown_name

COMMANDS = {
    "search": "Search a space for the models that give the most for their price.",
    "front": "Show the trials of a study that no other beats.",
    "train": "Train one trial of a study again, to the same score.",
    "predict": "Predict with the model of a trial.",
    "export": "Write the model of a trial as safetensors or ONNX.",
    "ui": "Open MLflow's pages on the studies.",
    "spaces": "List search spaces and their dimensions.",
    "plugins": "List plugins, their parts, and what is wrong with them.",
    "doctor": "Check the installation and say what to mend.",
    "completion": "Print the shell completion script.",
}
"""Each command and its help line; its module has the same name. Listed here so that help imports no command."""

EPILOG = """\b
Exit codes:
  0    done
  1    unexpected error, or a check of `automl doctor` failed
  2    bad input: unknown name, value out of range, contradictory options
  3    study missing, damaged, held by another process, or made with other settings
  4    home or disk cannot be written to
  5    training failed, or no trial succeeded
  130  interrupted
"""


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All commands, the most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"automl.cli.{cmd_name}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Says which names are near an unknown command."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise unknown_name("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if value and not ctx.resilient_parsing:
        import automl

        click.echo(f"automl {automl.__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("--no-plugins", is_flag=True, help="Load no plugin.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version.")
@click.pass_context
def group(ctx: click.Context, debug: bool, no_plugins: bool) -> None:  # noqa: ARG001, FBT001
    """Find the cheapest model that is good enough, and see its price tag."""
    if no_plugins:
        from automl.host import Host, use_host

        ctx.with_resource(use_host(Host([])))


def main(args: list[str] | None = None) -> None:
    """Entry point of the program: runs a command and turns every error into a paragraph and an exit code."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    words = sys.argv[1:] if args is None else args
    try:
        outcome: Any = group.main(args=args, prog_name="automl", standalone_mode=False)
    except click.exceptions.Abort:
        return _say("Interrupted. What was finished is kept.", 130)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        return _say("Interrupted. What was finished is kept.", 130)
    except BrokenPipeError:
        # The reader has gone, as `head` does. Nothing more can be written, not even by the interpreter at its end.
        sys.stdout = open("/dev/null", "w")  # noqa: PTH123, SIM115
        return 141
    except Exception as error:  # noqa: BLE001 - the one place where errors meet people
        if "--debug" in words:
            traceback.print_exc()
        return _report(error)
    return outcome if isinstance(outcome, int) else 0


def _report(error: Exception) -> int:
    if isinstance(error, AutoMLError):
        return _say(f"Error: {error}", error.exit_code)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT}:
        return _say(f"Error: {error.filename or 'a file'} cannot be written: {error.strerror}.", StorageError.exit_code)
    cause = " ".join(str(error).split())
    return _say(
        f"Error: this is a bug in automl or in a plugin: {type(error).__name__}: {cause}. "
        "Run `automl --debug ...` for the traceback.",
        AutoMLError.exit_code,
    )


def _say(text: str, code: int) -> int:
    from automl.cli.console import stderr_console

    stderr_console().print(text, highlight=False, markup=False, style="red" if text.startswith("Error") else None)
    return code


__all__ = ["COMMANDS", "group", "main", "run"]
