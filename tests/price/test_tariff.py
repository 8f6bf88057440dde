"""Rates by country, and what they make of energy and time."""

from __future__ import annotations

import csv
import datetime
import importlib.metadata
import importlib.resources
import json
import subprocess
import sys

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.errors import UsageError
from automl.price import tables
from automl.price.tag import METHODS, Figure, PriceTag
from automl.price.tariff import Tariff, countries, tariff

amounts = st.floats(0, 1e12)
rates = st.floats(0, 1e6)
methods = st.sampled_from(METHODS)


def energy(value, method="measured", **more):
    return PriceTag({"energy_wh": Figure(value, method, **more)})


@given(amounts, rates, rates)
def test_a_kwh_emits_and_costs_what_the_rates_say(energy_wh, carbon_g_per_kwh, usd_per_kwh):
    tag = tariff(carbon_g_per_kwh=carbon_g_per_kwh, usd_per_kwh=usd_per_kwh).price(energy(energy_wh))
    assert tag["carbon_g"].value == pytest.approx(energy_wh * carbon_g_per_kwh / 1000)
    assert tag["money_usd"].value == pytest.approx(energy_wh * usd_per_kwh / 1000)
    assert tag["energy_wh"].value == energy_wh


@given(amounts, rates)
def test_an_hour_of_rent_costs_what_was_agreed(wall_s, usd_per_h):
    tag = tariff(usd_per_h=usd_per_h).price(PriceTag({"wall_s": Figure(wall_s, "measured")}))
    assert tag["money_usd"].value == pytest.approx(wall_s / 3600 * usd_per_h)


def test_units_by_example():
    tag = tariff(carbon_g_per_kwh=400, usd_per_kwh=0.25).price(energy(2000))
    assert (tag["carbon_g"].value, tag["money_usd"].value) == (800, 0.5)
    assert tariff(usd_per_h=3).price(PriceTag({"wall_s": Figure(1200, "measured")}))["money_usd"].value == 1


@given(amounts, amounts, st.floats(0, 1e3))
def test_carbon_and_money_are_linear_in_energy(one, other, factor):
    place = tariff(country="FRA")
    together = place.price(energy(one) + energy(other))
    apart = place.price(energy(one)) + place.price(energy(other))
    scaled = place.price(energy(one) * factor)
    for quantity in ("carbon_g", "money_usd"):
        assert together[quantity].value == pytest.approx(apart[quantity].value)
        assert scaled[quantity].value == pytest.approx(place.price(energy(one))[quantity].value * factor)


@given(methods, methods, methods)
def test_the_weaker_method_counts(of_energy, of_carbon, of_money):
    rates = Tariff(carbon_g_per_kwh=1, usd_per_kwh=1, carbon_method=of_carbon, money_method=of_money)
    tag = rates.price(energy(1, of_energy))
    assert METHODS.index(tag["carbon_g"].method) == max(METHODS.index(of_energy), METHODS.index(of_carbon))
    assert METHODS.index(tag["money_usd"].method) == max(METHODS.index(of_energy), METHODS.index(of_money))


@pytest.mark.parametrize(("of_energy", "expected"), [("measured", "catalogue"), ("estimated", "estimated")])
def test_rates_given_and_looked_up_are_a_catalogues(of_energy, expected):
    for rates in (tariff(country="DEU"), tariff(carbon_g_per_kwh=1, usd_per_kwh=1)):
        tag = rates.price(energy(1, of_energy))
        assert tag["carbon_g"].method == tag["money_usd"].method == expected


def test_what_is_not_known_stays_absent():
    assert tariff() == Tariff()
    assert tariff().price(energy(5)) == energy(5)
    full = tariff(country="DEU")
    assert full.price(PriceTag()) == PriceTag()
    no_energy = PriceTag({"wall_s": Figure(10, "measured")})
    assert full.price(no_energy) == no_energy
    assert set(tariff(usd_per_kwh=1).price(energy(1))) == {"energy_wh", "money_usd"}
    assert set(tariff(carbon_g_per_kwh=1).price(energy(1))) == {"energy_wh", "carbon_g"}
    assert "money_usd" not in tariff(usd_per_h=1).price(energy(1)), "rent needs the time"


def test_a_rate_of_nothing_is_known_and_makes_nothing():
    tag = tariff(carbon_g_per_kwh=0, usd_per_kwh=0).price(energy(7))
    assert tag["carbon_g"].value == tag["money_usd"].value == 0


def test_rent_includes_the_power():
    both = energy(1000) | PriceTag({"wall_s": Figure(3600, "measured")})
    tag = tariff(country="DEU", usd_per_kwh=0.5, usd_per_h=2).price(both)
    assert tag["money_usd"].value == 2
    assert tag["money_usd"].years is not None
    assert tag["carbon_g"].value == pytest.approx(tariff(country="DEU").carbon_g_per_kwh)


def test_what_energy_lacks_carbon_and_money_lack():
    tag = tariff(country="DEU").price(energy(1, without=("GPU",)))
    assert tag["carbon_g"].without == tag["money_usd"].without == ("GPU",)


def test_a_tag_can_be_priced_for_another_country():
    there = tariff(country="POL").price(energy(1000))
    assert tariff(country="NOR").price(there) == tariff(country="NOR").price(energy(1000))
    assert tariff().price(there) == there


