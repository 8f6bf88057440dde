"""Goals and objectives by name, and what is said beforehand of figures that will never be known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.engine.goals import NamedGoals, check_figures, chosen_objective
from automl.errors import UsageError
from automl.parts import Goal
from automl.price.named import PRICES
from automl.price.tariff import tariff
from automl.testing.toy import ToyTask

TASK = ToyTask()


@given(st.lists(st.sampled_from(PRICES), unique=True, min_size=1), st.booleans())
def test_metrics_of_the_task_come_first_and_prices_are_logarithmic(prices, up):
    word = "max" if up else "min"
    goals = NamedGoals([*(f"{price}:{word}" for price in prices), "accuracy:max"]).goals(TASK)
    assert goals[0] == Goal("accuracy", "maximize")
    assert [goal.metric for goal in goals[1:]] == prices
    assert all(goal.log for goal in goals[1:])
    assert {goal.direction for goal in goals[1:]} == {"maximize" if up else "minimize"}


@pytest.mark.parametrize("text", ["", "accuracy", ":max", "accuracy:", "accuracy:sideways", "max:accuracy"])
def test_other_forms_are_told(text):
    with pytest.raises(UsageError, match="direction"):
        NamedGoals([text])


def test_the_objective_is_named_or_preferred(toys):
    assert chosen_objective(toys, None, ()).name == "toy-green"
    assert chosen_objective(toys, "toy-green", ()).name == "toy-green"
    assert chosen_objective(toys, None, ["loss:min"]).goals(TASK) == (Goal("loss", "minimize"),)
    with pytest.raises(UsageError, match="no variant"):
        chosen_objective(toys, "toy-green:energy", ())


def test_a_rate_makes_carbon_and_money_known():
    check_figures(["accuracy", "lifetime_carbon_g"], TASK, tariff(carbon_g_per_kwh=100))
    check_figures(["lifetime_money_usd"], TASK, tariff(usd_per_kwh=0.1))
    check_figures(["lifetime_money_usd"], TASK, tariff(usd_per_h=1))
    # A device of the catalogue may bring a rent of its own.
    check_figures(["prediction_money_usd@t4"], TASK, tariff())
    for name in ("lifetime_carbon_g", "prediction_carbon_g@t4", "lifetime_money_usd"):
        with pytest.raises(UsageError, match="give --"):
            check_figures([name], TASK, tariff())
