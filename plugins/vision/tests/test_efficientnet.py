"""EfficientNet's compound scaling and its released sizes (Tan & Le 2019, table 2)."""

from __future__ import annotations

import math

import pytest
import torch
from automl_vision.digits import Digits
from automl_vision.efficientnet import RELEASED, EfficientNet
from automl_vision.scaling import scaled
from hypothesis import given
from hypothesis import strategies as st

DIGITS = Digits().spec()
PUBLISHED = {
    "b0": (5.3, 0.39), "b1": (7.8, 0.70), "b2": (9.2, 1.0), "b3": (12, 1.8),
    "b4": (19, 4.2), "b5": (30, 9.9), "b6": (43, 19), "b7": (66, 37),
}  # fmt: skip
"""Millions of parameters, billions of multiply-adds."""


@pytest.mark.parametrize("size", PUBLISHED)
def test_a_released_model_costs_what_was_published(size, configure, cost, imagenet):
    parameters_m, multiply_adds_g = PUBLISHED[size]
    parameters, multiply_adds = cost(EfficientNet(), configure(EfficientNet(), imagenet, model=size), imagenet)
    assert parameters / 1e6 == pytest.approx(parameters_m, rel=0.02)
    assert multiply_adds / 1e9 == pytest.approx(multiply_adds_g, rel=0.05)


def test_a_released_model_is_one_candidate_whatever_phi(configure, imagenet):
    configs = [
        configure(EfficientNet(), imagenet, model="b1", phi=phi, drop_rate=drop) for phi, drop in ((-9, 0.0), (-1, 0.3))
    ]
    assert configs[0] == configs[1]
    assert configs[0]["resolution_px"] == 240
    assert "phi" not in configs[0]
    assert EfficientNet().describe(configs[0]).startswith("b1 · 240 px")


def test_a_released_model_has_its_dropout_stochastic_depth_and_eps(configure, imagenet):
    with torch.device("meta"):
        model = EfficientNet().build(configure(EfficientNet(), imagenet, model="b4"), imagenet)[1]
    assert model.drop_rate == 0.4
    rates = [m.drop_prob for m in model.modules() if type(m).__name__ == "DropPath"]
    assert rates == sorted(rates)
    assert 0.19 < rates[-1] < 0.2
    assert {m.eps for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {1e-3}


def test_a_scaled_model_has_stochastic_depth_only_where_asked(configure):
    def rates(**wishes):
        with torch.device("meta"):
            model = EfficientNet().build(configure(EfficientNet(), DIGITS, phi=-8, **wishes), DIGITS)
        return [m.drop_prob for m in model.modules() if type(m).__name__ == "DropPath"]

    assert rates() == []
    assert max(rates(drop_path_rate=0.2)) > 0.1


def test_a_config_of_before_released_models_and_coefficients_builds_the_same(configure):
    """Studies keep configs without the keys that came later."""
    new = configure(EfficientNet(), DIGITS, phi=-16)
    old = {k: new[k] for k in ("phi", "width", "depth", "resolution_px", "normalizer", "learning_rate", "drop_rate")}
    states = []
    for config in (old, new):
        torch.manual_seed(0)
        states.append(EfficientNet().build(config, DIGITS).state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@given(
    phi=st.floats(-8, 4), alpha=st.floats(1, 2), beta=st.floats(1, math.sqrt(2)), gamma=st.floats(1, math.sqrt(2)),
    base_width=st.floats(0.1, 2), base_depth=st.floats(0.1, 2), base_px=st.integers(32, 224),
)  # fmt: skip
def test_scaling_is_equation_3(phi, alpha, beta, gamma, base_width, base_depth, base_px):
    found = scaled({
        "phi": phi, "alpha": alpha, "beta": beta, "gamma": gamma,
        "base_width": base_width, "base_depth": base_depth, "base_px": base_px,
    })  # fmt: skip
    assert found["width"] == base_width * beta**phi
    assert found["depth"] == base_depth * alpha**phi
    assert found["resolution_px"] == pytest.approx(base_px * gamma**phi, abs=0.5) or found["resolution_px"] == 4
    assert found["resolution_px"] >= 4


@pytest.mark.parametrize(
    "only",
    [
        {"alpha": 2, "beta": 1, "gamma": 1},
        {"alpha": 1, "beta": math.sqrt(2), "gamma": 1},
        {"alpha": 1, "beta": 1, "gamma": math.sqrt(2)},
    ],
)
def test_a_single_dimension_can_double_the_flops(only, configure, imagenet):
    config = configure(EfficientNet(), imagenet, phi=0, **only)
    assert (config["width"], config["depth"], config["resolution_px"]) == (1, 1, 224)
    doubled = configure(EfficientNet(), DIGITS, phi=1, base_width=0.5, base_px=16, **only)
    factors = doubled["width"] / 0.5, doubled["depth"], doubled["resolution_px"] / 16
    assert factors == pytest.approx((only["beta"], only["alpha"], only["gamma"]), rel=0.05)


def test_the_table_of_released_sizes_is_the_authors():
    assert RELEASED["b7"] == (2.0, 3.1, 600, 0.5)
    assert [resolution for _, _, resolution, _ in RELEASED.values()] == [224, 240, 260, 300, 380, 456, 528, 600]
