from __future__ import annotations

import pytest
import yaml

from automl.engine.settings import Settings, load_file, option_names
from automl.errors import UsageError


def test_yaml_round_trip():
    settings = Settings.checked({"space": "toy", "set": {"width": 4, "activation": ["relu", "tanh"]}, "trials": 5})
    assert settings.narrow == {"width": "4", "activation": "relu,tanh"}
    assert Settings.checked(yaml.safe_load(settings.to_yaml())) == settings


def test_a_file_with_every_option(tmp_path):
    path = tmp_path / "search.yaml"
    values = {
        "space": "toy", "objective": "toy-green", "data": "toy", "set": {"width": "2..8"}, "trials": 3, "epochs": 2,
        "batch_size": 16, "predictions": 10, "seed": 1, "threads": 1,
        "precision": "bf16-mixed", "memory_format": "contiguous", "study": "mine", "home": "here",
        "tracking_uri": "off", "goal": ["accuracy:max"], "country": "DEU", "carbon_g_per_kwh": 381.0,
        "usd_per_kwh": 0.3, "usd_per_hour": 1.5, "time": "10m", "budget": ["5Wh", "2USD"], "strategy": "toy-random",
        "rungs": "1,2", "max_params": "5M", "max_flops": "1G", "max_latency": "20ms@t4", "max_model_size": "10MB",
        "storage": "postgresql://me@host/automl",
        "jobs": 2, "executor": "process", "trial_timeout": "5m", "trial_memory": "2GB",
        "address": "auto", "skip_bad": True,
    }  # fmt: skip
    assert set(values) == set(option_names())
    path.write_text(yaml.safe_dump(values))
    assert load_file(path) == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trails: 4", ["trails", "'trials'", "search.yaml"]),
        ("trials: none", ["'trials'", "'none'", "integer"]),
        ("trials: 0", ["'trials'", "greater than or equal to 1"]),
        ("seed: -1\nepochs: 0", ["'seed'", "'epochs'"]),
        ("[1, 2]", ["must map names to values"]),
        ("a: [", ["not valid YAML"]),
        ("study: ../evil", ["'study'"]),
    ],
)
def test_faults_in_a_file_are_named(tmp_path, text, words):
    path = tmp_path / "search.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_file(path)
    assert all(word in str(caught.value) for word in words)


def test_a_missing_file(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_file(tmp_path / "none.yaml")


def test_identity_leaves_out_what_may_change():
    one = Settings.checked({"space": "toy", "trials": 1, "home": "a", "threads": 1})
    other = Settings.checked({"space": "toy", "trials": 2, "home": "b", "threads": 2})
    assert one.identity() == other.identity()
    assert one.identity() != Settings.checked({"space": "toy", "epochs": 3}).identity()
