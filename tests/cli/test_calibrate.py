"""``automl calibrate`` from end to end, on the smallest models."""

from __future__ import annotations

import json

import pytest

from automl.cli import run
from automl.price.calibration import FILE, load_calibration


def test_it_measures_and_writes_and_tells(tmp_path, capsys):
    assert run(["calibrate", "--quick", "--threads", "1", "--home", str(tmp_path / "home")]) == 0
    printed = capsys.readouterr()
    found = load_calibration(tmp_path / "home")
    for timing in found.timings:
        assert timing.model in printed.out
    for words in ("measured", "predicted", f"Median error {found.median_error:.0%}", FILE, "1 thread,"):
        assert words in printed.out
    assert printed.err == ""


def test_json_is_the_file_and_where_it_is(tmp_path, capsys):
    assert run(["calibrate", "--quick", "--threads", "1", "--home", str(tmp_path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("file") == str(tmp_path / FILE)
    assert printed.pop("median_error") == pytest.approx(load_calibration(tmp_path).median_error)
    assert printed == json.loads((tmp_path / FILE).read_text())


def test_a_damaged_calibration_is_replaced(tmp_path, capsys):
    (tmp_path / FILE).write_text("{")
    assert run(["calibrate", "--quick", "--home", str(tmp_path)]) == 0
    assert load_calibration(tmp_path).timings


@pytest.mark.parametrize("threads", ["0", "-1", "many"])
def test_threads_are_a_positive_number(threads, capsys):
    assert run(["calibrate", "--threads", threads]) == 2
    assert "--threads" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_to_is_told_before_measuring(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("automl.price.measure.calibrate", lambda *_, **__: pytest.fail("it measured"))
    assert run(["calibrate", "--home", str(tmp_path / "file" / "home")]) == 4
    assert "cannot be written to" in capsys.readouterr().err
