"""What a person types to limit the price of running a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.engine.limits import Limit, limits_of, parse_count, parse_latency, parse_size
from automl.engine.settings import Settings
from automl.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"), [("500k", 5e5), ("5M", 5e6), ("1e6", 1e6), ("2.5 G", 2.5e9), ("12", 12.0), ("3GFLOPs", 3e9)]
)
def test_counts(text, value):
    assert parse_count(text, "FLOPs") == value


@pytest.mark.parametrize(("text", "most_ms"), [("20ms@t4", 20.0), ("1s@t4", 1000.0), ("500us @ t4", 0.5)])
def test_latencies(text, most_ms):
    assert parse_latency(text) == ("latency_ms@t4", most_ms)


@pytest.mark.parametrize(("text", "size"), [("10MB", 1e7), ("512kB", 512e3), ("4MiB", 2.0**22), ("7B", 7.0)])
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-5", "five", "5m", "5MB", "1e999", "nan"])
def test_what_is_no_count_is_refused(text):
    with pytest.raises(UsageError):
        parse_count(text)


@pytest.mark.parametrize("text", ["20ms", "20@t4", "@t4", "ms@t4", "20ms@", "0ms@t4"])
def test_a_latency_wants_a_unit_and_a_device(text):
    with pytest.raises(UsageError):
        parse_latency(text)


@pytest.mark.parametrize("text", ["10", "10mB", "MB", "0B", "-1MB"])
def test_a_size_wants_bytes(text):
    with pytest.raises(UsageError):
        parse_size(text)


@given(st.text(max_size=12))
def test_nothing_that_is_typed_breaks_the_parsers(text):
    for parse in (parse_count, parse_latency, parse_size):
        try:
            found = parse(text)
        except UsageError:
            continue
        assert (found if isinstance(found, float) else found[1]) > 0


def test_limits_are_read_from_the_settings():
    limits = limits_of(Settings.checked({"space": "toy", "max_params": "5M", "max_latency": "20ms@t4"}))
    assert limits == (
        Limit("parameters", 5e6, "--max-params 5M"),
        Limit("latency_ms@t4", 20.0, "--max-latency 20ms@t4"),
    )
    assert limits[0].broken({"parameters": 5e6}) == ""
    assert limits[0].broken({"parameters": 5e6 + 1}) == "over --max-params 5M"


def test_a_bad_limit_is_a_bad_setting():
    with pytest.raises(UsageError, match="5 apples"):
        Settings.checked({"space": "toy", "max_params": "5 apples"})
