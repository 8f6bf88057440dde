"""The roofline and the price of a prediction on a device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.errors import UsageError
from automl.parts import Device
from automl.price.calibration import DEFAULT, Efficiency
from automl.price.roof import Roof
from automl.price.roofline import misfit, price_on
from automl.price.work import Count, Load, Work

FULL = Efficiency(1.0, 1.0, "by the data sheet")


def device(**changes):
    figures = {
        "peak_flops_per_s": {"fp32": 1e12, "fp16": 4e12, "int8": 8e12},
        "bandwidth_bytes_per_s": 1e11,
        "overhead_s": 1e-5,
        "memory_bytes": 1e9,
        "tdp_w": 70.0,
        "usd_per_h": 0.36,
        "price_year": 2025,
        "source": "a data sheet",
    }
    return Device("box", "a box", **(figures | changes))


def work(*loads, **changes):
    flops, moved = sum(load.flops for load in loads), sum(load.moved_bytes for load in loads)
    count = Count(flops, moved, changes.pop("activation_bytes", 0.0), profile=loads)
    return Work(count, count, how="counted by hand", **changes)


amounts = st.floats(0, 1e12)
loads = st.lists(st.builds(Load, amounts, amounts, st.integers(1, 1000)), min_size=1, max_size=8)
roofs = st.builds(Roof, st.floats(1e6, 1e15), st.floats(1e6, 1e13), st.floats(1e-7, 1e-2))


def test_by_hand():
    # Bound by arithmetic: 2 ms. Bound by memory: 1 ms. Ten and five calls: 0.15 ms.
    tag = price_on(device(), work(Load(2e9, 1e7, 10), Load(1e6, 1e8, 5)), efficiency=FULL)
    assert tag["wall_s"].value == pytest.approx(2e-3 + 1e-3 + 15e-5)
    assert tag["energy_wh"].value == pytest.approx(3.15e-3 / 3600 * 70)
    assert tag["money_usd"].value == pytest.approx(3.15e-3 / 3600 * 0.36)
    assert {tag[name].method for name in ("wall_s", "energy_wh", "money_usd")} == {"estimated"}
    assert tag["money_usd"].years == (2025, 2025)


def test_operators_run_one_after_the_other():
    """Arithmetic of one does not hide the memory traffic of another."""
    roof = Roof(1e9, 1e9, 1e-6)
    apart = roof.seconds([Load(1e9, 0, 1), Load(0, 1e9, 1)])
    together = roof.seconds([Load(1e9, 1e9, 2)])
    assert apart == pytest.approx(2 + 2e-6)
    assert together == pytest.approx(1 + 2e-6)


@given(roofs, loads)
def test_it_is_never_below_a_bound(roof, loads):
    seconds = roof.seconds(loads)
    calls_s = sum(load.calls for load in loads) * roof.overhead_s
    for bound_s in (
        sum(load.flops for load in loads) / roof.flops_per_s,
        sum(load.moved_bytes for load in loads) / roof.bytes_per_s,
    ):
        assert seconds >= (bound_s + calls_s) * (1 - 1e-9)


@given(roofs, loads, amounts, amounts, st.integers(0, 1000))
def test_more_work_takes_no_less_time(roof, loads, flops, moved_bytes, calls):
    first, *rest = loads
    more = Load(first.flops + flops, first.moved_bytes + moved_bytes, first.calls + calls)
    extra_s = calls * roof.overhead_s
    assert roof.seconds([more, *rest]) >= (roof.seconds(loads) + extra_s) * (1 - 1e-9)


@given(loads, st.floats(0.01, 1), st.floats(0.01, 1))
def test_efficiency_slows_by_no_more_than_its_inverse(loads, compute, bandwidth):
    full, less = (
        price_on(device(), work(*loads), efficiency=efficiency)["wall_s"].value
        for efficiency in (FULL, Efficiency(compute, bandwidth, "drawn"))
    )
    assert full * (1 - 1e-9) <= less <= full / min(compute, bandwidth) * (1 + 1e-9)


def test_a_narrower_precision_moves_fewer_bytes_and_has_its_own_peak():
    of_memory, of_arithmetic = work(Load(0, 1e9, 0)), work(Load(1e12, 0, 0))
    seconds = {
        name: [
            price_on(device(), of, efficiency=FULL, precision=name)["wall_s"].value for of in (of_memory, of_arithmetic)
        ]
        for name in ("fp32", "fp16", "int8")
    }
    assert seconds["fp32"] == pytest.approx([1e-2, 1])
    assert seconds["fp16"] == pytest.approx([5e-3, 1 / 4])
    assert seconds["int8"] == pytest.approx([2.5e-3, 1 / 8])


def test_without_a_peak_for_fp32_the_widest_is_taken_and_told():
    chip = device(peak_flops_per_s={"int8": 4e12, "bf16": 1e12})
    found = price_on(chip, work(Load(1e12, 2e11, 0)), efficiency=FULL)["wall_s"]
    assert found.value == pytest.approx(1.0)
    assert "bf16 as it has no peak for fp32" in found.how
    with pytest.raises(UsageError, match="'bf16'"):
        price_on(chip, work(Load(1, 1, 1)), precision="bf61")


def test_what_the_device_does_not_tell_is_absent():
    tag = price_on(device(tdp_w=None, usd_per_h=None), work(Load(1e9, 1e7, 1)))
    assert {"energy_wh", "money_usd"} & set(tag) == set()
    assert "wall_s" in tag


def test_a_measured_draw_is_taken_before_the_limit():
    tag = price_on(device(draw_w=50.0), work(Load(1e12, 0, 0)), efficiency=FULL)
    assert tag["energy_wh"].value == pytest.approx(50 / 3600)
    assert "draw measured" in tag["energy_wh"].how
    assert "TDP" in price_on(device(), work(Load(1e12, 0, 0)))["energy_wh"].how


def test_how_names_formula_source_and_efficiency():
    how = price_on(device(), work(Load(1e9, 1e7, 1)))["wall_s"].how
    for words in ("Williams", "1 TFLOP/s in fp32", "100 GB/s", "10 us", "a data sheet", DEFAULT.how):
        assert words in how


def test_a_model_that_does_not_fit_has_no_latency():
    large = work(Load(1e9, 1e7, 1), model_bytes=9e8, activation_bytes=2e8)
    assert {"wall_s", "energy_wh", "money_usd"} & set(price_on(device(), large)) == set()
    assert "1.1 GB in fp32, and box has 1 GB" in misfit(device(), large)
    assert "wall_s" in price_on(device(), large, precision="fp16")
    assert misfit(device(memory_bytes=None), large) == ""


def test_counted_figures_stay():
    tag = price_on(device(), work(Load(1e9, 1e7, 1), parameters=5, model_bytes=20.0))
    assert (tag["flops"].value, tag["parameters"].value, tag["flops"].method) == (1e9, 5, "counted")


def test_of_a_formula_without_a_profile_the_figure_is_a_lower_bound():
    count = Count(1e12)
    found = price_on(device(), Work(count, count), efficiency=FULL)["wall_s"]
    assert found.value == pytest.approx(1 + 1e-5)
    assert found.without == ("memory traffic",)
    assert "one operator" in found.how


def test_what_was_not_counted_is_missing_here_too():
    count = Count(1e9, 1e6, uncounted=("fft",), profile=(Load(1e9, 1e6, 1),))
    assert price_on(device(), Work(count, count))["energy_wh"].without == ("fft",)
