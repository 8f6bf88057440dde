"""The command line: one file a command, imported when the command is called."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "search": "Search a space for the models that give the most for their price.",
    "resume": "Go on with a study that was interrupted, killed, or out of its budget.",
    "front": "Show the trials of a study that no other beats.",
    "analyse": "Make reports of a study: tables, pictures and what they say.",
    "train": "Train one trial of a study again, to the same score.",
    "price": "Price a model: a trial, a space, a model's name or an exported file.",
    "calibrate": "Measure this machine, so that prices on devices can be predicted.",
    "predict": "Predict with the model of a trial.",
    "export": "Write the model of a trial as safetensors or ONNX.",
    "ui": "Open MLflow's pages on the studies.",
    "sync": "Send to MLflow what a search could not.",
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
  3    study missing, damaged, in use, or made with other settings
  4    home or disk cannot be written to, or a database or MLflow does not answer
  5    training failed, or no trial succeeded
  130  interrupted
  143  ended by SIGTERM, as a cluster does; `automl resume` goes on
"""

READER_GONE = 141
"""Exit code when the reader of our output has gone: what a shell reports of a program that SIGPIPE ended."""


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        import automl

        click.echo(f"automl {automl.__version__}")
        ctx.exit()


def _no_plugins(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from automl.host import Host, use_host

        ctx.with_resource(use_host(Host(disabled=["*"])))


def _common_options(*, hidden: bool) -> list[click.Option]:
    """The options every command takes; of a command, as of the group, because people append them to what they typed."""
    debug = click.Option(
        ["--debug"], is_flag=True, expose_value=False, hidden=hidden, help="Show the traceback of an error."
    )
    no_plugins = click.Option(
        ["--no-plugins"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_no_plugins,
        hidden=hidden,
        help="Load no plugin. To leave some out: AUTOML_DISABLE_PLUGINS=NAME,NAME.",
    )
    return [debug, no_plugins]


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, the most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"automl.cli.{cmd_name}").command
        taken = {option for param in found.params for option in param.opts}
        found.params += [option for option in _common_options(hidden=True) if not taken & set(option.opts)]
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Says which names are near an unknown command."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and not ctx.resilient_parsing:
            from automl.errors import unknown_name

            raise unknown_name("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that go on from `incomplete`, without an import of what they name."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=line) for name, line in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    params=_common_options(hidden=False),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version and exit."
)
def group() -> None:
    """Find the cheapest model that is good enough, and see its price tag."""


def main(args: list[str] | None = None) -> None:
    """Entry point of the program: runs a command and turns every error into a paragraph and an exit code."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    words = sys.argv[1:] if args is None else list(args)
    try:
        return _invoke(words)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        from automl.cli.console import complain

        # A terminal has just shown "^C" and no new line.
        complain(("\n" if sys.stderr.isatty() else "") + "Interrupted. What was finished is kept.")
        return getattr(error, "exit_code", 130)
    except click.ClickException as error:
        return _misused(error)
    except BrokenPipeError:
        return _reader_gone()
    except Exception as error:  # noqa: BLE001 - whatever it raises is told, not passed on
        if "--debug" in words:
            import traceback

            traceback.print_exc()
        return _report(error)


def _invoke(words: list[str]) -> int:
    """Like click's own main, but for errors, which it would end the program over."""
    if instruction := os.environ.get("_AUTOML_COMPLETE"):
        from click.shell_completion import shell_complete

        return shell_complete(group, {}, "automl", "_AUTOML_COMPLETE", instruction)
    try:
        with group.make_context("automl", list(words)) as context:
            outcome = group.invoke(context)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except SystemExit as stop:
        # This is how rich answers a reader that has gone.
        if isinstance(stop.__context__, BrokenPipeError):
            raise stop.__context__ from None
        raise
    else:
        # A command may return an exit code, as `automl doctor` does.
        code = outcome if isinstance(outcome, int) else 0
    # While an error can still be caught: what is buffered may meet a full disk or a reader that has gone.
    sys.stdout.flush()
    return code


def _misused(error: click.ClickException) -> int:
    from automl.report.plain import printable

    # It quotes what was typed, or what a script made of the name of a file.
    words = io.StringIO()
    error.show(words)
    click.echo(printable(words.getvalue()), nl=False, err=True)
    return error.exit_code


def _report(error: Exception) -> int:
    from automl.cli.console import complain
    from automl.errors import AutoMLError, StorageError
    from automl.files import NO_STORAGE

    cause = " ".join(str(error).split())
    if isinstance(error, AutoMLError):
        code, text = error.exit_code, str(error)
    elif isinstance(error, OSError) and error.errno in NO_STORAGE:
        code, text = StorageError.exit_code, f"{error.filename or 'The output'} cannot be used: {error.strerror}."
        text += " Make room or give rights there, or name another place."
    else:
        code, text = AutoMLError.exit_code, f"This is a bug in automl or a plugin: {type(error).__name__}: {cause}."
        text += " Run again with --debug for the traceback."
    complain(f"Error: {text}")
    return code


def _reader_gone() -> int:
    # The interpreter flushes once more at its end, and would complain.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return READER_GONE


__all__ = ["COMMANDS", "group", "main", "run"]
