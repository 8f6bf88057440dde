"""The calibration: the fit, the file, and what is taken from it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import types

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.errors import UsageError
from automl.hookspecs import hookimpl
from automl.host import Host, use_host
from automl.parts import Device
from automl.price.calibration import (
    DEFAULT,
    FILE,
    Calibration,
    Efficiency,
    Timing,
    efficiency_of,
    find_device,
    load_calibration,
    save_calibration,
)
from automl.price.flops import count
from automl.price.measure import QUICK, calibrate, processor
from automl.price.reference import references
from automl.price.roof import Roof, fit
from automl.price.roofline import price_on
from automl.price.work import Count, Load, Work

BOX = Device(
    "box", "a box", peak_flops_per_s={"fp32": 1e12}, bandwidth_bytes_per_s=1e11, overhead_s=1e-5, source="a data sheet"
)
PROFILES = [
    [Load(flops, flops / intensity, calls)]
    for flops, intensity, calls in itertools.product((1e5, 1e7, 1e9), (0.02, 5000.0), (3, 90))
]


@pytest.fixture
def calibration():
    return Calibration(
        date="2026-01-31",
        processor="Abacus 9",
        torch="2.14",
        threads=1,
        memory_bytes=8e9,
        peak_flops_per_s=1e11,
        bandwidth_bytes_per_s=1e10,
        operator_s=1e-6,
        efficiency=0.6,
        bandwidth_efficiency=1.7,
        overhead_s=9e-6,
        timings=(Timing("a", 1e6, 1e-3, 1.1e-3), Timing("b", 1e7, 1e-2, 0.7e-2), Timing("c", 1e8, 1e-1, 1e-1)),
    )


@pytest.fixture
def boxes():
    plugin = types.ModuleType("boxes")
    plugin.automl_devices = hookimpl(lambda: [BOX])
    host = Host([])
    host.register(plugin, name="boxes")
    with use_host(host):
        yield


factors = st.floats(0.1, 10)


@settings(deadline=None, max_examples=20)
@given(factors, factors, factors)
def test_the_fit_recovers_what_the_times_were_made_with(flops_per_s, bytes_per_s, overhead_s):
    true = Roof(5e10 * flops_per_s, 1e10 * bytes_per_s, 5e-6 * overhead_s)
    found = fit([(profile, true.seconds(profile)) for profile in PROFILES], Roof(5e10, 1e10, 5e-6))
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(true), rel=0.02)


def test_the_fit_stands_a_noisy_clock():
    true = Roof(8e10, 2e10, 1e-5)
    noise = itertools.cycle((0.9, 1.0, 1.12))
    found = fit([(profile, true.seconds(profile) * next(noise)) for profile in PROFILES], Roof(1e11, 1e10, 2e-6))
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(true), rel=0.15)


def test_what_no_time_depends_on_stays_where_it_began():
    true = Roof(8e10, 1.0, 1e-5)
    samples = [([Load(flops, 0.0, calls)], true.seconds([Load(flops, 0.0, calls)])) for flops, calls in
               itertools.product((1e6, 1e8, 1e10), (5, 50))]  # fmt: skip
    found = fit(samples, Roof(1e11, 1e10, 2e-6))
    assert (found.flops_per_s, found.overhead_s) == pytest.approx((8e10, 1e-5), rel=0.01)
    assert found.bytes_per_s == pytest.approx(1e10)


def test_the_file_round_trip(calibration, tmp_path):
    assert load_calibration(tmp_path) is None
    assert load_calibration(tmp_path / "nowhere") is None
    path = save_calibration(calibration, tmp_path / "home")
    assert load_calibration(tmp_path / "home") == calibration
    assert json.loads(path.read_text())["format"] == 1


def damage(**changes):
    def apply(text):
        return json.dumps({name: value for name, value in (json.loads(text) | changes).items() if value != "gone"})

    return apply


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "\x00\xff",
        damage(format=2),
        damage(efficiency="gone"),
        damage(efficiency=0.0),
        damage(overhead_s=-1.0),
        damage(peak_flops_per_s=float("inf")),
        damage(timings=[]),
        damage(timings=[{"model": "a"}]),
        damage(colour="red"),
    ],
)
def test_a_damaged_file_is_told_and_what_to_do(calibration, tmp_path, change):
    path = save_calibration(calibration, tmp_path)
    path.write_text(change(path.read_text()))
    with pytest.raises(UsageError, match="automl calibrate"):
        load_calibration(tmp_path)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(UsageError, match=FILE):
        load_calibration(tmp_path)


def test_this_machine_is_a_device(calibration, tmp_path, boxes):
    with pytest.raises(UsageError, match="Run `automl calibrate`"):
        find_device("this-machine", tmp_path)
    save_calibration(calibration, tmp_path)
    device = find_device("this-machine", tmp_path)
    loads = (Load(6e8, 1e3, 100), Load(1e3, 1.7e8, 100))
    work = Work(Count(6e8, 1.7e8, profile=loads), Count(0.0))
    tag = price_on(device, work, home=tmp_path)
    # 10 ms of arithmetic at 60%, 10 ms of memory at 170%, 200 calls of 9 us.
    assert tag["wall_s"].value == pytest.approx(0.0218)
    assert "fitted to its own timings" in tag["wall_s"].how
    assert "energy_wh" not in tag


def test_other_devices_come_from_the_plugins(tmp_path, boxes):
    assert find_device("box", tmp_path) is BOX
    with pytest.raises(UsageError, match="Did you mean 'box'"):
        find_device("boxx", tmp_path)
    with pytest.raises(UsageError, match="this-machine"):
        find_device("this-machin", tmp_path)


def test_the_efficiency_of_a_device_is_its_own_then_borrowed_then_assumed(calibration):
    assert efficiency_of(BOX, None) is DEFAULT
    borrowed = efficiency_of(BOX, calibration)
    assert (borrowed.compute, borrowed.bandwidth) == (0.6, 1.0), "another machine has not these caches"
    assert "borrowed" in borrowed.how
    assert "Abacus 9" in borrowed.how
    own = Device("own", "own", peak_flops_per_s={}, bandwidth_bytes_per_s=1, overhead_s=1, efficiency=0.3)
    mixed = efficiency_of(own, calibration)
    assert (mixed.compute, mixed.bandwidth) == (0.3, 1.0)
    assert "the bandwidth's not" in mixed.how


def test_a_calibration_changes_the_price_elsewhere(calibration, tmp_path):
    work = Work(Count(1e12, 0.0, profile=(Load(1e12, 0.0, 0),)), Count(0.0))
    before = price_on(BOX, work, home=tmp_path)["wall_s"].value
    save_calibration(calibration, tmp_path)
    after = price_on(BOX, work, home=tmp_path)
    assert (before, after["wall_s"].value) == pytest.approx((1 / DEFAULT.compute, 1 / 0.6))
    chosen = price_on(BOX, work, home=tmp_path, efficiency=Efficiency(1.0, 1.0, "chosen"))
    assert chosen["wall_s"].value == pytest.approx(1.0)


def test_the_median_error_has_no_sign(calibration):
    assert [timing.error for timing in calibration.timings] == pytest.approx([0.1, -0.3, 0.0])
    assert calibration.median_error == pytest.approx(0.1)


class Ticking:
    """A clock that goes on by a millisecond at every look."""

    now = 0.0

    def __call__(self):
        self.now += 1e-3
        return self.now


def test_every_figure_is_from_the_clock():
    threads, told = torch.get_num_threads(), []
    found = calibrate(1, QUICK, clock=Ticking(), tell=told.append)
    assert torch.get_num_threads() == threads
    assert found.threads == 1
    assert found.peak_flops_per_s == pytest.approx(2 * QUICK.product**3 / 1e-3)
    assert found.bandwidth_bytes_per_s == pytest.approx(8 * QUICK.copied / 1e-3)
    assert found.operator_s == pytest.approx(1e-5)
    assert [timing.measured_s for timing in found.timings] == pytest.approx([1e-3] * len(references(quick=True)))
    assert any("perceptron" in text for text in told)
    assert Calibration.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_the_references_span_four_decades_and_both_sides_of_the_roof():
    works = {model.name: count(model.build, model.input_shape).prediction for model in references()}
    assert all(not work.uncounted for work in works.values())
    flops = [work.flops for work in works.values()]
    assert max(flops) / min(flops) > 1e4
    intensities = [work.flops / work.moved_bytes for work in works.values()]
    assert min(intensities) < 1
    assert max(intensities) > 30


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: Abacus 9\n", "Abacus 9"),
        ("Hardware : x\nModel : Raspberry Pi 4\n", "Raspberry Pi 4"),
    ],
)
def test_the_processor_is_named(tmp_path, text, name):
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    assert processor(path) == name
    assert processor(tmp_path / "none")
