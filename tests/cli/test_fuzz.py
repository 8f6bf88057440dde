"""Whatever is typed, and whatever a settings file holds: an exit code and a sentence, never a traceback."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from automl.cli import COMMANDS, run
from automl.engine.settings import Settings, option_names
from automl.host import use_host
from automl.testing.toy import toy_host

CODES = {0, 2, 3, 4, 5}
"""Those of the table in `automl --help` that bad input may have; 1 would be a bug."""

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))

fuzz = settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)

# What the operating system can hand over as an argument: bytes that are no UTF-8 come as surrogates, NUL never.
CHARACTERS = st.one_of(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    st.sampled_from([chr(code) for code in range(0xDC80, 0xDD00)]),
    st.sampled_from("\x1b\x07\r\n\t \u202e=,:;@+-.'\"[]{}()*/\\%&|$#!~0123456789"),
)
WILD = st.one_of(
    st.text(CHARACTERS, max_size=20),
    st.text(CHARACTERS, min_size=1, max_size=3).map(lambda text: text * 2000),
    st.sampled_from(
        ["", " ", "--", "-", "nan", "inf", "-inf", "1e999", "-1", "0", "1e-999", "9" * 5000, "../x", "/", "."]
    ),
    st.integers().map(str),
    st.floats().map(repr),
)
NUMBER = st.one_of(
    st.integers(-2, 10**6).map(str),
    st.floats().map(repr),
    st.sampled_from(["1e308", "1e400", "9" * 400, "٣", "1_0", "+1"]),
)


def near(*pieces):
    """Values that nearly are of a grammar: its pieces in any order, with something wild among them."""
    return st.lists(st.one_of(NUMBER, st.sampled_from(pieces), WILD), min_size=1, max_size=4).map("".join)


GRAMMARS = {
    "space": st.sampled_from(["toy", "toy:x", "TOY", "recorded"]),
    "objective": st.sampled_from(["toy-green", "green:1", "toy-green:"]),
    "goal": near("accuracy", "latency_ms", "lifetime_flops", "@", "toy-board", ":", "max", "min", "_carbon_g"),
    "data": st.sampled_from(["toy", "toy:x", "toy:@", "table:x?config=a&score=b"]),
    "set": near("width", "learning_rate", "activation", "=", "..", ",", "relu", "tanh", "0.1"),
    "trials": near("+", "1", " "),
    "time": near("s", "m", "h", "d", "min", "."),
    "budget": near("Wh", "USD", "gCO2e", "FLOPs", "k", "m", "E", " "),
    "strategy": st.sampled_from(["toy-random", "toy-halving", "random"]),
    "epochs": NUMBER,
    "rungs": near("1", ",", "3", "9", "off", " "),
    "max_params": near("k", "M", "G", "E"),
    "max_flops": near("k", "FLOPs", "G"),
    "max_latency": near("ms", "us", "s", "@", "toy-board", "this-machine"),
    "max_model_size": near("MB", "KiB", "B", "k"),
    "trial_timeout": near("s", "m"),
    "trial_memory": near("GB", "MiB"),
    "executor": st.sampled_from(["serial", "process"]),
    "country": st.sampled_from(["DE", "Germany", "XX", "de", "Côte d'Ivoire", "ATA"]),
    "storage": near("sqlite", "postgresql", "+", "://", "/", "@", "host", ":", "{", "?a=b"),
    "study": near("a", "-", ".", "/", ".."),
    "tracking_uri": st.just("off"),
}
"""By setting, what is nearly or wholly right; all others are numbers."""

SAFE = {"home", "tracking_uri", "save_config", "config"}
"""Not drawn: where a test writes to is the test's business."""

# To count a model of 10^30 columns would take as long as it says.
FIXED = ["--tracking-uri", "off", "--dry-run", "--trials", "1", "--batch-size", "64", "--epochs", "1", "--rungs", "off"]
FIXED += ["--threads", "1"]


@st.composite
def options(draw):
    """Some settings as options; the space is there mostly."""
    words = draw(st.sampled_from([["--space", "toy"]] * 4 + [[]]))
    names = draw(st.lists(st.sampled_from([name for name in option_names() if name not in SAFE]), max_size=4))
    for name in names:
        value = draw(st.one_of(GRAMMARS.get(name, NUMBER), WILD))
        words = [*words, f"--{name.replace('_', '-')}", value]
    return words


