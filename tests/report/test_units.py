"""Figures for people."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.report import units

finite = st.floats(allow_nan=False, allow_infinity=False)
amounts = st.floats(min_value=1e-12, max_value=9.99e32)
POWERS = {prefix: power for power, prefix in units.PREFIXES.items()}
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "ps": 1e-12}


def read_si(text, unit):
    """The inverse of `units.si` for units other than seconds and money."""
    number, tail = text.split(" ")
    return float(number) * 10.0 ** POWERS[tail.removesuffix(unit)]


def read_duration(text):
    words = text.split(" ")
    return sum(float(number) * SECONDS[unit] for number, unit in zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.11e6, "FLOPs", "2.11 MFLOPs"),
        (1.3e12, "FLOPs", "1.3 TFLOPs"),
        (999_900, "FLOPs", "1 MFLOPs"),
        (999, "FLOPs", "999 FLOPs"),
        (0, "FLOPs", "0 FLOPs"),
        (-1500, "FLOPs", "-1.5 kFLOPs"),
        (1e40, "FLOPs", "1e+40 FLOPs"),
        (0.0032, "Wh", "3.2 mWh"),
        (1234.5, "gCO2e", "1.23 kgCO2e"),
        (14.2, "s", "14.2 s"),
        (0.00034, "s", "340 µs"),
        (119.9, "s", "120 s"),
        (200, "s", "3 min 20 s"),
        (180, "s", "3 min"),
        (3599.7, "s", "1 h"),
        (7500, "s", "2 h 5 min"),
        (86_399, "s", "1 d"),
        (100_000, "s", "1 d 4 h"),
        (1.5, "USD", "1.50 USD"),
        (0.00123, "USD", "0.0012 USD"),
        (1234.5, "USD", "1,234 USD"),
        (103_456, "", "103 k"),
    ],
)
def test_si(value, unit, text):
    assert units.si(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.971, "97.1%"),
        (1.0, "100.0%"),
        (0.0, "0.0%"),
        (0.9998, "99.98%"),
        (0.0004, "0.04%"),
        (0.5, "50.0%"),
    ],
)
def test_only_a_whole_reads_100_percent(value, text):
    assert units.fraction(value) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.9714, "97.1%"),
        ("val_balanced_accuracy", 0.5, "50.0%"),
        ("accuracy", 97.1, "97.1"),
        ("rmse", 0.123456, "0.1235"),
        ("lifetime_flops", 2.11e12, "2.11 TFLOPs"),
        ("training_wall_s", 200.0, "3 min 20 s"),
        ("carbon_g", 0.5, "500 mgCO2e"),
        ("weight_g", 2000.0, "2 kg"),
        ("lifetime_money_usd", 3.0, "3.00 USD"),
        ("accuracy", None, "-"),
        ("lifetime_flops", math.nan, "-"),
    ],
)
def test_metric(name, value, text):
    assert units.metric(name, value) == text


@pytest.mark.parametrize(
    ("name", "title", "axis"),
    [
        ("accuracy", "accuracy", "accuracy"),
        ("balanced_accuracy", "balanced accuracy", "balanced accuracy"),
        ("val_accuracy", "validation accuracy", "validation accuracy"),
        ("lifetime_flops", "lifetime FLOPs", "lifetime FLOPs"),
        ("flops", "FLOPs", "FLOPs"),
        ("wall_s", "wall time", "wall time (s)"),
        ("cpu_s", "CPU time", "CPU time (s)"),
        ("prediction_latency_s", "prediction latency", "prediction latency (s)"),
        ("energy_wh", "energy", "energy (Wh)"),
        ("lifetime_carbon_g", "lifetime carbon", "lifetime carbon (gCO2e)"),
        ("s", "s", "s"),
    ],
)
def test_titles(name, title, axis):
    assert (units.title(name), units.axis_title(name)) == (title, axis)


def test_counts_and_ticks():
    assert [units.count(value) for value in (None, 0, 10, 103_456, 4_012_345)] == ["-", "0", "10", "103k", "4.01M"]
    assert units.tick("lifetime_flops", 1e7) == "10M"
    assert units.tick("wall_s", 1000.0) == "1k"
    assert units.tick("accuracy", 0.975) == "97.5%"
    assert units.tick("rmse", 0.25) == "0.25"


@given(finite, st.sampled_from(["accuracy", "rmse", "lifetime_flops", "wall_s", "energy_wh", "carbon_g", "money_usd"]))
def test_no_finite_float_raises(value, name):
    for text in (units.metric(name, value), units.tick(name, value), units.fraction(value)):
        assert text.strip() == text != ""


@given(amounts, st.sampled_from(["FLOPs", "Wh", "gCO2e"]))
def test_si_keeps_three_digits(value, unit):
    text = units.si(value, unit)
    assert read_si(text, unit) == pytest.approx(value, rel=0.00501)
    assert len(re.sub(r"\D", "", text.split(" ")[0].lstrip("0."))) <= 3


@given(amounts, amounts)
def test_si_keeps_the_order(left, right):
    low, high = sorted((left, right))
    assert read_si(units.si(low, "FLOPs"), "FLOPs") <= read_si(units.si(high, "FLOPs"), "FLOPs") * (1 + 1e-12)


@given(st.floats(min_value=1e-12, max_value=8e7))
def test_durations_lose_at_most_the_figure_left_out(value):
    # Half an hour in a day and more is the coarsest rounding.
    assert read_duration(units.si(value, "s")) == pytest.approx(value, rel=0.0209)


@given(st.floats(min_value=0, max_value=1))
def test_fractions_round_to_what_they_show(value):
    text = units.fraction(value)
    decimals = len(text.rstrip("%").partition(".")[2])
    assert float(text.rstrip("%")) == pytest.approx(100 * value, abs=0.5000001 * 10**-decimals)
