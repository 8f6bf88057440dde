"""Energy and time to carbon and money: what electricity emits and costs at a place, what a rented machine costs."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Mapping
from typing import Any

from automl.errors import UsageError, near_names, unknown_name
from automl.price import tables
from automl.price.tag import METHODS, Figure, PriceTag, Years

_WH_IN_KWH = 1000.0
_S_IN_H = 3600.0


@dataclasses.dataclass(frozen=True)
class Tariff:
    """Rates that turn energy into carbon, and energy or time into money.

    Carbon is location-based: the average of what the country's power plants emitted in a year, whatever the hour and
    whatever was bought from whom, imports and exports aside. Losses between plant and socket, the cooling of a data
    centre (PUE) and the making of the hardware are not in it.

    Money is what the energy costs, or the rent of the machine where `usd_per_h` is known. Rent stands alone: who rents
    by the hour does not pay for the power besides.

    Rates are a catalogue's, those a user gave too: a price agreed upon is looked up, not measured, and where the user
    has it from nobody knows. A figure made with a rate has the weaker method of the two, energy's or the rate's.

    Attributes:
        country: ISO 3166 alpha-3 code of the place; None where it was not given.
        carbon_g_per_kwh: Emissions of a kWh, in gCO2e.
        usd_per_kwh: Price of a kWh.
        usd_per_h: Rent of the machine, power included.
        carbon_how: Whence the carbon intensity, in a few words.
        money_how: Whence the price or the rent.
        carbon_year: Year of the carbon intensity; None for one the user gave.
        money_year: Year of the price; of one the user gave, the year in which they gave it.
        carbon_method: One of `automl.price.tag.METHODS`.
        money_method: One of `automl.price.tag.METHODS`.
        problems: What is not known of the country and what to do about it, a sentence each.
    """

    country: str | None = None
    carbon_g_per_kwh: float | None = None
    usd_per_kwh: float | None = None
    usd_per_h: float | None = None
    carbon_how: str = ""
    money_how: str = ""
    carbon_year: int | None = None
    money_year: int | None = None
    carbon_method: str = "catalogue"
    money_method: str = "catalogue"
    problems: tuple[str, ...] = ()

    def price(self, tag: PriceTag) -> PriceTag:
        """The tag with carbon and money, where energy (or time, for rent) and the rate are both known.

        Where the tag has them already they are computed anew, so that a tag can be priced for another country. What
        this tariff cannot tell stays as it is.
        """
        carbon = self._carbon(tag.get("energy_wh"))
        money = self._money(tag)
        new = {"carbon_g": carbon, "money_usd": money}
        return tag | PriceTag({name: figure for name, figure in new.items() if figure is not None})

    def _carbon(self, energy_wh: Figure | None) -> Figure | None:
        if energy_wh is None or self.carbon_g_per_kwh is None:
            return None
        grams = energy_wh.value / _WH_IN_KWH * self.carbon_g_per_kwh
        return _converted(energy_wh, grams, self.carbon_method, self.carbon_how)

    def _money(self, tag: PriceTag) -> Figure | None:
        if self.usd_per_h is not None:
            amount, rate = tag.get("wall_s"), self.usd_per_h / _S_IN_H
        elif self.usd_per_kwh is not None:
            amount, rate = tag.get("energy_wh"), self.usd_per_kwh / _WH_IN_KWH
        else:
            return None
        if amount is None:
            return None
        years = None if self.money_year is None else (self.money_year, self.money_year)
        return _converted(amount, amount.value * rate, self.money_method, self.money_how, years)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {**vars(self), "problems": list(self.problems)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tariff:
        """The inverse of `to_json`; other keys are ignored."""
        known = {field.name: data[field.name] for field in dataclasses.fields(cls) if field.name in data}
        return cls(**{**known, "problems": tuple(known.get("problems", ()))})


def tariff(
    *,
    country: str | None = None,
    carbon_g_per_kwh: float | None = None,
    usd_per_kwh: float | None = None,
    usd_per_h: float | None = None,
) -> Tariff:
    """The tariff of a place; rates that are given win over the country's, and with nothing given nothing is known.

    Args:
        country: ISO 3166 code, alpha-2 or alpha-3, or English name, in any case.
        carbon_g_per_kwh: Emissions of a kWh, in gCO2e.
        usd_per_kwh: Price of a kWh.
        usd_per_h: Rent of the machine, power included; the price of a kWh is then of no account.

    Raises:
        UsageError: There is no such country, or a rate is negative or no number.
    """
    _check({"carbon_g_per_kwh": carbon_g_per_kwh, "usd_per_kwh": usd_per_kwh, "usd_per_h": usd_per_h})
    code = None if country is None else _code(country)
    found: dict[str, Any] = {}
    problems = []
    if carbon_g_per_kwh is not None:
        found |= {"carbon_g_per_kwh": carbon_g_per_kwh, "carbon_how": f"{carbon_g_per_kwh:.4g} gCO2e/kWh as given"}
    elif code and (rate := tables.carbon_intensities().get(code)):
        how = f"{rate.value:.0f} gCO2e/kWh, {_place(code, rate)}"
        found |= {"carbon_g_per_kwh": rate.value, "carbon_how": how, "carbon_year": rate.year}
    elif code:
        problems.append(f"Of {_name(code)} no carbon intensity is known here: give it with --carbon-g-per-kwh.")
    if usd_per_h is not None:
        how = f"{usd_per_h:.4g} USD/h of rent as given, power included"
        found |= {"usd_per_h": usd_per_h, "usd_per_kwh": usd_per_kwh, "money_how": how, "money_year": _this_year()}
    elif usd_per_kwh is not None:
        how = f"{usd_per_kwh:.4g} USD/kWh as given"
        found |= {"usd_per_kwh": usd_per_kwh, "money_how": how, "money_year": _this_year()}
    elif code and (rate := tables.electricity_prices().get(code)):
        how = f"{rate.value:.4g} USD/kWh, {_place(code, rate)}, {rate.what}"
        found |= {"usd_per_kwh": rate.value, "money_how": how, "money_year": rate.year}
    elif code:
        problems.append(f"Of {_name(code)} no price of electricity is known here: give it with --usd-per-kwh.")
    return Tariff(country=code, problems=tuple(problems), **found)


def countries() -> list[tuple[str, str]]:
    """Every country there is, as ISO 3166 alpha-3 code and English name, by name; not of all are rates known."""
    return sorted(tables.country_names().items(), key=lambda item: item[1])


def _converted(source: Figure, value: float, method: str, how: str, years: Years | None = None) -> Figure:
    """An amount made of another one and a rate; what the one lacks the other lacks too."""
    weaker = max(source.method, method, key=METHODS.index)
    return Figure(value, weaker, how, source.without, years)


def _check(rates: Mapping[str, float | None]) -> None:
    for name, value in rates.items():
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{name} is a number from 0 on, not {value!r}.")


def _code(country: str) -> str:
    code = tables.find_country(country)
    if code is not None:
        return code
    names = list(tables.country_names().values())
    if near_names(country, names):
        raise unknown_name("country", country, names)
    raise UsageError(
        f"There is no country named {country!r}. Give its ISO 3166 code or English name: DEU, DE, Germany."
    )


def _this_year() -> int:
    return datetime.datetime.now(datetime.UTC).year


def _name(code: str) -> str:
    return tables.country_names()[code]


def _place(code: str, rate: tables.Rate) -> str:
    return f"{_name(code)} {rate.year}, {rate.source}"
