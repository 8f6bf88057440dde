from __future__ import annotations

import pytest
from automl_devices.catalogue import devices, rows

from automl.errors import UsageError
from automl.host import Host, use_host
from automl.parts import Device
from automl.price.calibration import DEFAULT, find_device
from automl.price.roofline import price_on
from automl.price.work import Count, Load, Work
from automl.testing.devices import DeviceSuite

BY_NAME = {device.name: device for device in devices()}

# One suite a row, so that a failure names the device.
for _device in devices():
    _name = "Test" + _device.name.title().replace("-", "")
    globals()[_name] = type(_name, (DeviceSuite,), {"part": _device, "plugin": "automl_devices"})


def test_what_people_type_is_there():
    wanted = """raspberry-pi-4 raspberry-pi-5 t4 l4 v100 a100-40gb a100-80gb h100 h100-pcie h200 rtx-4090 rtx-3090
    tpu-v1 tpu-v2 tpu-v3 tpu-v4 tpu-v5e tpu-v5p tpu-v6e jetson-nano jetson-orin-nano apple-m1-gpu xeon-e5-2699-v3
    xeon-8380 xeon-8480"""
    assert set(wanted.split()) <= set(BY_NAME)


def test_names_are_unique():
    assert len(BY_NAME) == len(rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["name"])
def test_every_row_says_where_it_is_from_and_how_sure_it_is(row):
    assert row["source"]
    assert row["overhead_note"]
    assert row["status"].startswith(("verified", "computed"))
    assert None not in row.values(), "a row has too few cells"
    assert None not in row, "a row has too many cells"


@pytest.mark.parametrize(
    ("name", "tdp_w", "draw_w", "reckoned_w"),
    [("tpu-v2", 280, 221, 221), ("tpu-v3", 450, 283, 283), ("t4", 70, None, 70)],
)
def test_a_measured_draw_is_told_from_the_limit_and_preferred(name, tdp_w, draw_w, reckoned_w):
    device = BY_NAME[name]
    assert (device.tdp_w, device.draw_w) == (tdp_w, draw_w)
    count = Count(1e9, 1e7, profile=(Load(1e9, 1e7, 10),))
    tag = price_on(device, Work(count, count), efficiency=DEFAULT)
    assert tag["energy_wh"].value == pytest.approx(tag["wall_s"].value / 3600 * reckoned_w)
    assert ("TDP" in tag["energy_wh"].how) == (draw_w is None)


def test_a_tpu_is_priced_at_the_precision_it_has():
    count = Count(1e9, 1e7, profile=(Load(1e9, 1e7, 10),))
    for name, precision in (("tpu-v1", "int8"), ("tpu-v5e", "bf16")):
        assert f"{precision} as it has no peak for fp32" in price_on(BY_NAME[name], Work(count, count))["wall_s"].how


def test_peaks_are_dense():
    # The data sheet's 1979 and 3958 TFLOP/s of an H100 are with half of the weights left out.
    assert BY_NAME["h100"].peak_flops_per_s == {"fp32": 67e12, "fp16": 989.5e12, "bf16": 989.5e12, "int8": 1979e12}


def test_the_host_finds_them_by_name_and_says_what_is_near(tmp_path):
    import automl_devices

    host = Host([])
    host.register(automl_devices, name="devices")
    assert host.problems == []
    with use_host(host):
        assert isinstance(find_device("raspberry-pi-4", tmp_path), Device)
        with pytest.raises(UsageError, match="'raspberry-pi-4'"):
            find_device("raspberry-pi", tmp_path)
