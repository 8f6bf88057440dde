"""Energy meters: kernel counters in a made-up folder, CodeCarbon's model, and which of them is taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.price import energy
from automl.price.energy.estimated import Estimated
from automl.price.energy.nvidia import Nvidia
from automl.price.energy.rapl import Rapl
from automl.price.energy.reader import Both, Unavailable

UJ_PER_WH = 3.6e9


class Zone:
    """A counter as the kernel shows it."""

    def __init__(self, powercap, folder, name, uj=0, largest=10**12):
        self.path = powercap / folder
        self.path.mkdir(parents=True)
        (self.path / "name").write_text(f"{name}\n")
        (self.path / "max_energy_range_uj").write_text(f"{largest}\n")
        self.set(uj)

    def set(self, uj):
        (self.path / "energy_uj").write_text(f"{uj}\n")


def test_packages_and_memory_are_summed_and_nothing_twice(tmp_path):
    package, other = Zone(tmp_path, "intel-rapl:0", "package-0", 5), Zone(tmp_path, "intel-rapl:1", "package-1", 7)
    memory = Zone(tmp_path, "intel-rapl:0:1", "dram", 11)
    core, platform = Zone(tmp_path, "intel-rapl:0:0", "core"), Zone(tmp_path, "intel-rapl:2", "psys")
    rapl = Rapl(tmp_path)
    assert rapl.read_wh() == 0
    for zone, uj in ((package, 5 + 1_000), (other, 7 + 20_000), (memory, 11 + 300_000), (core, 9**9), (platform, 9**9)):
        zone.set(uj)
    assert rapl.read_wh() * UJ_PER_WH == pytest.approx(321_000)
    assert "whole machine" in rapl.how
    assert rapl.method == "measured"


@given(st.lists(st.integers(0, 999), min_size=1, max_size=50))
def test_a_counter_that_starts_again_loses_nothing(tmp_path_factory, steps):
    zone = Zone(tmp_path_factory.mktemp("powercap"), "intel-rapl:0", "package-0", 990, largest=1000)
    rapl, position = Rapl(zone.path.parent), 990
    for step in steps:
        position = (position + step) % 1000
        zone.set(position)
        last = rapl.read_wh()
    assert last * UJ_PER_WH == pytest.approx(sum(steps))


def test_no_counters_are_told(tmp_path):
    with pytest.raises(Unavailable, match="no energy counters"):
        Rapl(tmp_path)


def test_counters_that_only_root_may_read_are_told(tmp_path, monkeypatch):
    zone = Zone(tmp_path, "intel-rapl:0", "package-0")

    def refuse(path, *args, **kwargs):
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return path.read_bytes().decode()

    monkeypatch.setattr(type(zone.path), "read_text", refuse)
    with pytest.raises(Unavailable, match="sudo chmod a\\+r"):
        Rapl(tmp_path)


def test_a_counter_of_rubbish_is_told(tmp_path):
    Zone(tmp_path, "intel-rapl:0", "package-0").set("many")
    with pytest.raises(Unavailable, match="cannot be read"):
        Rapl(tmp_path)


class TestEstimated:
    def test_energy_goes_with_cpu_seconds(self, monkeypatch):
        meter = Estimated()
        spent = iter([0.0, 3600.0, 3600.0])
        clock = iter([0.0, 0.0, 0.0])
        monkeypatch.setattr("automl.price.cpu.cpu_s", lambda: next(spent))
        monkeypatch.setattr(time, "monotonic", lambda: next(clock))
        meter._at, meter._cpu_s, meter._total_wh = 0.0, 0.0, 0.0
        watts = meter._w_per_thread
        assert meter.read_wh() == 0
        assert meter.read_wh() == pytest.approx(watts)
        assert meter.read_wh() == pytest.approx(watts)

    def test_it_never_falls_and_says_how(self):
        meter = Estimated()
        readings = [meter.read_wh() for _ in range(50)]
        assert readings == sorted(readings)
        assert readings[0] >= 0
        assert meter.method == "estimated"
        for words in ("CodeCarbon", "process mode", "W a thread", "W for memory"):
            assert words in meter.how

    def test_it_is_silent_and_leaves_no_file(self, tmp_path):
        code = "from automl.price import energy; energy.warm_up(); energy.reader().read_wh()"
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert list(tmp_path.iterdir()) == []


class TestNvidia:
    @pytest.fixture
    def gpus(self, monkeypatch):
        class Gpus:
            mj = (1_000, 2_000)

            def __len__(self):
                return 2

            def get_total_energy_consumption(self, index):
                return self.mj[index]

        found = Gpus()
        device = types.ModuleType("zeus.device")
        device.get_gpus = lambda: found
        monkeypatch.setitem(sys.modules, "zeus", types.ModuleType("zeus"))
        monkeypatch.setitem(sys.modules, "zeus.device", device)
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
        return found

    def test_all_gpus_are_summed_since_the_start(self, gpus):
        meter = Nvidia()
        gpus.mj = [1_000 + 3_600_000, 2_000 + 1_800_000]
        assert meter.read_wh() == pytest.approx(1.5)
        assert "2 GPUs" in meter.how

    def test_without_a_gpu(self, monkeypatch):
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        with pytest.raises(Unavailable, match="no GPU"):
            Nvidia()

    def test_without_zeus(self, gpus, monkeypatch):
        monkeypatch.setitem(sys.modules, "zeus.device", None)
        with pytest.raises(Unavailable, match="automl-host\\[gpu\\]"):
            Nvidia()

    def test_without_a_counter(self, gpus, monkeypatch):
        monkeypatch.setattr(type(gpus), "get_total_energy_consumption", lambda *_: 1 / 0)
        with pytest.raises(Unavailable, match="no energy counter"):
            Nvidia()


def test_a_sum_has_the_weaker_method_and_both_words(energy_reader):
    class Guess:
        method, how = "estimated", "a guess"

        def read_wh(self):
            return 5.0

    both = Both([energy_reader, Guess()])
    assert both.method == "estimated"
    assert both.how == "36 W for ever; a guess"
    assert both.read_wh() == pytest.approx(energy_reader.read_wh() + 5.0, abs=1e-3)


def test_opening_is_done_once_and_says_what_does_not_work():
    energy.warm_up()
    first = energy.reader()
    energy.warm_up()
    assert energy.reader() is first
    assert all(problem.endswith((".", "boot.")) for problem in energy.problems())


def test_it_can_be_switched_off():
    code = "import json; from automl.price import energy; energy.warm_up(); "
    code += "print(json.dumps([str(energy.reader()), *energy.problems()]))"
    environment = {**os.environ, "AUTOML_ENERGY": "off"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["None", "Energy is not metered, as AUTOML_ENERGY=off asks."]
