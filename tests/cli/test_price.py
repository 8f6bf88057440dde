"""``automl price`` and ``automl front --device``: what a model costs, here and elsewhere."""

from __future__ import annotations

import json

import pytest

import automl
from automl.cli import run

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def study(tmp_path):
    return automl.search("toy", trials=3, epochs=2, home=tmp_path, tracking_uri="off", study="s")


@pytest.fixture
def cli(capsys, tmp_path):
    def call(*words):
        code = run([*words, "--home", str(tmp_path)])
        captured = capsys.readouterr()
        return code, captured.out, " ".join(captured.err.split())

    return call


def test_a_space_with_its_defaults(cli):
    code, out, _ = cli("price", "toy", "--set", "width=8", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["spec"]["config"]["width"] == 8
    # Two products and two biases of 8 and of 2, a relu of 8.
    assert found["one_prediction"]["flops"]["value"] == 2 * (4 * 8 + 8 * 2) + 8 + 2 + 8
    assert found["one_prediction"]["parameters"]["value"] == 4 * 8 + 8 + 8 * 2 + 2
    assert found["one_prediction"]["flops"]["method"] == "counted"
    assert "wall_s" not in found["one_prediction"], "nothing was run"
    # The gradient of the input is nobody's wish; the rest is forward, backward, loss and optimizer.
    products = 128 * (2 * 2 * (4 * 8 + 8 * 2) + 2 * 8 * 2)
    assert products < found["training_step"]["flops"]["value"] < 2 * products


def test_a_trial_has_what_was_measured_of_it(cli, study):
    best = study.best()
    code, out, _ = cli("price", "s/best", "--predictions", "1000", "--json")
    assert code == 0
    found = json.loads(out)
    for quantity, figure in best.result.prediction.items():
        assert found["one_prediction"][quantity]["value"] == figure.value
    lifetime = best.result.training["flops"].value + 1000 * best.result.prediction["flops"].value
    assert found["lifetime"]["flops"]["value"] == lifetime


def test_a_device_one_does_not_own(cli):
    code, out, _ = cli("price", "toy", "--device", "toy-board", "--carbon-g-per-kwh", "360", "--json")
    assert code == 0
    tag = json.loads(out)["devices"]["toy-board"]
    seconds = tag["wall_s"]["value"]
    # A handful of operators at a millisecond each; the arithmetic is nothing.
    assert 2e-3 <= seconds <= 10e-3
    assert tag["energy_wh"]["value"] == pytest.approx(10 * seconds / 3600)
    assert tag["carbon_g"]["value"] == pytest.approx(10 * seconds / 3600 * 0.36)
    assert tag["money_usd"]["value"] == pytest.approx(seconds / 1000)
    assert tag["money_usd"]["years"] == [2026, 2026]
    methods = {name: figure["method"] for name, figure in tag.items()}
    assert {methods.pop(name) for name in ("wall_s", "energy_wh", "carbon_g", "money_usd")} == {"estimated"}
    assert set(methods.values()) == {"counted"}


def test_people_see_units_methods_and_how(cli, study):
    code, out, _ = cli("price", "s/best", "--device", "toy-board", "--predictions", "1000")
    assert code == 0
    for words in ("one prediction", "training, once", "lifetime of 1,000 predictions", "one prediction on toy-board"):
        assert " ".join(words.split()) in " ".join(out.split()), words
    for words in ("counted", "measured", "estimated", "FLOPs", "median wall time"):
        assert words in out


def test_the_front_with_a_device(cli, study):
    code, out, _ = cli("front", "s", "--device", "toy-board")
    assert code == 0
    assert "toy-board" in out
    for words in ("developing (3 trials)", "running (1,000", "E x D x H"):
        assert words in out
    code, out, _ = cli("front", "s", "--device", "toy-board", "--json")
    found = json.loads(out)
    assert all(row["devices"]["toy-board"]["wall_s"]["value"] > 0 for row in found["front"])
    assert set(found["price_tag"]) == {"developing", "training", "running_1000_predictions"}
    assert found["factors"]["trials"] == 3


def test_the_expected_best_by_budget(cli, study):
    code, out, _ = cli("front", "s", "--expected")
    assert code == 0
    assert "Dodge et al. 2019" in out
    lines = (study.folder / "front" / "expected.csv").read_text().splitlines()
    assert len(lines) == 1 + 3
    assert cli("front", "s", "--expected", "--json")[0] == 2


def test_a_goal_on_a_device(tmp_path):
    study = automl.search(
        "toy", trials=3, epochs=1, home=tmp_path, tracking_uri="off", goal=["accuracy:max", "latency_ms@toy-board:min"]
    )
    for record in study.records:
        assert record.values[1] == 1000 * study.pricer.on_device(record.result.work, "toy-board")["wall_s"].value


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["toy", "--device", "toy-bord"], "'toy-board'"),
        (["toy", "--device", "this-machine"], "automl calibrate"),
        (["toy", "--country", "Atlantis"], "Atlantis"),
        (["toy", "--set", "width=0"], "width"),
        (["resnet999"], "Nothing is called"),
        (["toy", "--usd-per-kwh", "-1"], "usd-per-kwh"),
        (["missing.onnx"], "no file"),
    ],
)
def test_bad_input_is_told(cli, words, cause):
    code, _, err = cli("price", *words)
    assert code == 2
    assert cause in err


def test_one_trial_of_the_front_and_why(cli, study):
    for way in ("best", "knee", "cheapest"):
        code, out, _ = cli("front", "s", "--pick", way)
        assert code == 0
        assert out.startswith(f"Trial {study.pick(way).number} ")
    code, out, _ = cli("front", "s", "--pick", "cheapest", "--min-score", "0", "--json")
    found = json.loads(out)
    assert found["trial"] == study.pick("cheapest").number
    assert found["why"].startswith("Trial")
    assert cli("front", "s", "--pick", "best", "--min-score", "1.5")[0] == 2
    assert cli("front", "s", "--min-score", "0.5")[0] == 2
    assert cli("price", "s/knee")[0] == 0
