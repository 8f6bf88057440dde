"""Hostile files: checkpoints, weights, exported models, settings, the calibration. Each with a payload or a bomb."""

from __future__ import annotations

import json
import struct
import zipfile
from typing import ClassVar

import pytest
import torch

from automl.cli import run
from automl.engine import plain_yaml
from automl.errors import TrialError, UsageError
from automl.price.calibration import load_calibration
from automl.training.resume import Resume

DEEP = "[" * 100_000


class TestCheckpoints:
    @pytest.fixture
    def hostile(self, payload, tmp_path):
        """Checkpoints that would run the payload, each in another way."""
        plain = tmp_path / "plain.ckpt"
        plain.write_bytes(payload)
        packed = tmp_path / "packed.ckpt"
        torch.save({"state_dict": {}, "callbacks": {}}, packed)
        with zipfile.ZipFile(packed) as whole:
            entries = {name: whole.read(name) for name in whole.namelist()}
        with zipfile.ZipFile(packed, "w") as spoiled:
            for name, data in entries.items():
                spoiled.writestr(name, payload if name.endswith("data.pkl") else data)
        return [plain, packed]

    def test_that_hold_a_payload_are_damaged_ones(self, hostile, marker):
        for path in hostile:
            with pytest.raises(TrialError, match="is damaged"):
                Resume.read(_resume(), path)

    def test_a_search_goes_on_without_them(self, hostile, marker, home, rewrite, capsys):
        """The whole way: the trial that would go on from one is trained from scratch."""
        checkpoints = home / "s" / "trial-0000" / "checkpoints"
        checkpoints.mkdir(exist_ok=True)
        for number in (1, 2):
            (checkpoints / f"{number:06d}.ckpt").write_bytes(hostile[1].read_bytes())
        steps = [{"trial": 3, "point": _point(home), "rung": 1, "from_rung": 0}]
        (home / "s" / "in-flight.json").write_text(json.dumps(steps))
        other = home / "s" / "trial-0003" / "checkpoints"
        other.mkdir(parents=True)
        (other / "000001.ckpt").write_bytes(hostile[1].read_bytes())
        assert run(["resume", "s", "--home", str(home), "--trials", "2", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["failed"] == 0
        assert json.loads((home / "s" / "trial-0003" / "rung-0002" / "result.json").read_text())["status"] == "complete"

    def test_of_counts_that_name_more_than_counts(self):
        from automl.training.callbacks import Diary

        diary = Diary()
        with pytest.raises(KeyError):
            diary.go_on({"_on_epoch": "x"})
        diary.go_on({**diary.counts(), "on_train_epoch_end": "x", "steps": 7})
        assert diary.steps == 7
        assert callable(diary.on_train_epoch_end)


class TestWeights:
    def header(self, text, size=None):
        return struct.pack("<Q", len(text) if size is None else size) + text

    @pytest.mark.parametrize("kind", ["pickle", "long", "vast", "deep", "dtype", "offsets", "empty", "other"])
    def test_that_are_no_weights(self, kind, payload, marker, home, refused):
        tensors = {"dtype": '{"a": {"dtype": "os.system", "shape": [1], "data_offsets": [0, 4]}}',
                   "offsets": '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 99999999999]}}',
                   "vast": '{"a": {"dtype": "F32", "shape": [99999999999, 99999999999], "data_offsets": [0, 4]}}',
                   "other": '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
                   "deep": DEEP}  # fmt: skip
        made = {"pickle": payload, "long": self.header(b"{}", 2**62), "empty": b""}
        data = made.get(kind) if kind in made else self.header(tensors[kind].encode()) + b"\0\0\0\0"
        [weights] = home.glob("s/trial-0000/rung-0002/model.safetensors")
        weights.write_bytes(data)
        assert "is damaged or belongs to another model" in refused(3, "export", "s", "0")

    def test_exported_by_somebody_else(self, payload, marker, tmp_path, refused):
        for name in ("m.safetensors", "m.onnx"):
            (tmp_path / name).write_bytes(payload)
            assert "cannot be read as an exported model" in refused(2, "price", tmp_path / name)

    @pytest.mark.parametrize(
        "spec", ["17", "{}", DEEP, "null", '{"space": "toy"}', "NUMBER", "CONFIG", "SPACE", "CLASSES"]
    )
    def test_whose_spec_is_not_ours(self, spec, home, tmp_path, refused):
        whole = json.loads((home / "s" / "trial-0000" / "rung-0002" / "spec.json").read_text())
        changed = {
            "NUMBER": {"number": "../../x"},
            "CONFIG": {"config": {}},
            "SPACE": {"space": "os:system"},
            "CLASSES": {"data": {**whole["data"], "input_shape": ["x"]}},
        }
        text = json.dumps({**whole, **changed[spec]}) if spec in changed else spec
        header = json.dumps({"__metadata__": {"automl": text}}).encode()
        (tmp_path / "m.safetensors").write_bytes(self.header(header))
        assert refused(2, "price", tmp_path / "m.safetensors")


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{now}: &{now} [{', '.join([f'*{before}'] * 9)}]\n" for before, now in zip("abcdefgh", "bcdefghi", strict=True)
)


class TestSettings:
    @pytest.mark.parametrize(
        "text",
        [
            LAUGHS, f"space: toy\nset: {{width: {DEEP}", DEEP, "- a\n" * 5, "17", "[space]", "1: 2", "null: 3",
            "space: toy\ntrials: " + "9" * 5000, "space: 2001-99-99", "space: !!binary x", "? {}\n: 1",
            "space: !!timestamp x", "space: toy\nset: &a {b: *a}", "space: !!set {a}", "\x00", "a: b: c",
            "space: toy\nseed: .nan", "space: toy\ncarbon_g_per_kwh: .inf", "space: toy\nstudy: ../x",
            "space: toy\nhome: [a]", "space: toy\nset: {width: " + "1" * 100_000 + "}", "<<: 1", "<<: [1]",
            "space: !!int x", "space: !!float x", "space: !!python/name:os.system", "space: toy\nset: {a: {b: 1}}",
        ],
    )  # fmt: skip
    def test_no_file_is_more_than_a_sentence(self, text, tmp_path, refused):
        path = tmp_path / "s.yaml"
        path.write_text(text)
        assert len(refused(2, "search", "--config", path, "--dry-run")) < 3000

    def test_python_objects_are_not_made(self, marker, tmp_path, refused):
        path = tmp_path / "s.yaml"
        path.write_text(
            f"space: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{marker}]]"
        )
        assert "not valid YAML" in refused(2, "search", "--config", path)

    def test_an_endless_file(self, monkeypatch, tmp_path, refused):
        (tmp_path / "s.yaml").symlink_to("/dev/zero")
        assert "has more than 1000000 bytes" in refused(2, "search", "--config", tmp_path / "s.yaml")

    def test_settings_that_a_study_left_are_read_as_ever(self, home):
        assert plain_yaml.read(home / "s" / "settings.yaml")["space"] == "toy"


class TestCalibration:
    WHOLE: ClassVar = {
        "format": 1, "date": "2026-01-01", "processor": "p", "torch": "2", "threads": 1, "memory_bytes": 1.0,
        "peak_flops_per_s": 1.0, "bandwidth_bytes_per_s": 1.0, "operator_s": 1.0, "efficiency": 1.0,
        "bandwidth_efficiency": 1.0, "overhead_s": 1.0,
        "timings": [{"model": "m", "flops": 1.0, "measured_s": 1.0, "predicted_s": 1.0}],
    }  # fmt: skip

    @pytest.mark.parametrize(
        "change",
        [
            {"peak_flops_per_s": "1e9"}, {"peak_flops_per_s": None}, {"threads": [1]}, {"date": 3}, {"timings": 3},
            {"timings": []}, {"timings": [{"model": {}, "flops": 1, "measured_s": 1, "predicted_s": 1}]},
            {"timings": [{"model": "m", "flops": "x", "measured_s": 1, "predicted_s": 1}]}, {"extra": 1},
            {"format": DEEP}, {"operator_s": float("nan")}, {"operator_s": 10**400},
        ],
    )  # fmt: skip
    def test_of_another_shape(self, change, home, refused):
        (home / "calibration.json").write_text(json.dumps({**self.WHOLE, **change}))
        assert "calibration.json cannot be used" in refused(2, "price", "s/0", "--device", "this-machine")

    @pytest.mark.parametrize("text", ["", DEEP, "[]", "null", '{"a":' * 50_000, "\xff"])
    def test_that_is_none(self, text, home):
        (home / "calibration.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(UsageError, match="cannot be used"):
            load_calibration(home)

    def test_the_whole_one_is_taken(self, home):
        (home / "calibration.json").write_text(json.dumps(self.WHOLE))
        assert load_calibration(home).title == "p, 1 thread"


def _resume():
    made = object.__new__(Resume)
    made._identity = ""
    return made


def _point(home):
    from automl import open_study

    point = dict(open_study("s", home).records[0].step.point)
    return {**point, "learning_rate": 0.05}
