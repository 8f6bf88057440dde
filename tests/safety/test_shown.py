"""What others wrote is shown and not obeyed: by a terminal, a page, a spreadsheet, Markdown."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os

import pandas as pd
import pytest

from automl.cli import run
from automl.cli.console import complain, print_json, stdout_console
from automl.parts import Goal
from automl.report.expected_figures import expected_div, expected_figure_png
from automl.report.figures import front_figure_html, front_figure_png
from automl.report.plain import csv_text, markdown_cell, printable

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b1A\r\u202egnp.exe\ud800"
MARKUP = "[bold red]x[/] [link=http://x]y[/link]"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://x","y")'


@pytest.fixture
def shouting(rewrite):
    """The study, its first trial labelled with all of them."""
    rewrite(lambda kept: kept.update(label=f"{FORMULA} {ESCAPES} {MARKUP} {SCRIPT} | x"))


def clean(text):
    return not set(text) & set("\x1b\x07\x9b\r\u202e\ud800")


class TestTerminal:
    @pytest.mark.parametrize(
        "words",
        [
            *(["front", "s", *more] for more in ([], ["--csv"], ["--json"], ["--pick", "best"])),
            ["price", "s/0"],
            ["train", "s", "0"],
        ],
    )
    def test_control_characters_and_markup_of_a_label(self, words, shouting, home, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "400")
        assert run([*words, "--home", str(home)]) == 0
        out, err = capsys.readouterr()
        assert clean(out + err)
        if words[0] != "front" or len(words) == 2:
            assert "\\x1b]0;owned" in out
            assert "[bold red]x[/]" in out

    def test_json_stays_json(self, capsys):
        print_json({"label": ESCAPES + "Zürich"})
        out = capsys.readouterr().out
        assert clean(out)
        assert "Zürich" in out
        assert json.loads(out)["label"] == ESCAPES + "Zürich"

    def test_complaints(self, capsys):
        complain(f"Error: {ESCAPES}")
        assert capsys.readouterr().err == ("Error: \\x1b]0;owned\\x07\\x1b[2J\\x9b1A\\x0d\\u202egnp.exe\\ud800\n")

    def test_what_is_live(self, toys, home, shouting):
        from rich.console import Console

        from automl import open_study
        from automl.cli.view import LiveView

        screen = io.StringIO()
        view = LiveView(Console(file=screen, force_terminal=True, width=200, color_system=None), clock=lambda: 0.0)
        study = open_study("s", home)
        view.prepared(study, None, 1)
        view.trial_started(study.records[0].spec, ESCAPES)
        drawn = Console(file=screen, width=200, color_system=None, record=True)
        drawn.print(view._draw())
        view.close()
        assert clean(drawn.export_text().replace("\r", ""))

    def test_console_leaves_layout_and_colour_alone(self, capsys):
        stdout_console().print("a\n\tb [x] ü")
        assert capsys.readouterr().out == "a\n        b [x] ü\n"

    def test_only_what_cannot_be_printed_changes(self):
        assert printable("Zürich 漢字 ☺ a\tb\nc") == "Zürich 漢字 ☺ a\tb\nc"


class TestPages:
    def test_a_label_and_a_metric_are_no_html(self, study, record, tmp_path):
        goals = (Goal(SCRIPT, "maximize"), Goal("lifetime_flops", "minimize", log=True))
        records = [*study, record(99, (0.99, 1e10), label=SCRIPT)]
        sections = [expected_div(records, goals)]
        page = front_figure_html(records, goals, tmp_path / "a.html", title=SCRIPT, sections=sections).read_text()
        assert "<script>alert" not in page
        assert "<img src=x" not in page

    def test_a_metric_is_no_mathematics(self, study, tmp_path):
        goals = (Goal(r"$\frac{$", "maximize"), Goal("lifetime_flops", "minimize", log=True))
        assert front_figure_png(study, goals, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
        assert expected_figure_png(study, goals, tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")

    def test_no_program_draws_it(self, study, tmp_path, marker, monkeypatch):
        """As a matplotlibrc in the working directory would have it."""
        import matplotlib as mpl

        program = tmp_path / "bin" / "latex"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\ntouch {marker}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        with mpl.rc_context({"text.usetex": True}):
            goals = (Goal("accuracy", "maximize"), Goal("flops", "minimize"))
            with contextlib.suppress(Exception):
                front_figure_png.__wrapped__(study, goals, tmp_path / "a.png")
            assert marker.exists()  # so it would be
            marker.unlink()
            front_figure_png(study, goals, tmp_path / "a.png")

    def test_the_card(self, shouting, home, tmp_path, capsys):
        assert run(["export", "s", "0", "-o", str(tmp_path / "m.safetensors"), "--home", str(home)]) == 0
        card = (tmp_path / "m.safetensors.md").read_text()
        assert clean(card)
        assert "<script>" not in card
        assert "[bold red]" not in card.replace("\\[", "(")

    def test_markdown(self):
        assert markdown_cell("a|b\n<i>[x](y)`") == "a\\|b &lt;i>\\[x](y)\\`"


class TestSpreadsheets:
    def test_words_are_no_formulas_and_figures_stay(self):
        words = [FORMULA, "+1+cmd", "@x", "-2", "-x", "\t=1", "a=b", ""]
        frame = pd.DataFrame(
            {"label": words, "score": [-1.5] * 8, "mixed": pd.Series([True, None, "=1", -1, *"abcd"], dtype=object)}
        )
        rows = list(csv.DictReader(io.StringIO(csv_text(frame))))
        assert [row["label"] for row in rows] == [
            f"'{FORMULA}", "'+1+cmd", "'@x", "-2", "'-x", "'\t=1", "a=b", "",
        ]  # fmt: skip
        assert {row["score"] for row in rows} == {"-1.5"}
        assert [row["mixed"] for row in rows][:4] == ["True", "", "'=1", "-1"]

    def test_the_command(self, shouting, home, capsys):
        assert run(["front", "s", "--csv", "--home", str(home)]) == 0
        [row] = csv.DictReader(io.StringIO(capsys.readouterr().out))
        assert row["label"].startswith("'=HYPERLINK")
