"""Every figure of a candidate under one name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.price.named import PRICES, NamedFigures, is_price, needs_rate, split
from automl.price.tag import PEAKS, SUMS, UNITS, Figure, PriceTag


def tag(**amounts):
    return PriceTag({name: Figure(value, "measured") for name, value in amounts.items()})


TRAINING = tag(flops=100.0, wall_s=10.0, energy_wh=2.0, memory_bytes=9.0)
PREDICTION = tag(flops=3.0, wall_s=0.004, energy_wh=0.01, parameters=7.0, model_bytes=28.0, memory_bytes=5.0)
THERE = tag(wall_s=0.25, energy_wh=0.5)


@pytest.fixture
def figures():
    return NamedFigures({"accuracy": 0.9, "loss": 0.3}, TRAINING, PREDICTION, 1000, lambda _name: THERE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 0.9),
        ("loss", 0.3),
        ("training_flops", 100.0),
        ("prediction_flops", 3.0),
        ("lifetime_flops", 3100.0),
        ("lifetime_energy_wh", 12.0),
        ("lifetime_memory_bytes", 9.0),
        ("latency_ms", 4.0),
        ("parameters", 7.0),
        ("model_bytes", 28.0),
        ("latency_ms@t4", 250.0),
        ("prediction_energy_wh@t4", 0.5),
        ("lifetime_energy_wh@t4", 502.0),
    ],
)
def test_by_hand(figures, name, value):
    assert figures[name] == pytest.approx(value)


@pytest.mark.parametrize(
    "name", ["water", "training_carbon_g", "lifetime_money_usd", "parameters@t4", "accuracy@t4", ""]
)
def test_what_is_not_known_is_absent(figures, name):
    with pytest.raises(KeyError):
        figures[name]
    assert name not in figures


def test_a_device_wants_a_catalogue():
    with pytest.raises(KeyError):
        NamedFigures({}, TRAINING, PREDICTION, 1)["latency_ms@t4"]


@given(st.sets(st.sampled_from(sorted(UNITS))), st.sets(st.sampled_from(sorted(UNITS))))
def test_what_is_listed_can_be_looked_up_and_nothing_else(training, prediction):
    known = NamedFigures(
        {"accuracy": 0.5}, tag(**dict.fromkeys(training, 2.0)), tag(**dict.fromkeys(prediction, 3.0)), 10
    )
    listed = set(known)
    assert len(known) == len(listed)
    for name in ("accuracy", *PRICES):
        assert (name in listed) == (name in known)
    for quantity in SUMS:
        assert (f"lifetime_{quantity}" in listed) == (quantity in training and quantity in prediction)
        if f"lifetime_{quantity}" in listed:
            assert known[f"lifetime_{quantity}"] == 32
    for quantity in PEAKS:
        assert known.get(f"lifetime_{quantity}", 3) == 3


def test_names_say_what_they_need():
    assert split("latency_ms@t4") == ("latency_ms", "t4")
    assert is_price("lifetime_money_usd@h100")
    assert not is_price("accuracy")
    assert [needs_rate(name) for name in ("lifetime_carbon_g", "training_money_usd@t4", "latency_ms")] == [
        "carbon", "money", "",
    ]  # fmt: skip
