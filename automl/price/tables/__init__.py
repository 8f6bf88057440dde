"""Published tables by country, carbon intensity and price of electricity; their sources stand in README.md."""

from __future__ import annotations

import csv
import dataclasses
import functools
import importlib.resources
import importlib.util
import json
import unicodedata
from collections.abc import Mapping
from typing import Any

# What people write and ISO 3166 does not know as a name; UK is reserved there for the United Kingdom.
_ALIASES = {"uk": "GBR", "great britain": "GBR", "ivory coast": "CIV"}


@dataclasses.dataclass(frozen=True)
class Rate:
    """One row of a table.

    Attributes:
        value: In the unit of its table.
        year: Of the figure itself, not of the table.
        source: Who published it.
        what: Of what it is a rate, where the table holds more than one kind.
    """

    value: float
    year: int
    source: str
    what: str = ""


@functools.cache
def carbon_intensities() -> Mapping[str, Rate]:
    """Emissions of electricity generation in gCO2e/kWh by ISO 3166 alpha-3 code, from CodeCarbon's table.

    A row of exactly 0 is left out: it is a tiny total rounded to nothing, no grid emits nothing.
    """
    rows = _codecarbon_mix().values()
    return {
        row["iso_code"]: Rate(row["carbon_intensity"], row["year"], "Our World in Data")
        for row in rows
        if row["carbon_intensity"] > 0
    }


@functools.cache
def electricity_prices() -> Mapping[str, Rate]:
    """Prices of electricity in USD/kWh by ISO 3166 alpha-3 code."""
    text = (importlib.resources.files(__name__) / "electricity_usd_per_kwh.csv").read_text(encoding="utf-8")
    return {
        row["country"]: Rate(float(row["usd_per_kwh"]), int(row["year"]), row["source"], row["what"])
        for row in csv.DictReader(text.splitlines())
    }


@functools.cache
def country_names() -> Mapping[str, str]:
    """Every country's everyday English name by ISO 3166 alpha-3 code."""
    import pycountry

    everyday: dict[str, str] = {code: row["country_name"] for code, row in _codecarbon_mix().items()}
    return {
        country.alpha_3: everyday.get(country.alpha_3, getattr(country, "common_name", country.name))
        for country in pycountry.countries
    }


def find_country(text: str) -> str | None:
    """The ISO 3166 alpha-3 code of a country named by code or English name in any case; None where there is none."""
    return _codes_by_word().get(_folded(text))


@functools.cache
def _codes_by_word() -> Mapping[str, str]:
    import pycountry

    codes = {}
    for country in pycountry.countries:
        words = [country_names()[country.alpha_3], country.name, country.alpha_2, country.alpha_3]
        words += [getattr(country, kind) for kind in ("common_name", "official_name") if hasattr(country, kind)]
        codes.update({_folded(word): country.alpha_3 for word in words})
    return {**codes, **_ALIASES}


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


@functools.cache
def _codecarbon_mix() -> Mapping[str, Mapping[str, Any]]:
    # A module that is made and not executed is enough to find its files: importing the package takes seconds.
    spec = importlib.util.find_spec("codecarbon")
    if spec is None:
        raise ModuleNotFoundError("codecarbon is not installed; its table of carbon intensities is needed here")
    package = importlib.resources.files(importlib.util.module_from_spec(spec))
    text = (package / "data" / "private_infra" / "global_energy_mix.json").read_text(encoding="utf-8")
    mix: Mapping[str, Mapping[str, Any]] = json.loads(text)
    return mix
