"""The command group: help, unknown names, and what becomes of every kind of error."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from automl import cli, errors
from automl.cli import COMMANDS, group, run
from automl.cli.console import complain, print_json, report_problems, stdout_console
from automl.host import Host, get_host


@pytest.fixture
def command(monkeypatch):
    """Puts a command that does as told in the place of `automl plugins`."""

    def put(function):
        made = click.command("plugins")(function)
        monkeypatch.setattr("automl.cli.plugins.command", made)
        return made

    return put


def automl(*words, **environment):
    """The program in a process of its own."""
    code = "import sys; from automl.cli import main; main(sys.argv[1:])"
    variables = {**os.environ, "PYTHONUNBUFFERED": "", **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *words], env=variables, capture_output=True, text=True, check=False
    )


class TestHelp:
    @pytest.mark.parametrize("word", ["-h", "--help"])
    def test_lists_every_command_with_its_line(self, word):
        result = CliRunner().invoke(group, [word])
        assert result.exit_code == 0
        text = " ".join(result.stdout.split())
        for name, line in COMMANDS.items():
            assert f"{name} {line}" in text
        assert "Exit codes: 0 done" in text

    def test_no_arguments(self, capsys):
        assert run([]) == 2
        assert "Usage: automl" in capsys.readouterr().err

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_each_command(self, name, capsys):
        pytest.importorskip(f"automl.cli.{name}")
        assert run([name, "-h"]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"Usage: automl {name}")
        assert "--debug" not in out

    def test_version(self, capsys):
        assert run(["--version"]) == 0
        assert capsys.readouterr().out.startswith("automl ")


class TestBadWords:
    def test_unknown_command_lists_the_near_ones(self, capsys):
        assert run(["serch"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == "Error: There is no command named 'serch'. Did you mean 'search'?\n"

    def test_unknown_option_lists_the_near_ones(self, capsys):
        assert run(["plugins", "--jsn"]) == 2
        assert "Did you mean '--json'?" in capsys.readouterr().err

    def test_missing_and_wrong_arguments(self, capsys):
        assert run(["completion"]) == 2
        assert run(["completion", "tcsh"]) == 2
        assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in capsys.readouterr().err


class TestErrors:
    def raising(self, command, error):
        @command
        def fails():
            raise error

    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            (errors.AutoMLError, 1),
            (errors.UsageError, 2),
            (errors.StudyError, 3),
            (errors.StorageError, 4),
            (errors.TrialError, 5),
        ],
    )
    def test_known_ones_are_a_paragraph_and_a_code(self, kind, code, command, capsys):
        self.raising(command, kind("What happened. What to do."))
        assert run(["plugins"]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == "Error: What happened. What to do.\n"

    def test_unexpected_ones_are_called_a_bug(self, command, capsys):
        self.raising(command, ZeroDivisionError("division\nby zero"))
        assert run(["plugins"]) == 1
        err = capsys.readouterr().err
        assert err == (
            "Error: This is a bug in automl or a plugin: ZeroDivisionError: division by zero. "
            "Run again with --debug for the traceback.\n"
        )

    @pytest.mark.parametrize("words", [["--debug", "plugins"], ["plugins", "--debug"]])
    @pytest.mark.parametrize("error", [errors.StudyError("gone"), ZeroDivisionError("by zero")])
    def test_debug_shows_the_traceback_as_well(self, words, error, command, capsys):
        self.raising(command, error)
        assert run(words) == getattr(error, "exit_code", 1)
        err = capsys.readouterr().err
        assert err.startswith("Traceback (most recent call last)")
        assert "in fails" in err
        assert "\nError: " in err

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOTDIR])
    def test_disk_and_rights(self, number, command, capsys):
        self.raising(command, OSError(number, os.strerror(number), "/some/where"))
        assert run(["plugins"]) == 4
        assert f"/some/where cannot be used: {os.strerror(number)}." in capsys.readouterr().err

    def test_other_errors_of_the_system_are_not_excused(self, command, capsys):
        self.raising(command, OSError(errno.EBADF, "Bad file descriptor"))
        assert run(["plugins"]) == 1
        assert "This is a bug" in capsys.readouterr().err

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
    def test_interrupt(self, error, command, capsys):
        self.raising(command, error)
        assert run(["plugins"]) == 130
        assert "Interrupted." in capsys.readouterr().err

    def test_module_that_cannot_be_imported(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "automl.cli.plugins", None)
        assert run(["plugins"]) == 1
        assert "ModuleNotFoundError" in capsys.readouterr().err

    def test_code_that_a_command_returns(self, command):
        command(lambda: 1)
        assert run(["plugins"]) == 1

    def test_code_that_a_command_exits_with(self, command):
        @command
        @click.pass_context
        def stops(context):
            context.exit(3)

        assert run(["plugins"]) == 3

    def test_main_exits_with_the_code(self):
        with pytest.raises(SystemExit) as stop:
            cli.main(["serch"])
        assert stop.value.code == 2


class TestNoPlugins:
    @pytest.mark.parametrize("words", [["--no-plugins", "plugins"], ["plugins", "--no-plugins"]])
    def test_the_command_sees_none(self, words, command, toys):
        seen = []
        command(lambda: seen.append(get_host()))
        assert run(words) == 0
        assert seen[0].plugins == []
        assert get_host() is toys

    def test_without_it(self, command, toys):
        seen = []
        command(lambda: seen.append(get_host()))
        assert run(["plugins"]) == 0
        assert seen == [toys]


class TestPipes:
    def test_reader_that_has_gone(self):
        code = "import sys; from automl.cli import main; main(sys.argv[1:])"
        for words in (["--help"], ["plugins"], ["plugins", "--json"]):
            reading, writing = os.pipe()
            os.close(reading)
            done = subprocess.run(
                [sys.executable, "-c", code, *words], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
            )
            os.close(writing)
            assert (done.returncode, done.stderr) == (141, "")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
    def test_full_disk(self):
        with Path("/dev/full").open("w") as full:
            code = "from automl.cli import main; main(['plugins', '--json'])"
            done = subprocess.run(
                [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 4
        assert "No space left on device" in done.stderr

    def test_no_color_in_a_pipe_and_long_lines_stay_whole(self):
        done = automl("plugin" + "s" * 150)
        assert done.returncode == 2
        assert "\x1b" not in done.stderr
        assert done.stderr.count("\n") == 1


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


class TestConsole:
    def complaint(self, monkeypatch, text, **environment):
        for name, value in {"COLUMNS": "40", "NO_COLOR": "", **environment}.items():
            monkeypatch.setenv(name, value)
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        complain(text)
        return screen.getvalue()

    def test_color_on_a_terminal(self, monkeypatch):
        assert self.complaint(monkeypatch, "Error: no.") == "\x1b[31m\x1b[1mError\x1b[0m: no.\n"

    def test_no_color(self, monkeypatch):
        assert self.complaint(monkeypatch, "Error: no.", NO_COLOR="1") == "Error: no.\n"

    def test_other_words_have_no_color(self, monkeypatch):
        assert self.complaint(monkeypatch, "Note: yes.") == "Note: yes.\n"

    def test_wrapped_on_a_terminal_with_paths_whole(self, monkeypatch):
        path = "/a-very/long-path/that-has/many-hyphens/and-does-not/fit"
        text = self.complaint(
            monkeypatch, f"Error: the file {path} is damaged and cannot be read at all.", NO_COLOR="1"
        )
        lines = text.splitlines()
        assert len(lines) == 3
        assert path in lines
        assert all(len(line) <= 40 for line in lines if line != path)

    def test_json_is_for_programs(self, capsys):
        print_json({"name": "Zürich", "none": None})
        assert capsys.readouterr().out == '{\n  "name": "Zürich",\n  "none": null\n}\n'
        with pytest.raises(ValueError, match="JSON"):
            print_json({"score": float("nan")})
        assert capsys.readouterr().out == ""

    def test_width_in_a_pipe(self, monkeypatch):
        monkeypatch.delenv("COLUMNS", raising=False)
        assert stdout_console().width == 120
        monkeypatch.setenv("COLUMNS", "50")
        assert stdout_console().width == 50

    def broken_host(self):
        host = Host([])
        host.register(object(), name="fine")
        host.problems.clear()
        host._report(host.plugins[0].source, "ImportError: no", fatal=True)
        host._report(host.plugins[0].source, "is slow", fatal=False)
        return host

    def test_problems_are_told_in_a_line(self, capsys):
        report_problems(self.broken_host())
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == "Warning: plugin fine of (this process) 0: ImportError: no\n"

    def test_problems_are_told_once_a_run(self, command, capsys):
        @command
        def tells():
            host = self.broken_host()
            report_problems(host)
            report_problems(host)

        for _ in range(2):
            assert run(["plugins"]) == 0
            assert capsys.readouterr().err.count("Warning") == 1


class TestCompletion:
    @pytest.mark.parametrize(
        ("shell", "mark"), [("bash", "complete -o"), ("zsh", "#compdef automl"), ("fish", "complete --")]
    )
    def test_script(self, shell, mark, capsys):
        assert run(["completion", shell]) == 0
        out = capsys.readouterr().out
        assert mark in out
        assert "_AUTOML_COMPLETE" in out

    def complete(self, monkeypatch, capsys, words):
        monkeypatch.setenv("_AUTOML_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", f"automl {words}")
        monkeypatch.setenv("COMP_CWORD", str(1 + words.count(" ")))
        assert run([]) == 0
        return [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]

    def test_of_a_command(self, monkeypatch, capsys):
        assert self.complete(monkeypatch, capsys, "s") == ["search", "sync", "spaces"]

    def test_of_a_group_option(self, monkeypatch, capsys):
        assert self.complete(monkeypatch, capsys, "--no") == ["--no-plugins"]

    def test_of_an_option_of_a_command(self, monkeypatch, capsys):
        assert self.complete(monkeypatch, capsys, "plugins --j") == ["--json"]

    def test_of_an_argument(self, monkeypatch, capsys):
        assert self.complete(monkeypatch, capsys, "completion b") == ["bash"]
