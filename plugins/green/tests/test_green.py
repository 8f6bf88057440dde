from __future__ import annotations

import pytest
from automl_green.objectives import PRICES, TARGET_FLOPS, Accuracy, Green, MnasNet
from hypothesis import given
from hypothesis import strategies as st

from automl.errors import UsageError
from automl.parts import Goal
from automl.price.named import NamedFigures
from automl.price.tag import Figure, PriceTag
from automl.testing.objectives import ObjectiveSuite
from automl.testing.toy import ToyTask

TASK = ToyTask()


def flops(amount):
    return PriceTag({"flops": Figure(amount, "counted")})


def values(objective, score, training, prediction, predictions):
    return objective.values(TASK, NamedFigures({"accuracy": score}, training, prediction, predictions))


class Error(ToyTask):
    score = "error"
    direction = "minimize"


class TestGreen(ObjectiveSuite):
    part = Green()


class TestGreenEnergy(ObjectiveSuite):
    part = Green("energy")


class TestGreenCarbon(ObjectiveSuite):
    part = Green("carbon")


class TestGreenUsd(ObjectiveSuite):
    part = Green("usd")


class TestGreenParams(ObjectiveSuite):
    part = Green("params")


class TestGreenLatencyHere(ObjectiveSuite):
    part = Green("latency")


class TestGreenLatencyThere(ObjectiveSuite):
    part = Green("latency@t4")


class TestAccuracy(ObjectiveSuite):
    part = Accuracy()


class TestMnasNet(ObjectiveSuite):
    part = MnasNet()


class TestMnasNetOfAnotherTarget(ObjectiveSuite):
    part = MnasNet().variant("2e6")


@given(st.floats(0, 1), st.floats(0, 1e18), st.floats(0, 1e12), st.integers(0, 10**12))
def test_lifetime_is_one_training_and_all_predictions(score, training, prediction, predictions):
    found = values(Green(), score, flops(training), flops(prediction), predictions)
    assert found == (score, training + prediction * predictions)


def test_only_counted_work_matters_to_green():
    seconds = PriceTag({"flops": Figure(10.0, "counted"), "wall_s": Figure(99.0, "measured")})
    assert values(Green(), 0.5, seconds, flops(2.0), 3) == (0.5, 16.0)


@pytest.mark.parametrize(
    ("predictions", "work"), [(0, 1_000_000_007.0), (1, 1_000_000_010.0), (10**9, 4_000_000_007.0)]
)
def test_lifetime_by_hand(predictions, work):
    assert values(Green(), 0.5, flops(1_000_000_007.0), flops(3.0), predictions) == (0.5, work)


@pytest.mark.parametrize("variant", PRICES)
def test_work_that_is_not_known_is_an_error_not_zero(variant):
    with pytest.raises(KeyError):
        values(Green(variant), 0.5, PriceTag(), PriceTag(), 1)


def test_accuracy_needs_no_price():
    assert values(Accuracy(), 0.5, PriceTag(), PriceTag(), 7) == (0.5,)


def test_goals_follow_the_task():
    assert Green().goals(Error()) == (Goal("error", "minimize"), Goal("lifetime_flops", "minimize", log=True))
    assert Accuracy().goals(Error()) == (Goal("error", "minimize"),)


@pytest.mark.parametrize("text", ["energy", "carbon", "usd", "latency", "latency@t4", "params"])
def test_a_variant_is_called_as_it_was_typed(text):
    assert Green().variant(text).name == f"green:{text}"
    assert Green().variant(text).goals(TASK)[1].metric.endswith(text.partition("@")[2])


@pytest.mark.parametrize("text", ["", "water", "energy@t4", "latency@", "params@t4"])
def test_other_variants_are_refused(text):
    with pytest.raises(UsageError, match="green"):
        Green().variant(text)


def test_the_reward_is_the_score_at_the_target_and_worth_five_percent_at_twice_the_work():
    at_target = values(MnasNet(), 0.8, PriceTag(), flops(TARGET_FLOPS), 1)[0]
    twice = values(MnasNet(), 0.8, PriceTag(), flops(2 * TARGET_FLOPS), 1)[0]
    assert at_target == pytest.approx(0.8)
    # Tan et al. 2019, section 3: doubling the cost has to bring about 5% relative accuracy to be even.
    assert at_target / twice == pytest.approx(1.05, abs=2e-3)


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "many"])
def test_a_target_is_a_positive_number(text):
    with pytest.raises(UsageError):
        MnasNet().variant(text)


def test_a_score_to_minimise_makes_no_reward():
    with pytest.raises(UsageError, match="maximise"):
        MnasNet().goals(Error())
