"""Reads ``catalogue.csv``: a row a device, an empty cell where nobody has published the figure."""

from __future__ import annotations

import csv
from importlib import resources

from automl.parts import Device

PEAKS = {
    "fp32": "fp32_flops_per_s",
    "fp16": "fp16_flops_per_s",
    "bf16": "bf16_flops_per_s",
    "int8": "int8_ops_per_s",
}
"""Columns of the dense peaks, by precision."""


def rows() -> list[dict[str, str]]:
    """The table as it is written."""
    text = resources.files("automl_devices").joinpath("catalogue.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def devices() -> list[Device]:
    """The table as devices."""
    return [_device(row) for row in rows()]


def _device(row: dict[str, str]) -> Device:
    peaks = {precision: _number(row[column]) for precision, column in PEAKS.items()}
    bandwidth, overhead_s = float(row["bandwidth_bytes_per_s"]), float(row["overhead_s"])
    return Device(
        row["name"],
        row["title"],
        peak_flops_per_s={precision: peak for precision, peak in peaks.items() if peak is not None},
        bandwidth_bytes_per_s=bandwidth,
        overhead_s=overhead_s,
        memory_bytes=_number(row["memory_bytes"]),
        tdp_w=_number(row["tdp_w"]),
        draw_w=_number(row["draw_w"]),
        usd_per_h=_number(row["usd_per_h"]),
        price_year=int(row["price_year"]) if row["price_year"] else None,
        source=f"{row['source']} ({row['status']}), overhead {row['overhead_note']}",
    )


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
