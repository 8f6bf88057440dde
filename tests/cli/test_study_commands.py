"""The commands end to end over the installed plugins, on a tiny budget, as a person would type them."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import yaml

from automl.cli import run

TINY = ["--space", "efficientnet", "--epochs", "2", "--set", "phi=-20..-16", "--threads", "1", "--tracking-uri", "off"]
TINY += ["--rungs", "off"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with one finished study, `tiny`."""
    home = tmp_path_factory.mktemp("home")
    assert run(["search", *TINY, "--trials", "3", "--study", "tiny", "--home", str(home), "--json"]) == 0
    return home


@pytest.fixture
def cli(home, capsys):
    """Runs a command in that home and returns its exit code, stdout and stderr."""

    def call(*words):
        capsys.readouterr()
        code = run([*words, "--home", str(home)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_search_prints_json_alone_on_stdout(tmp_path, capsys):
    capsys.readouterr()
    code = run(["search", *TINY, "--objective", "green", "--trials", "2", "--home", str(tmp_path), "--json"])
    out, err = capsys.readouterr()
    assert code == 0
    assert err == ""
    outcome = json.loads(out)
    assert outcome["study"] == "digits-efficientnet-1"
    assert outcome["trials"] == 2
    assert outcome["failed"] == 0
    assert [goal["metric"] for goal in outcome["goals"]] == ["accuracy", "lifetime_flops"]
    assert outcome["bill"]["flops"]["method"] == "counted"
    assert outcome["bill"]["wall_s"]["unit"] == "s"
    assert len(outcome["test_opened"]) == 1
    assert outcome["front"][0]["test_accuracy"] > 0
    assert len(outcome["next"]) == 2
    for name in (
        "front.csv",
        "front.html",
        "front.png",
        "trials.csv",
        "expected.csv",
        "expected.png",
        "price_tag.json",
    ):
        assert (tmp_path / "digits-efficientnet-1" / "front" / name).stat().st_size > 0


def test_front_as_a_table_is_plain_in_a_pipe(cli):
    code, out, err = cli("front", "tiny")
    assert code == 0
    assert "\x1b" not in out
    assert err == ""
    assert "phi -20.0 · 4 px" in out
    assert "lifetime" in out


def test_front_as_json_and_csv_agree(cli):
    rows = json.loads(cli("front", "tiny", "--json")[1])["front"]
    table = list(csv.DictReader(io.StringIO(cli("front", "tiny", "--csv")[1])))
    assert [row["trial"] for row in rows] == [int(row["trial"]) for row in table]
    assert [row["lifetime_flops"] for row in rows] == [float(row["lifetime_flops"]) for row in table]


def test_front_as_pictures(cli, tmp_path):
    assert cli("front", "tiny", "--plot", str(tmp_path / "front.png"))[0] == 0
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    assert cli("front", "tiny", "--plot", str(tmp_path / "front.html"))[0] == 0
    code, _, err = cli("front", "tiny", "--plot", str(tmp_path / "front.gif"))
    assert code == 2
    assert ".png or .html" in err


def test_a_trial_trains_again_to_the_same_score(cli, home):
    code, out, _ = cli("train", "tiny", "1", "--json")
    outcome = json.loads(out)
    assert code == 0
    assert outcome["same_score"]
    assert outcome["score"] == outcome["searched_score"]
    original = (home / "tiny" / "trial-0001" / "rung-0002" / "model.safetensors").read_bytes()
    assert (home / "tiny" / "trial-0001" / "again-2-epochs" / "model.safetensors").read_bytes() == original


def test_a_damaged_model_is_told_and_mended(cli, home, tmp_path):
    weights = home / "tiny" / "trial-0002" / "rung-0002" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    code, _, err = cli("export", "tiny", "2", "-o", str(tmp_path / "m.safetensors"))
    assert code == 3
    assert "automl train tiny 2" in err
    assert cli("train", "tiny", "2")[0] == 0
    assert weights.read_bytes() == whole


def test_training_longer_leaves_the_study_alone(cli, home, tmp_path):
    before = (home / "tiny" / "trial-0000" / "rung-0002" / "model.safetensors").read_bytes()
    code, out, _ = cli("train", "tiny", "0", "--epochs", "3", "--output", str(tmp_path / "longer"), "--json")
    assert code == 0
    assert json.loads(out)["epochs"] == 3
    assert (tmp_path / "longer" / "model.safetensors").is_file()
    assert (home / "tiny" / "trial-0000" / "rung-0002" / "model.safetensors").read_bytes() == before


def test_prediction_of_a_picture(cli, tmp_path):
    from PIL import Image
    from sklearn.datasets import load_digits

    image = Image.fromarray((load_digits().images[0] / 16 * 255).astype("uint8"))
    image.save(tmp_path / "zero.png")
    code, out, _ = cli("predict", "tiny", "best", str(tmp_path / "zero.png"), "--json")
    assert code == 0
    [prediction] = json.loads(out)["predictions"]
    assert set(prediction["probabilities"]) == set("0123456789")
    assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["safetensors", "onnx"])
def test_the_exported_model_runs(cli, home, tmp_path, kind):
    import onnxruntime
    import torch
    from safetensors.torch import load_file

    from automl import open_study
    from automl.training.parts import build_model, load_model

    path = tmp_path / f"model.{kind}"
    assert cli("export", "tiny", "0", "--format", kind, "-o", str(path))[0] == 0
    study = open_study("tiny", home)
    spec = study.record(0).spec
    images = np.random.default_rng(0).random((3, 1, 8, 8), dtype=np.float32)
    with torch.no_grad():
        wanted = load_model(spec, study.step_folder(spec))(torch.from_numpy(images)).numpy()
        if kind == "onnx":
            got = onnxruntime.InferenceSession(path).run(None, {"input": images})[0]
        else:
            model = build_model(spec).eval()
            model.load_state_dict(load_file(path))
            got = model(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["search", "--space", "effnet"], 2, "'efficientnet'"),
        (["search"], 2, "--space"),
        (["search", *TINY, "--objective", "gren"], 2, "'green'"),
        (["search", *TINY, "--data", "digit"], 2, "'digits'"),
        (["search", *TINY, "--set", "phy=3"], 2, "'phi'"),
        (["search", *TINY, "--trials", "0"], 2, "trials"),
        (["search", *TINY, "--trials", "many"], 2, "many"),
        (["search", *TINY, "--study", "tiny", "--epochs", "9"], 3, "epochs was 2, now 9"),
        (["front", "tinny"], 3, "'tiny'"),
        (["train", "tiny", "99"], 2, "numbered 0 to 2"),
        (["train", "tiny", "first"], 2, "'best'"),
        (["predict", "tiny", "0", "nowhere.png"], 2, "nowhere.png"),
        (["export", "tiny", "0", "--format", "gguf"], 2, "gguf"),
        (["front", "tiny", "--json", "--csv"], 2, "exclude"),
    ],
)
def test_bad_input_is_one_clear_paragraph(cli, words, code, message):
    found, out, err = cli(*words)
    assert found == code
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert out == ""


