"""The arithmetic of price tags."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.price.tag import METHODS, PEAKS, UNITS, Figure, PriceTag, lifetime

amounts = st.floats(0, 1e15, allow_nan=False)
factors = st.floats(0, 1e6, allow_nan=False)
hows = st.sampled_from(["", "wall clock", "flop counter on the meta device", "TDP table"])
lacks = st.lists(st.sampled_from(["aten::fft", "mine::scan"]), unique=True).map(lambda names: tuple(sorted(names)))
years = st.none() | st.tuples(st.integers(2015, 2020), st.integers(2021, 2026))
figures = st.builds(Figure, amounts, st.sampled_from(METHODS), hows, lacks, years)
tags = st.builds(PriceTag, st.dictionaries(st.sampled_from(sorted(UNITS)), figures))


def alike(left, right):
    """Equal up to rounding; the words on how may come in another order."""
    assert set(left) == set(right)
    for name in left:
        assert left[name].value == pytest.approx(right[name].value, rel=1e-9, abs=1e-9)
        assert left[name].method == right[name].method
        assert set(left[name].how.split("; ")) == set(right[name].how.split("; "))
        assert (left[name].without, left[name].years) == (right[name].without, right[name].years)


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
        values = [tag[name].value for tag in listed]
        assert figure.value == pytest.approx(max(values) if name in PEAKS else math.fsum(values), rel=1e-9)


@given(tags, tags, st.integers(0, 10**9))
def test_lifetime(training, prediction, predictions):
    price = lifetime(training, prediction, predictions)
    for name, figure in price.items():
        wanted = training[name].value + predictions * prediction[name].value
        if name in PEAKS:
            wanted = max(training[name].value, prediction[name].value)
        assert figure.value == pytest.approx(wanted, rel=1e-9)


@given(tags, tags)
def test_nothing_that_is_lacking_is_forgotten(a, b):
    for name, figure in (a + b).items():
        assert set(figure.without) == {*a[name].without, *b[name].without}


@given(tags, tags)
def test_the_years_of_a_sum_span_those_of_its_parts(a, b):
    for name, figure in (a + b).items():
        known = [year for part in (a[name], b[name]) for year in part.years or ()]
        assert figure.years == ((min(known), max(known)) if known else None)


@given(tags, st.floats(1, 1e6))
def test_doing_it_again_takes_no_more_room(tag, factor):
    for name in PEAKS:
        assert (tag * factor).get(name) == tag.get(name)


@given(tags, tags)
def test_more_figures_for_the_same_thing(a, b):
    both = a | b
    assert set(both) == set(a) | set(b)
    assert all(both[name] == (b if name in b else a)[name] for name in both)


def test_a_word_on_how_is_said_once():
    half = Figure(1, "measured", "wall clock")
    other = Figure(2, "estimated", "pace of 8 batches")
    assert half.plus(half).plus(other).plus(half).how == "wall clock; pace of 8 batches"


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
