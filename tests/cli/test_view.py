"""What a person sees of a search: the live view, drawn on a console that only pretends to be a terminal."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

import automl
from automl.cli import outcome, view
from automl.cli.view import LiveView


@pytest.fixture
def console():
    """It only pretends to be a terminal."""
    return Console(file=io.StringIO(), force_terminal=True, width=100, height=40, color_system=None)


@pytest.fixture
def study(toys, tmp_path, console):
    """A finished study, and what was drawn while it ran."""
    study = automl.search(
        "toy", trials=4, epochs=2, home=tmp_path, tracking_uri="off", observers=[LiveView(console)], study="seen"
    )
    return study, console.file.getvalue()


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


def test_all_trials_under_way_are_named(study, console):
    finished, _ = study
    one, other = (dataclasses.replace(record.spec, number=number) for number, record in enumerate(finished.records[:2]))
    seen = LiveView(console)
    seen.prepared(finished, None, 2)
    seen.trial_started(one, "the first")
    seen.trial_started(other, "the second")
    seen.stopping()
    with console.capture() as captured:
        console.print(seen._draw())
    seen.close()
    text = captured.get()
    assert "trial 0 to 2 of 2 epochs: the first" in text
    assert "trial 1 to 2 of 2 epochs: the second" in text
    assert "Ctrl-C again ends it now" in text
