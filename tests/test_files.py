"""Files appear whole or not at all."""

from __future__ import annotations

import json
import os

import pytest

from automl import files


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.suffix == ".tmp"]


def test_writes_text_bytes_and_json(tmp_path):
    assert files.write_text(tmp_path / "a.txt", "grün\n").read_bytes() == "grün\n".encode()
    assert files.write_bytes(str(tmp_path / "b.bin"), b"\x00\r\n").read_bytes() == b"\x00\r\n"
    written = files.write_json(tmp_path / "c.json", {"label": "phi -1 · frn", "values": [0.5, None]})
    assert json.loads(written.read_text(encoding="utf-8")) == {"label": "phi -1 · frn", "values": [0.5, None]}
    assert written.read_text(encoding="utf-8").endswith("}\n")
    assert leftovers(tmp_path) == []


def test_makes_the_folder(tmp_path):
    assert files.write_text(tmp_path / "study" / "trial-0007" / "spec.json", "{}").read_text() == "{}"


def test_replaces_the_old_file(tmp_path):
    path = files.write_text(tmp_path / "front.csv", "a long old text")
    files.write_text(path, "new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing):
    path = files.write_text(tmp_path / "front.csv", "old")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(("obj", "error"), [({"x": object()}, TypeError), ({"x": float("nan")}, ValueError)])
def test_what_is_no_json_is_not_written(tmp_path, obj, error):
    with pytest.raises(error):
        files.write_json(tmp_path / "new.json", obj)
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be_is_an_os_error(tmp_path):
    files.write_text(tmp_path / "taken", "")
    with pytest.raises(OSError, match="taken"):
        files.write_text(tmp_path / "taken" / "front.csv", "")


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_permissions_are_those_of_a_plain_open(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    assert files.write_text(tmp_path / "new", "").stat().st_mode == plain.stat().st_mode
    plain.chmod(0o640)
    files.write_text(plain, "again")
    assert plain.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights on Windows")
def test_a_link_is_followed(tmp_path):
    target = files.write_text(tmp_path / "store" / "real.json", "old")
    link = tmp_path / "latest.json"
    link.symlink_to(target)
    files.write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_name_as_long_as_the_file_system_allows(tmp_path):
    path = files.write_text(tmp_path / ("n" * 255), "x")
    assert path.read_text() == "x"
