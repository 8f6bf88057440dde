"""What a person sees of a search: the live view, drawn on a console that only pretends to be a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import automl
from automl.cli import outcome, view
from automl.cli.view import LiveView


@pytest.fixture
def study(toys, tmp_path):
    """A finished study, and what was drawn while it ran."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, height=40, color_system=None)
    study = automl.search(
        "toy", trials=4, epochs=2, home=tmp_path, tracking_uri="off", observers=[LiveView(console)], study="seen"
    )
    return study, screen.getvalue()


def test_the_price_comes_before_it_is_spent(study):
    text = study[1]
    assert text.index("Expected price of 4 trials") < text.index("verdict")
    assert "FLOPs (estimated:" in " ".join(text.split())


def test_each_trial_has_a_row_with_score_price_and_verdict(study):
    finished, text = study
    table = text[text.rindex("verdict") :]
    for record in finished.records:
        row = next(line for line in table.splitlines() if line.split()[:1] == [str(record.number)])
        assert "FLOPs" in row
        assert "%" in row
        assert any(words in row for words in ("on the front", "beaten by", "equal to"))


def test_progress_and_time_left_are_shown(study):
    assert "of 4 trials" in study[1]
    assert "left" in study[1]


def test_nothing_is_drawn_where_there_is_no_terminal(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert view.views() == []


def test_the_outcome_says_what_to_do_next(study, capsys):
    outcome.print_outcome(study[0], as_json=False)
    out = capsys.readouterr().out
    assert "The front of seen" in out
    assert "Price tag" in out
    assert "measured" in out
    assert "counted" in out
    assert str(study[0].folder) in out
    for command in outcome.next_commands(study[0]):
        assert command in out
    assert "\x1b" not in out


def test_a_second_look_at_the_test_split_is_told(study, capsys):
    finished = study[0]
    finished.keep("test", {"scores": {}, "opened": ["2026-01-01", "2026-01-02"]})
    outcome.print_outcome(finished, as_json=False)
    assert "opened 2 times" in capsys.readouterr().out
