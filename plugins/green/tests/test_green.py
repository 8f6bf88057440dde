from __future__ import annotations

from automl_green.objectives import Accuracy, Green
from hypothesis import given
from hypothesis import strategies as st

from automl.price.tag import Figure, PriceTag
from automl.testing.objectives import ObjectiveSuite


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