def test_how_and_years_come_from_the_tables():
    place = tariff(country="Germany")
    row = tables.carbon_intensities()["DEU"]
    assert (place.carbon_g_per_kwh, place.carbon_year) == (row.value, row.year)
    assert place.carbon_how == f"{row.value:.0f} gCO2e/kWh, Germany {row.year}, Our World in Data"
    figure = place.price(energy(1))["money_usd"]
    assert figure.years == (place.money_year, place.money_year) == (2019, 2019)
    assert figure.how.startswith("0.256 USD/kWh, Germany 2019, World Bank Doing Business")
    assert place.problems == ()


def test_what_is_given_wins_over_the_countrys():
    place = tariff(country="DEU", carbon_g_per_kwh=12, usd_per_kwh=0.3)
    assert (place.country, place.carbon_g_per_kwh, place.usd_per_kwh) == ("DEU", 12, 0.3)
    this_year = datetime.datetime.now(datetime.UTC).year
    assert (place.carbon_year, place.money_year, place.problems) == (None, this_year, ())
    assert "as given" in place.carbon_how
    assert place.price(energy(1))["money_usd"].years == (this_year, this_year)
    half = tariff(country="DEU", carbon_g_per_kwh=12)
    assert (half.carbon_g_per_kwh, half.usd_per_kwh) == (12, tariff(country="DEU").usd_per_kwh)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DEU"), ("deu", "DEU"), (" germany ", "DEU"), ("UK", "GBR"), ("usa", "USA"), ("Turkey", "TUR"),
        ("TÜRKIYE", "TUR"), ("turkiye", "TUR"), ("South Korea", "KOR"), ("Korea, Republic of", "KOR"),
        ("Côte d'Ivoire", "CIV"), ("Czech Republic", "CZE"), ("russia", "RUS"),
    ],
)  # fmt: skip
def test_countries_by_code_and_name(text, code):
    assert tariff(country=text).country == code


def test_every_country_is_found_by_its_codes_and_its_name():
    for code, name in countries():
        assert tables.find_country(code.lower()) == code
        assert tables.find_country(name.upper()) == code
        assert tables.find_country(pycountry.countries.get(alpha_3=code).alpha_2) == code
    assert len(countries()) == len(pycountry.countries)


def test_an_unknown_country_gets_near_names():
    with pytest.raises(UsageError, match=r"'Germny'.*Did you mean 'Germany'"):
        tariff(country="Germny")
    for text in ("", "zzz", "XX"):
        with pytest.raises(UsageError, match="ISO 3166"):
            tariff(country=text)


def test_a_country_without_a_price_says_so():
    place = tariff(country="Venezuela")
    assert place.carbon_g_per_kwh is not None
    assert place.usd_per_kwh is None
    assert [problem for problem in place.problems if "--usd-per-kwh" in problem and "Venezuela" in problem]
    assert set(place.price(energy(1))) == {"energy_wh", "carbon_g"}
    assert tariff(country="Venezuela", usd_per_kwh=0.1).problems == ()
    assert tariff(country="Venezuela", usd_per_h=0.1).problems == ()


def test_a_country_without_a_carbon_intensity_says_so():
    place = tariff(country="LIE")
    assert place.carbon_g_per_kwh is None
    assert [problem for problem in place.problems if "--carbon-g-per-kwh" in problem]
    assert set(place.price(energy(1))) == {"energy_wh", "money_usd"}


@pytest.mark.parametrize("name", ["carbon_g_per_kwh", "usd_per_kwh", "usd_per_h"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_rates_are_numbers_from_0_on(name, value):
    with pytest.raises(UsageError, match=name):
        tariff(**{name: value})


@pytest.mark.parametrize("given", [{}, {"country": "ITA"}, {"country": "VEN"}, {"usd_per_h": 2, "carbon_g_per_kwh": 3}])
def test_json_round_trip(given):
    original = tariff(**given)
    assert Tariff.from_json(json.loads(json.dumps(original.to_json()))) == original
    assert Tariff.from_json({**original.to_json(), "later": 1}) == original


def test_the_table_of_prices_is_sane():
    text = (importlib.resources.files(tables) / "electricity_usd_per_kwh.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    codes = [row["country"] for row in rows]
    assert codes == sorted(set(codes))
    assert len(codes) > 150
    assert list(tables.electricity_prices()) == codes
    for code, rate in tables.electricity_prices().items():
        assert pycountry.countries.get(alpha_3=code) is not None
        # Kuwait's subsidized 0.7 cents and the Solomon Islands' 72 cents, all diesel, are the ends.
        assert 0.005 < rate.value < 1
        assert 2015 <= rate.year <= 2100
        assert rate.source
        assert rate.what in {"household", "non-household", "all sectors"}


def test_the_table_of_carbon_intensities_is_sane():
    rows = tables.carbon_intensities()
    assert len(rows) > 150
    for code, rate in rows.items():
        assert pycountry.countries.get(alpha_3=code) is not None
        assert 1 < rate.value < 2000
        assert 2000 < rate.year <= 2100
    # The order of three well-known grids: nuclear, mixed, coal.
    assert rows["FRA"].value < rows["DEU"].value < rows["POL"].value


def test_looking_up_does_not_import_codecarbon():
    assert importlib.metadata.version("codecarbon")
    program = (
        "import sys; from automl.price.tariff import tariff; assert tariff(country='DEU').carbon_year; "
        "sys.exit(any(name in sys.modules for name in ('codecarbon', 'pandas', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
