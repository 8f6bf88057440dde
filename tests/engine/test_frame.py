"""Trials as a data frame."""

from __future__ import annotations

import pandas as pd
import pytest

from automl.engine.frame import front_frame, trials_frame
from automl.parts import Goal


def test_one_row_a_trial_with_columns_in_order(record, green):
    records = [
        record(0, (0.9, 2e9), test_score=0.88),
        record(1, None, spent={"wall_s": 1.0, "energy_wh": 0.1}),
        record(2, (0.8, 3e9)),
    ]
    frame = trials_frame(records, green, "accuracy")
    assert list(frame.columns) == [
        "trial", "epochs", "status", "on_front", "accuracy", "lifetime_flops", "test_accuracy", "parameters",
        "latency_ms", "training_flops", "prediction_flops", "spent_flops", "spent_wall_s", "spent_cpu_s",
        "spent_energy_wh", "label", "config.phi", "config.normalizer", "config.learning_rate", "cause",
    ]  # fmt: skip
    assert frame["trial"].tolist() == [0, 1, 2]
    assert frame["status"].tolist() == ["complete", "failed", "complete"]
    assert frame["on_front"].tolist() == [True, False, False]
    assert frame["accuracy"].tolist()[::2] == [0.9, 0.8]
    assert pd.isna(frame["accuracy"][1])
    assert frame["test_accuracy"].notna().tolist() == [True, False, False]
    assert frame["spent_energy_wh"].notna().tolist() == [False, True, False]
    assert frame["parameters"][0] == 103_456
    assert frame["cause"].tolist() == ["", "the loss was not finite", ""]


@pytest.mark.parametrize("count", [0, 3])
def test_dtypes_do_not_depend_on_the_trials(record, green, count):
    frame = trials_frame([record(number, (0.9, 2e9)) for number in range(count)], green, "accuracy")
    dtypes = frame.dtypes.astype(str)
    assert dtypes["trial"] == "int64"
    assert dtypes["on_front"] == "bool"
    assert dtypes["parameters"] == "Int64"
    figures = ["accuracy", "lifetime_flops", "test_accuracy", "training_flops", "prediction_flops"]
    assert {dtypes[name] for name in figures} == {"float64"}
    assert len(frame) == count


def test_config_values_keep_their_types_where_some_lack_them(record, green):
    configs = [
        {"depth": 2, "skip": True, "rate": 1, "norm": "bn", "widths": [8, 16]},
        {"depth": 3, "skip": False, "rate": 0.5, "norm": "frn", "widths": [8]},
        {"rate": 2.0},
    ]
    frame = trials_frame([record(i, (0.9, 1e9), config=config) for i, config in enumerate(configs)], green, "accuracy")
    dtypes = frame.dtypes.astype(str)
    assert (dtypes["config.depth"], dtypes["config.skip"], dtypes["config.rate"]) == ("Int64", "boolean", "float64")
    assert frame["config.depth"].tolist() == [2, 3, pd.NA]
    assert frame["config.widths"].tolist() == [[8, 16], [8], None]
    assert frame["config.norm"][1] == "frn"


def test_a_score_that_is_no_goal_gets_its_own_column(record):
    frame = trials_frame([record(0, (2e9,))], [Goal("lifetime_flops", "minimize")], "accuracy")
    assert list(frame.columns[4:7]) == ["lifetime_flops", "accuracy", "test_accuracy"]


def test_the_front_is_ordered_by_price(study, green):
    frame = front_frame(study, green, "accuracy")
    everything = trials_frame(study, green, "accuracy")
    assert frame["on_front"].all()
    assert frame["lifetime_flops"].is_monotonic_increasing
    assert frame["accuracy"].is_monotonic_increasing
    assert set(frame["trial"]) == set(everything.loc[everything["on_front"], "trial"])
    assert 4 < len(frame) < len(study) - 2


def test_it_survives_csv(study, green, tmp_path):
    frame = trials_frame(study, green, "accuracy")
    frame.to_csv(tmp_path / "trials.csv", index=False)
    back = pd.read_csv(tmp_path / "trials.csv")
    assert back["lifetime_flops"].equals(frame["lifetime_flops"])
    assert back["label"].tolist() == frame["label"].tolist()
