from __future__ import annotations

import pytest
from automl_green.objectives import Accuracy, Green
from hypothesis import given
from hypothesis import strategies as st

from automl.parts import Goal
from automl.price.tag import Figure, PriceTag
from automl.testing.objectives import ObjectiveSuite
from automl.testing.toy import ToyTask


def flops(amount):
    return PriceTag({"flops": Figure(amount, "counted")})


class TestGreen(ObjectiveSuite):
    part = Green()


class TestAccuracy(ObjectiveSuite):
    part = Accuracy()


@given(st.floats(0, 1), st.floats(0, 1e18), st.floats(0, 1e12), st.integers(0, 10**12))
def test_lifetime_is_one_training_and_all_predictions(score, training, prediction, predictions):
    values = Green().values(score, flops(training), flops(prediction), predictions)
    assert values == (score, training + prediction * predictions)


def test_only_counted_work_matters_to_green():
    seconds = PriceTag({"flops": Figure(10.0, "counted"), "wall_s": Figure(99.0, "measured")})
    assert Green().values(0.5, seconds, flops(2.0), 3) == (0.5, 16.0)


@pytest.mark.parametrize(
    ("predictions", "work"), [(0, 1_000_000_007.0), (1, 1_000_000_010.0), (10**9, 4_000_000_007.0)]
)
def test_lifetime_by_hand(predictions, work):
    assert Green().values(0.5, flops(1_000_000_007.0), flops(3.0), predictions) == (0.5, work)


def test_work_that_is_not_known_is_an_error_not_zero():
    with pytest.raises(KeyError):
        Green().values(0.5, PriceTag(), flops(1.0), 1)


def test_accuracy_needs_no_price():
    assert Accuracy().values(0.5, PriceTag(), PriceTag(), 7) == (0.5,)


def test_goals_follow_the_task():
    class Error(ToyTask):
        score = "error"
        direction = "minimize"

    assert Green().goals(Error()) == (Goal("error", "minimize"), Goal("lifetime_flops", "minimize", log=True))
    assert Accuracy().goals(Error()) == (Goal("error", "minimize"),)
