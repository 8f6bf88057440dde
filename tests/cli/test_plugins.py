"""``automl plugins``."""

from __future__ import annotations

import json

import pytest

from automl.cli import run
from automl.host import Host, use_host
from automl.testing.toy import toy_plugin


@pytest.fixture
def listing(capsys, monkeypatch):
    """Runs the command over a host and returns what it prints."""

    def run_over(host, *words, columns=100):
        monkeypatch.setenv("COLUMNS", str(columns))
        with use_host(host):
            assert run(["plugins", *words]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return run_over


@pytest.fixture
def quarrel():
    """Two plugins that bring the same parts, and one that is disabled."""
    host = Host([])
    host.register(toy_plugin(), name="first", distribution="automl-first", version="1.2")
    host.register(toy_plugin(), name="second", distribution="automl-second", version="3.4")
    host._report(host.plugins[0].source, "takes 9.9 s to import; every command waits for it", fatal=False)
    host.disabled.append(type(host.plugins[0].source)("off", "automl-off", "5.6"))
    return host


def test_json(listing, quarrel):
    data = json.loads(listing(quarrel, "--json"))
    first, second = data["plugins"]
    assert (first["plugin"], first["distribution"], first["version"]) == ("first", "automl-first", "1.2")
    assert {"kind": "space", "name": "toy", "summary": "a perceptron with one hidden layer"} in first["parts"]
    assert first["import_s"] >= 0
    assert second["parts"] == []
    assert data["disabled"] == [{"plugin": "off", "distribution": "automl-off", "version": "5.6"}]
    fatal = [problem for problem in data["problems"] if problem["fatal"]]
    assert len(fatal) == 7
    assert fatal[0]["distribution"] == "automl-second"
    assert "automl-first 1.2 has that name already" in fatal[0]["cause"]
    assert [problem["cause"][:5] for problem in data["problems"] if not problem["fatal"]] == ["takes"]


def test_for_people(listing, quarrel):
    text = listing(quarrel)
    lines = [line.strip() for line in text.splitlines()]
    assert any(line.startswith("first  automl-first 1.2, imported in") for line in lines)
    assert any(line.split() == ["space", "toy", "a", "perceptron", "with", "one", "hidden", "layer"] for line in lines)
    assert "no parts" in lines
    left_out, warnings = text.index("Left out"), text.index("Warnings")
    assert lines.index("Disabled") + 1 == lines.index("off of automl-off 5.6")
    assert left_out < text.index("second of automl-second 3.4: its") < warnings
    assert warnings < text.index("first of automl-first 1.2: takes 9.9 s")


def test_fits_a_narrow_terminal(listing, quarrel):
    text = listing(quarrel, columns=60)
    assert all(len(line.rstrip()) <= 60 for line in text.splitlines())


def test_brackets_are_text(listing):
    host = Host([])
    host.register(object(), name="[bold]odd", distribution="automl-[red]odd")
    host._report(host.plugins[0].source, "pip install 'automl-host[all]'")
    text = listing(host)
    assert "[bold]odd  automl-[red]odd 0" in text
    assert "automl-host[all]" in text


def test_none(listing):
    assert "pip install 'automl-host[all]'" in listing(Host([]))
    empty = {"plugins": [], "problems": [], "disabled": []}
    assert json.loads(listing(Host([]), "--json")) == empty
