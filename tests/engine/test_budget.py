"""Limits on what a study may cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import automl
from automl.engine.budget import PREFIXES, QUANTITIES, Budget, parse_budget, parse_time_s
from automl.engine.estimate import estimate
from automl.engine.executor import SerialWorkers
from automl.engine.observer import Observer
from automl.engine.resolve import resolve
from automl.engine.settings import MOST_TRIALS, TRIALS, Settings
from automl.errors import UsageError
from automl.price.energy import use_reader
from automl.price.tag import Figure, PriceTag

amounts = st.floats(1e-6, 1e12)


def tag(**values):
    return PriceTag({name: Figure(value, "measured") for name, value in values.items()})


@given(amounts, st.sampled_from([("s", 1), ("m", 60), ("min", 60), ("h", 3600), ("d", 86400), ("", 1)]))
def test_times(amount, unit):
    assert parse_time_s(f"{amount!r}{unit[0]}") == pytest.approx(amount * unit[1])


@given(amounts, st.sampled_from(sorted(PREFIXES)), st.sampled_from(sorted(QUANTITIES)))
def test_amounts(amount, prefix, unit):
    quantity, value = parse_budget(f"{amount!r}{prefix}{unit}")
    assert quantity == QUANTITIES[unit]
    assert value == pytest.approx(amount * PREFIXES[prefix])


@pytest.mark.parametrize("text", ["", "-1h", "h", "10 parsecs", "0m", "1e999h", "ten m"])
def test_other_times_are_told(text):
    with pytest.raises(UsageError, match="as in 10m"):
        parse_time_s(text)


@pytest.mark.parametrize("text", ["", "5", "Wh", "-5Wh", "5J", "5 EUR", "0USD", "5xWh", "1e999Wh"])
def test_other_amounts_are_told(text):
    with pytest.raises(UsageError, match="as in 5Wh"):
        parse_budget(text)


def test_the_lower_of_two_limits_counts():
    assert Budget.of("10m", ["5Wh", "1kWh", "4 Wh"]).limits == {"wall_s": 600, "energy_wh": 4}


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6), st.floats(1e-3, 1e3))
def test_what_it_affords_reaches_the_limit_and_not_more(spent, limit, each):
    budget = Budget({"energy_wh": limit})
    trials = budget.affords(tag(energy_wh=spent), tag(energy_wh=each))
    if spent >= limit:
        assert trials == 0
        assert budget.spent(tag(energy_wh=spent))
    else:
        assert (trials - 1) * each <= (limit - spent) * (1 + 1e-9)
        assert trials * each >= (limit - spent) * (1 - 1e-9)
        assert not budget.spent(tag(energy_wh=spent))


def test_what_nobody_knows_limits_nothing():
    assert Budget({"energy_wh": 1.0}).affords(tag(energy_wh=0.5), tag(flops=1.0)) is None
    assert Budget({"energy_wh": 1.0}).spent(tag(flops=1.0)) == ""


def test_how_many_trials_there_may_be():
    assert Settings.checked({"space": "toy"}).most_trials(5) == TRIALS
    assert Settings.checked({"space": "toy", "time": "10m"}).most_trials(5) == MOST_TRIALS
    assert Settings.checked({"space": "toy", "trials": "+7"}).most_trials(5) == 12
    assert Settings.checked({"space": "toy", "trials": " 7 ", "budget": ["1Wh"]}).most_trials(5) == 7
    for wrong in ("+0", "0", "many", "-3", "1.5", str(MOST_TRIALS + 1)):
        with pytest.raises(UsageError, match="'trials'"):
            Settings.checked({"space": "toy", "trials": wrong})


class Listener(Observer):
    def __init__(self):
        self.reason = None

    def finished(self, study, reason):
        self.reason = reason


def search(home, listener=None, **settings):
    return automl.search(
        "toy", epochs=2, home=home, tracking_uri="off", observers=[listener] if listener else [], **settings
    )


def test_a_search_ends_with_the_trial_that_empties_the_purse(toys, tmp_path):
    free = search(tmp_path, study="free", trials=4)
    settings = free.settings.model_copy(update={"study": None})
    estimated = estimate(resolve(settings), 4, SerialWorkers()).spent
    known = [estimated, *(record.result.spent for record in free.records[:2])]
    limit = sum(tag["flops"].value for tag in known) + 1
    listener = Listener()
    study = search(tmp_path, listener, study="paid", trials=50, budget=[f"{limit!r}FLOPs"])
    # After two trials one operation is left: the third is begun, and finished.
    assert [record.values for record in study.records] == [record.values for record in free.records[:3]]
    assert "FLOPs is spent" in listener.reason
    assert "with more it would begin another candidate" in listener.reason
    assert automl.open_study("paid", tmp_path).stopped == listener.reason


def test_a_purse_that_is_empty_at_once_buys_one_trial(toys, tmp_path):
    listener = Listener()
    study = search(tmp_path, listener, study="s", budget=["1FLOPs"])
    assert len(study.records) == 1
    assert "with more it would begin" in listener.reason
    assert len(search(tmp_path, study="s", budget=["1FLOPs"]).records) == 1, "and no other when it goes on"


def test_more_trials_later(toys, tmp_path):
    search(tmp_path, study="s", trials=2)
    assert len(search(tmp_path, study="s", trials="+3").records) == 5
    assert len(search(tmp_path, study="s", trials="+1").records) == 6
    assert len(search(tmp_path, study="new", trials="+2").records) == 2


def test_a_budget_of_energy_wants_a_meter_and_one_of_carbon_a_rate(toys, tmp_path, energy_reader):
    with use_reader(None), pytest.raises(UsageError, match="nothing here tells energy"):
        search(tmp_path, budget=["5Wh"])
    with use_reader(energy_reader):
        with pytest.raises(UsageError, match="--country"):
            search(tmp_path, budget=["5gCO2e"])
        assert search(tmp_path, budget=["1mWh"]).bill["energy_wh"].value >= 1e-3