def test_settings_come_from_flag_then_environment_then_file(cli, tmp_path, monkeypatch):
    config = tmp_path / "search.yaml"
    settings = {
        "space": "efficientnet",
        "trials": 5,
        "epochs": 5,
        "seed": 5,
        "set": {"phi": "-20..-18", "drop_rate": 0},
    }
    config.write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("AUTOML_EPOCHS", "4")
    monkeypatch.setenv("AUTOML_TRIALS", "4")
    saved = tmp_path / "saved.yaml"
    words = ["--config", str(config), "--trials", "3", "--set", "phi=-19", "--save-config", str(saved), "--dry-run"]
    code, out, _ = cli("search", *words, "--json")
    assert code == 0
    assert json.loads(out)["trials"] == 3
    kept = yaml.safe_load(saved.read_text())
    assert (kept["trials"], kept["epochs"], kept["seed"]) == (3, 4, 5)
    assert kept["set"] == {"phi": "-19", "drop_rate": "0"}


def test_an_unknown_key_in_a_file(cli, tmp_path):
    config = tmp_path / "search.yaml"
    config.write_text("space: efficientnet\nepoch: 3\n")
    code, _, err = cli("search", "--config", str(config))
    assert code == 2
    assert "'epochs'" in err


def test_every_setting_has_an_option():
    from automl.cli.search import command
    from automl.engine.settings import option_names

    options = {option for parameter in command.params for option in parameter.opts}
    assert {f"--{name.replace('_', '-')}" for name in option_names()} <= options


def test_spaces_lists_dimensions(capsys):
    assert run(["spaces", "efficientnet", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    found = {d["name"]: d["range"] for d in listed["dimensions"]}
    assert {"phi", "normalizer", "learning_rate", "weight_decay", "drop_rate"} <= found.keys()
    assert found["phi"] == "-32..-3"
    assert found["alpha"] == "fixed"
    assert run(["spaces"]) == 0
    assert "efficientnet" in capsys.readouterr().out


def test_no_plugins_means_none(capsys):
    assert run(["--no-plugins", "search", "--space", "efficientnet"]) == 2
    assert "no installed plugin" in " ".join(capsys.readouterr().err.split())


def test_ctrl_c_shows_what_there_is_and_resume_goes_on(tmp_path, capsys):
    """A real process gets a real signal once its first trial has finished."""
    words = [*TINY, "--trials", "3", "--study", "s", "--home", str(tmp_path), "--json"]
    # Where the tests run in the background Ctrl-C is ignored, which children would inherit.
    code = "import signal; signal.signal(2, signal.default_int_handler); from automl.cli import main; main()"
    command = [sys.executable, "-c", code, "search", *words]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = tmp_path / "s" / "trial-0000" / "rung-0002" / "result.json"
    while not first.exists() and driver.poll() is None:
        os.sched_yield()
    driver.send_signal(signal.SIGINT)
    out, _ = driver.communicate(timeout=120)
    assert driver.returncode == 130
    shown = json.loads(out)
    assert shown["stopped"] == "Ctrl-C"
    assert 1 <= shown["trials"] < 3
    assert shown["test_opened"] == []
    assert shown["next"][0] == f"automl resume s --home {tmp_path}"
    assert run(["resume", "s", "--home", str(tmp_path), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["trials"], done["stopped"], len(done["test_opened"])) == (3, "", 1)
    assert run(["resume", "s", "--home", str(tmp_path), "--trials", "+1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 4
    assert run(["resume", "nobody", "--home", str(tmp_path)]) == 3
