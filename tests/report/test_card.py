"""The model card beside an exported model."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

import automl
from automl.price.energy import use_reader
from automl.report.card import model_card


def searched(home, **settings):
    return automl.search("toy", trials=3, epochs=2, home=home, tracking_uri="off", study="s", **settings)


@pytest.fixture
def carded(toys, tmp_path, energy_reader):
    with use_reader(energy_reader):
        study = searched(tmp_path, carbon_g_per_kwh=400)
    return study, study.best()


def test_a_hub_reads_it(carded):
    study, best = carded
    data = ModelCard(model_card(study, best, Path("m.onnx"))).data
    assert data.library_name == "automl"
    results = {result.dataset_split: result.metric_value for result in data.eval_results}
    assert results == {"validation": best.result.score, "test": best.test_score}
    assert {result.metric_type for result in data.eval_results} == {"accuracy"}


def test_emissions_are_those_of_the_whole_search(carded):
    study, best = carded
    emissions = ModelCard(model_card(study, best, Path("m.onnx"))).data.to_dict()["co2_eq_emissions"]
    assert emissions["emissions"] == pytest.approx(study.bill["carbon_g"].value, rel=1e-3)
    assert study.bill["carbon_g"].value > best.result.training["carbon_g"].value > 0
    assert "measured" in emissions["source"] or "estimated" in emissions["source"] or "catalogue" in emissions["source"]
    assert "geographical_location" not in emissions


def test_unknown_emissions_are_left_out(toys, tmp_path):
    with use_reader(None):
        study = searched(tmp_path)
    text = model_card(study, study.best(), Path("m.onnx"))
    assert "co2" not in ModelCard(text).data.to_dict()
    assert "emissions" not in text


def test_the_text_holds_the_three_columns_and_the_config(carded):
    study, best = carded
    text = model_card(study, best, Path("m.onnx"))
    for words in ("developing (3 trials)", f"training (trial {best.number}, once)", "running (1,000 predictions)"):
        assert words in text
    for name, value in best.spec.config.items():
        assert f"{name}: {value!r}" in text
    assert "E x D x H" in text
