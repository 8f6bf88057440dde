"""From what a person types to one candidate."""

from __future__ import annotations

import pytest

import automl
from automl.engine.candidate import find_candidate
from automl.errors import StudyError, UsageError
from automl.testing.toy import ToyData, ToySpace
from automl.training.export import export


@pytest.fixture
def study(toys, tmp_path):
    return automl.search("toy", trials=2, epochs=1, home=tmp_path, tracking_uri="off", study="s")


def test_a_trial_comes_with_all_that_was_measured_of_it(study, tmp_path):
    found = find_candidate("s/1", home=tmp_path)
    assert found.record.result == study.record(1).result
    assert find_candidate("s/best", home=tmp_path).record.number == study.best().number


def test_a_space_takes_its_defaults_and_the_user_s_wishes(toys, tmp_path):
    spec = find_candidate("toy", home=tmp_path, narrow={"width": "5"}).spec
    assert spec.config == {"width": 5, "learning_rate": 0.1, "activation": "relu"}
    assert spec.data == ToyData().spec()


@pytest.mark.parametrize("kind", ["safetensors", "onnx"])
def test_an_exported_file_says_what_it_holds(study, tmp_path, kind):
    if kind == "onnx":
        pytest.importorskip("onnxscript")
    record = study.best()
    path = tmp_path / f"model.{kind}"
    export(record.spec, study.step_folder(record.spec), kind, path)
    assert find_candidate(str(path), home=tmp_path).spec == record.spec


def test_a_name_that_a_space_knows(toys, tmp_path, monkeypatch):
    known = {"width": 3, "learning_rate": 0.1, "activation": "relu"}
    monkeypatch.setattr(
        ToySpace,
        "named",
        lambda self, name, *, resolution_px=None: (known, ToyData().spec()) if name == "tiny" else None,
    )
    assert find_candidate("tiny", home=tmp_path).spec.config == known
    with pytest.raises(UsageError, match="Nothing is called 'tinier'"):
        find_candidate("tinier", home=tmp_path)


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("tooy", {}, "space 'toy'"),
        ("toy", {"resolution_px": 3}, "--resolution"),
        ("toy", {"narrow": {"widht": "3"}}, "'width'"),
        ("toy", {"narrow": {"width": "9999"}}, "width"),
        ("other", {"narrow": {"width": "3"}}, "--set"),
        ("other", {"data": "toy"}, "--data"),
        ("none.onnx", {}, "no file"),
        ("s/best", {"resolution_px": 3}, "--resolution"),
    ],
)
def test_what_does_not_go_together_is_told(toys, tmp_path, text, more, words):
    with pytest.raises(UsageError, match=words):
        find_candidate(text, home=tmp_path, **more)


def test_trials_and_studies_that_are_not_there(study, tmp_path):
    with pytest.raises(StudyError, match="no study 't'"):
        find_candidate("t/1", home=tmp_path)
    with pytest.raises(UsageError, match="no finished trial 7"):
        find_candidate("s/7", home=tmp_path)
    with pytest.raises(UsageError, match="'first' is no trial"):
        find_candidate("s/first", home=tmp_path)


@pytest.mark.parametrize("kind", ["safetensors", "onnx"])
def test_other_people_s_files_are_told(toys, tmp_path, kind):
    if kind == "onnx":
        pytest.importorskip("onnx")
    path = tmp_path / f"model.{kind}"
    path.write_bytes(b"rubbish, whatever its name")
    with pytest.raises(UsageError, match="cannot be read as an exported model"):
        find_candidate(str(path), home=tmp_path)


def test_weights_that_automl_did_not_write(toys, tmp_path):
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(UsageError, match="not exported by automl"):
        find_candidate(str(path), home=tmp_path)
