"""A search by `compound` and what its analysis makes of it, end to end on a toy."""

from __future__ import annotations

import csv
import json
import types

import automl_strategies
import pytest
from automl_strategies.scaling import CompoundScaling

import automl
from automl.cli import run
from automl.host import use_host
from automl.parts import Float
from automl.testing.analyses import AnalysisSuite
from automl.testing.toy import ToySpace, toy_host

MORE = (
    Float("alpha", 1.2, 1.2, 1.2, limits=(1.0, 2.0)),
    Float("beta", 1.1, 1.1, 1.1, limits=(1.0, 1.4142135623730951)),
    Float("gamma", 1.15, 1.15, 1.15, limits=(1.0, 1.4142135623730951)),
    Float("phi", -2.0, 0.0, 0.0, limits=(-8.0, 4.0)),
)


class Scaled(ToySpace):
    """A perceptron whose hidden layer grows as a network's FLOPs would."""

    name = "scaled"

    def dimensions(self, spec):
        return (*MORE, *super().dimensions(spec)[1:])

    def suggest(self, trial, spec):
        config = super().suggest(trial, spec)
        growth = config["alpha"] * config["beta"] ** 2 * config["gamma"] ** 2
        return config | {"width": round(8 * growth ** config["phi"]), "depth": config["alpha"] ** config["phi"]}

    def landmarks(self, spec):
        return [{}]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    host = toy_host()
    plugin = types.ModuleType("scaled")
    plugin.automl_spaces = automl.hookimpl(lambda: [Scaled()])
    host.register(plugin, name="scaled")
    host.register(automl_strategies, name="strategies")
    with use_host(host):
        words = ["--space", "scaled", "--strategy", "compound", "--epochs", "1", "--tracking-uri", "off"]
        assert run(["search", *words, "--trials", "20", "--study", "family", "--home", str(home)]) == 0
        words = ["--space", "scaled", "--strategy", "random", "--epochs", "1", "--tracking-uri", "off"]
        assert run(["search", *words, "--trials", "2", "--study", "other", "--home", str(home)]) == 0
        yield home


class TestCompoundScaling(AnalysisSuite):
    part = CompoundScaling()

    @pytest.fixture
    def study(self, home):
        return automl.open_study("family", home)

    @pytest.fixture
    def unfit(self, home):
        return automl.open_study("other", home)


@pytest.fixture
def cli(home, capsys):
    def call(*words):
        capsys.readouterr()
        code = run([*words, "--home", str(home)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_search_by_compound_leaves_its_family(home):
    folder = home / "family" / "analyses" / "compound-scaling"
    rows = list(csv.DictReader((folder / "table.csv").open()))
    ways = {row["scaled"] for row in rows}
    assert {"none", "compound"} < ways <= {"none", "depth", "width", "resolution", "compound"}
    flops = [float(row["prediction_flops"]) for row in rows]
    assert flops == sorted(flops)
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_analyse_says_what_came_out(cli):
    code, out, err = cli("analyse", "family")
    assert (code, err) == (0, "")
    assert "The family under compound scaling of family" in out
    assert "Step 1: of " in out
    assert "At phi 2 (" in out
    assert "figure.png" in out


def test_analyse_in_json(cli):
    code, out, _ = cli("analyse", "family", "compound-scaling", "--json")
    [found] = json.loads(out)
    assert code == 0
    assert {"trial", "alpha", "phi", "prediction_flops", "accuracy", "parameters"} <= found["rows"][0].keys()
    compound = [row for row in found["rows"] if row["scaled"] == "compound"]
    alone = [row for row in found["rows"] if row["scaled"] in {"depth", "width", "resolution"} and row["phi"] > 1]
    assert compound
    assert alone


@pytest.mark.parametrize("wish", ["phi=0", "phi=0,1,2"])
def test_what_compound_cannot_search_leaves_no_study(cli, home, wish):
    words = ["--space", "scaled", "--strategy", "compound", "--set", wish, "--study", "none", "--tracking-uri", "off"]
    code, out, err = cli("search", *words)
    assert (code, out) == (2, "")
    assert "phi" in err
    assert not (home / "none").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["other"], "No analysis belongs to the strategy of other"),
        (["other", "compound-scaling"], "no trained models of the grid"),
        (["family", "compound-scalin"], "compound-scaling"),
        (["no-such-study"], "no-such-study"),
    ],
)
def test_what_does_not_fit_is_told(cli, words, says):
    code, out, err = cli("analyse", *words)
    assert code in {2, 3}
    assert says in err
    assert not out
