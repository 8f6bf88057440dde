"""``automl train`` on a terminal: the bar moves with what the training tells."""

from __future__ import annotations

import sys

import automl
from automl.cli import run


def test_on_a_terminal_a_bar_is_drawn(toys, tmp_path, monkeypatch, capsys):
    automl.search("toy", trials=1, epochs=2, home=tmp_path, tracking_uri="off", study="s")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert run(["train", "s", "best", "--home", str(tmp_path)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "the same as in the search" in printed
    assert "FLOPs" in printed
