"""What a piece of work costs while it runs."""

from __future__ import annotations

import pytest

from automl.price import energy
from automl.price.energy import use_reader
from automl.price.memory import Peak
from automl.price.meter import Meter

MB = 10**6


class Counter:
    method, how = "measured", "by hand"

    def __init__(self, *values):
        self.values = list(values)

    def read_wh(self):
        return self.values.pop(0)


def test_energy_is_the_difference_of_two_readings():
    with use_reader(Counter(10.0, 10.5, 12.0)), Meter() as meter:
        assert meter.tag()["energy_wh"].value == 0.5
    figure = meter.tag()["energy_wh"]
    assert (figure.value, figure.method, figure.how) == (2.0, "measured", "by hand")


def test_without_a_meter_energy_is_absent():
    with use_reader(None), Meter() as meter:
        pass
    assert "energy_wh" not in meter.tag()
    assert {"wall_s", "cpu_s"} <= set(meter.tag())


def test_a_meter_that_breaks_does_not_break_the_work():
    with use_reader(Counter(1.0)), Meter() as meter:
        pass
    assert "energy_wh" not in meter.tag()
    assert any("stopped working (by hand)" in problem for problem in energy.problems())


def test_meters_may_be_nested(energy_reader):
    with use_reader(energy_reader), Meter() as outer:
        with Meter() as inner:
            sum(range(100_000))
        bytearray(30 * MB)
    for quantity in ("wall_s", "cpu_s", "energy_wh", "memory_bytes"):
        assert outer.tag()[quantity].value >= inner.tag()[quantity].value > 0 or quantity == "cpu_s"


def test_after_the_end_the_tag_stays_as_it_is(energy_reader):
    with use_reader(energy_reader), Meter() as meter:
        pass
    assert meter.tag() == meter.tag()


class TestPeak:
    @pytest.fixture
    def proc(self, tmp_path):
        """A kernel that keeps a mark in kB and sets it back to what is resident."""

        class Proc:
            resident = 100

            def __truediv__(self, name):
                return File(self, name)

        class File:
            def __init__(self, proc, name):
                self.proc, self.name = proc, name

            def read_text(self):
                return f"Name: x\nVmHWM:\t  {self.proc.mark} kB\nVmRSS: 1 kB\n"

            def write_text(self, text):
                assert (self.name, text) == ("clear_refs", "5")
                if self.proc.locked:
                    raise PermissionError
                self.proc.mark = self.proc.resident

        found = Proc()
        found.mark, found.locked = 500, False
        return found

    def test_what_was_before_does_not_count(self, proc):
        peak = Peak(proc)
        assert peak.bytes() == 100 * 1024
        proc.mark = 300
        assert peak.bytes() == 300 * 1024
        peak.close()

    def test_an_inner_window_does_not_forget_the_outer_one_s_peak(self, proc):
        outer = Peak(proc)
        proc.mark = 900
        inner = Peak(proc)
        proc.mark = 200
        assert inner.bytes() == 200 * 1024
        inner.close()
        assert outer.bytes() == 900 * 1024
        outer.close()

    def test_what_an_inner_window_saw_the_outer_one_saw(self, proc):
        outer = Peak(proc)
        inner = Peak(proc)
        proc.mark = 700
        inner.bytes()
        proc.mark = 650
        inner.close()
        assert outer.bytes() == 700 * 1024
        outer.close()

    def test_a_mark_that_cannot_be_set_back_is_told(self, proc):
        proc.locked = True
        peak = Peak(proc)
        assert peak.bytes() == 500 * 1024
        assert "since it began" in peak.how
        peak.close()

    def test_real_memory(self):
        peak = Peak()
        before = peak.bytes()
        block = bytearray(200 * MB)
        block[::4096] = b"x" * len(block[::4096])
        assert peak.bytes() >= before + 150 * MB
        peak.close()
