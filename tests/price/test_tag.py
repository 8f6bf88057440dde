"""The arithmetic of price tags."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.price.tag import METHODS, UNITS, Figure, PriceTag, lifetime

amounts = st.floats(0, 1e15, allow_nan=False)
factors = st.floats(0, 1e6, allow_nan=False)
hows = st.sampled_from(["", "wall clock", "flop counter on the meta device", "TDP table"])
figures = st.builds(Figure, amounts, st.sampled_from(METHODS), hows)
tags = st.builds(PriceTag, st.dictionaries(st.sampled_from(sorted(UNITS)), figures))


def alike(left, right):
    """Equal up to rounding; the words on how may come in another order."""
    assert set(left) == set(right)
    for name in left:
        assert left[name].value == pytest.approx(right[name].value, rel=1e-9, abs=1e-9)
        assert left[name].method == right[name].method
        assert set(left[name].how.split("; ")) == set(right[name].how.split("; "))


@given(tags, tags)
def test_addition_commutes(a, b):
    alike(a + b, b + a)


@given(tags, tags, tags)
def test_addition_associates(a, b, c):
    alike((a + b) + c, a + (b + c))


@given(tags, tags, factors)
def test_scaling_distributes(a, b, factor):
    alike((a + b) * factor, a * factor + b * factor)
    alike(factor * a, a * factor)


@given(tags)
def test_scaling_by_one_changes_nothing(tag):
    assert tag * 1 == tag


@given(tags, tags)
def test_the_weaker_method_is_kept(a, b):
    for name, figure in (a + b).items():
        assert METHODS.index(figure.method) == max(METHODS.index(a[name].method), METHODS.index(b[name].method))


@given(tags, tags)
def test_what_one_does_not_know_the_sum_does_not_know(a, b):
    assert set(a + b) == set(a) & set(b)


@given(tags)
def test_absent_stays_absent(tag):
    for name in UNITS:
        assert (name in tag * 0) == (name in tag)
        assert (name in tag.to_json()) == (name in tag)


@given(tags)
def test_json_round_trip(tag):
    text = json.dumps(tag.to_json(), allow_nan=False)
    again = PriceTag.from_json(json.loads(text))
    assert again == tag
    assert hash(again) == hash(tag)
    for name, item in json.loads(text).items():
        assert item["unit"] == UNITS[name]


@given(st.lists(tags, max_size=4))
def test_total(listed):
    total = PriceTag.total(iter(listed))
    if not listed:
        assert len(total) == 0
    for name, figure in total.items():
        assert figure.value == pytest.approx(math.fsum(tag[name].value for tag in listed), rel=1e-9)


@given(tags, tags, st.integers(0, 10**9))
def test_lifetime(training, prediction, predictions):
    price = lifetime(training, prediction, predictions)
    for name, figure in price.items():
        wanted = training[name].value + predictions * prediction[name].value
        assert figure.value == pytest.approx(wanted, rel=1e-9)


def test_a_word_on_how_is_said_once():
    half = Figure(1, "measured", "wall clock")
    other = Figure(2, "estimated", "pace of 8 batches")
    assert (half + half + other + half).how == "wall clock; pace of 8 batches"


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_impossible_amounts_are_refused(value):
    with pytest.raises(ValueError, match="finite and not negative"):
        Figure(value, "counted")
    with pytest.raises(ValueError, match="finite and not negative"):
        Figure(1.0, "counted") * value


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="method 'guessed'"):
        Figure(1, "guessed")
    with pytest.raises(ValueError, match="quantity 'energy_j'"):
        PriceTag({"energy_j": Figure(1, "measured")})


def test_a_tag_is_a_mapping():
    tag = PriceTag({"flops": Figure(2, "counted")})
    assert dict(tag) == {"flops": Figure(2, "counted")}
    assert tag.get("wall_s") is None
    with pytest.raises(KeyError):
        tag["wall_s"]
