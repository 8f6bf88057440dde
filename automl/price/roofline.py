"""Prices a prediction on a device one does not own: latency by the roofline, energy and rent by latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.errors import unknown_name
from automl.price.calibration import efficiency_of, load_calibration
from automl.price.roof import Roof
from automl.price.tag import Figure, PriceTag
from automl.price.work import Load

if TYPE_CHECKING:
    from pathlib import Path

    from automl.parts import Device
    from automl.price.calibration import Efficiency
    from automl.price.work import Count, Work

BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1}
"""Of a number, by precision; in this order one is chosen for a device that has no peak for fp32."""

S_PER_H = 3600.0

FORMULA = "roofline an operator (Williams et al. 2009), max(FLOPs / peak, bytes / bandwidth) + overhead, summed"
WHOLE = "the whole pass taken as one operator, as it is known by a formula and not operator by operator"


def price_on(
    device: Device,
    work: Work,
    *,
    home: Path | None = None,
    efficiency: Efficiency | None = None,
    precision: str | None = None,
) -> PriceTag:
    """The price of one prediction, one example, on `device`.

    Args:
        device: Where.
        work: What the model computes, counted in fp32.
        home: Where the calibration lies that gives the efficiency of devices of which nobody has measured it.
        efficiency: What part of its data sheet the device reaches; looked up when None.
        precision: Number format of weights and activations; when None, fp32, or on a device that has no peak for it
            the widest that it has one for.

    Returns:
        The counted figures, and estimates: ``wall_s``, ``energy_wh`` where the device's watts are known, and
        ``money_usd`` where its rent is. Without them when the model does not fit the device (see `misfit`).

    Raises:
        UsageError: The device has no peak for `precision`.
    """
    counted = work.prediction_tag()
    precision = _precision(device, precision)
    if misfit(device, work, precision=precision):
        return counted
    if efficiency is None:
        efficiency = efficiency_of(device, load_calibration(home) if home else None)
    loads = _loads(work.prediction, BYTES[precision] / BYTES["fp32"])
    seconds = roof_of(device, efficiency, precision).seconds(loads)
    how = _how(device, efficiency, precision) + ("" if work.prediction.profile else f", {WHOLE}")
    without = work.prediction.uncounted
    if not work.prediction.moved_bytes:
        without = (*without, "memory traffic")
    figures = {"wall_s": Figure(seconds, "estimated", how, without)}
    hours = seconds / S_PER_H
    watts, whence = power_of(device)
    if watts is not None:
        figures["energy_wh"] = Figure(hours * watts, "estimated", f"estimated latency x {whence}", without)
    if device.usd_per_h is not None:
        years = (device.price_year, device.price_year) if device.price_year else None
        rent = f"estimated latency x {device.usd_per_h:g} USD/h, the rent of {device.name}"
        figures["money_usd"] = Figure(hours * device.usd_per_h, "estimated", rent, without, years)
    return counted | PriceTag(figures)


def misfit(device: Device, work: Work, *, precision: str | None = None) -> str:
    """Why the model cannot run on the device, in a sentence; empty when it can, or when nobody knows."""
    precision = _precision(device, precision)
    needed = (work.model_bytes + work.prediction.activation_bytes) * BYTES[precision] / BYTES["fp32"]
    if device.memory_bytes is None or needed <= device.memory_bytes:
        return ""
    has = f"{device.name} has {device.memory_bytes / 1e9:.3g} GB"
    return f"The model needs {needed / 1e9:.3g} GB in {precision}, and {has}."


def roof_of(device: Device, efficiency: Efficiency, precision: str) -> Roof:
    """What the device reaches in a precision it has a peak for."""
    return Roof(
        device.peak_flops_per_s[precision] * efficiency.compute,
        device.bandwidth_bytes_per_s * efficiency.bandwidth,
        device.overhead_s,
    )


def power_of(device: Device) -> tuple[float | None, str]:
    """The watts to reckon with, and where they come from: a measured draw is better than a data sheet's limit."""
    if device.draw_w is not None:
        return device.draw_w, f"{device.draw_w:g} W, the mean draw measured of {device.name}"
    if device.tdp_w is not None:
        return device.tdp_w, f"{device.tdp_w:g} W, the TDP of {device.name} (its limit, not its draw)"
    return None, ""


def _precision(device: Device, wanted: str | None) -> str:
    known = [precision for precision in BYTES if precision in device.peak_flops_per_s]
    if wanted is None:
        return known[0]
    if wanted not in known:
        raise unknown_name(f"precision of device {device.name}", wanted, known)
    return wanted


def _loads(count: Count, scale: float) -> list[Load]:
    """The profile with bytes of another precision; one load for all where nothing finer is known."""
    profile = count.profile or (Load(count.flops, count.moved_bytes, 1),)
    return [Load(load.flops, load.moved_bytes * scale, load.calls) for load in profile]


def _how(device: Device, efficiency: Efficiency, precision: str) -> str:
    peak, bandwidth = device.peak_flops_per_s[precision], device.bandwidth_bytes_per_s
    instead = "" if precision == "fp32" or "fp32" in device.peak_flops_per_s else " as it has no peak for fp32"
    sheet = f"{device.name}: {peak / 1e12:.4g} TFLOP/s in {precision}{instead}, {bandwidth / 1e9:.4g} GB/s, "
    sheet += f"{device.overhead_s * 1e6:.3g} us a call (source: {device.source or 'not told'})"
    parts = f"{efficiency.compute:.0%} of the peak and {efficiency.bandwidth:.0%} of the bandwidth reached"
    return f"{FORMULA}; {sheet}; {parts}, {efficiency.how}"