ARGUMENTS = {
    "front": 1, "train": 2, "predict": 3, "export": 2, "resume": 1, "price": 1, "doctor": 0, "spaces": 1, "plugins": 0,
    "completion": 1, "ui": 0, "calibrate": 0, "search": 0,
}  # fmt: skip
FLAGS = {
    "front": ["--json", "--csv", "--device", "--pick", "--min-score", "--expected"],
    "train": ["--epochs", "--json"],
    "predict": ["--json"],
    "export": ["--format"],
    "resume": ["--trials", "--time", "--budget", "--jobs", "--executor", "--json"],
    "price": ["--set", "--data", "--resolution", "--predictions", "--device", "--country", "--usd-per-kwh", "--json"],
    "spaces": ["--data", "--json"],
    "plugins": ["--json"],
    "calibrate": ["--threads"],
    "ui": ["--port"],
}
STUDIES = st.one_of(WILD, near("s", "/", "@", "best", "toy", ".onnx", ".safetensors", "..", "0"))


@st.composite
def commands(draw):
    """A command with arguments and options of any kind."""
    command = draw(st.sampled_from(sorted(set(ARGUMENTS) - {"search", "doctor", "calibrate", "ui"})))
    words = draw(st.lists(STUDIES, min_size=0, max_size=ARGUMENTS[command] + 1))
    for flag in draw(st.lists(st.sampled_from([*FLAGS.get(command, ["--json"]), "--help", "--nosuch"]), max_size=3)):
        words = [*words, flag, *draw(st.lists(WILD, max_size=1))]
    return [command, *words]


@pytest.fixture
def told(capsys, monkeypatch, tmp_path):
    """Runs words that must end in a sentence; nothing may be left where they were run, nor in a new home."""
    monkeypatch.chdir(tmp_path)

    def told(words, files=()):
        capsys.readouterr()
        with tempfile.TemporaryDirectory(dir=tmp_path.parent) as folder, use_host(toy_host()):
            home = Path(folder) / "home"
            code = run([*words, "--home", str(home)] if words[0] not in {"spaces", "plugins", "completion"} else words)
            out, err = capsys.readouterr()
            assert code in CODES, (code, err)
            assert "Traceback" not in out + err
            assert "This is a bug" not in err, err
            assert code == 0 or err.strip(), out
            assert not set(err) & set("\x1b\x07\x9b\u202e"), err
            event(f"{words[0]} {code}")
            if code:
                assert not home.exists() or not list(home.iterdir())
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
        return code, err

    return told


@fuzz
@given(options())
@example(["--space", "toy", "--set", "width=" + "9" * 5000])
@example(["--space", "toy", "--time", "1e308d"])
@example(["--space", "toy", "--budget", "1e308ZWh"])
@example(["--space", "toy", "--goal", "accuracy:max", "--goal", "@:min"])
@example(["--space", "toy", "--study", "\udc80"])
def test_settings_on_the_command_line(told, words):
    told(["search", *FIXED, *words])


@fuzz
@given(commands())
@example(["front", "\udcff"])
@example(["price", "\udcff/0"])
@example(["price", "x" * 6000])
@example(["price", "x" * 6000 + ".onnx"])
@example(["price", "a\x1b[2J"])
@example(["predict", "s", "²", "x"])
@example(["front", "s", "\x9b"])
@example(["front", "s", "--nosuch\x1b"])
def test_arguments_of_commands(told, words):
    told(words)


def test_every_command_is_known_here():
    assert set(ARGUMENTS) <= set(COMMANDS)


PLAIN = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.binary(max_size=8),
        WILD.filter(lambda text: not _surrogate(text)),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=8,
)  # fmt: skip


def _surrogate(text):
    return any(0xD800 <= ord(character) < 0xE000 for character in text)


@st.composite
def files(draw):
    """A settings file of right and wrong keys and values of any kind."""
    names = [*Settings.model_fields, *option_names()]
    keys = st.one_of(
        st.sampled_from([name for name in names if name not in {"home", "tracking_uri"}]), st.text(max_size=6)
    )
    values = draw(st.dictionaries(keys, PLAIN, max_size=4))
    for name in draw(st.lists(st.sampled_from(sorted(GRAMMARS)), max_size=2, unique=True)):
        values[name] = draw(GRAMMARS[name].filter(lambda text: not _surrogate(text)))
    return values


def config(told, data):
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(data)
        file.flush()
        told(["search", "--space", "toy", *FIXED, "--config", file.name])


@fuzz
@given(files())
@example({"set": {"width": math.inf}})
@example({"set": [1]})
@example({"narrow": "x", "set": {}})
@example({"set": "width"})
@example({"trials": 10**40})
def test_settings_files_of_any_values(told, values):
    config(told, yaml.safe_dump(values).encode("utf-8", "backslashreplace"))


@fuzz
@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace"))))
@example(b"space: toy\n1: 2\n")
@example(b"? [a]\n: b\n")
@example(b"set: {width: 2001-99-99}")
@example(b"\xff\xfe")
def test_settings_files_of_any_bytes(told, data):
    config(told, data)
