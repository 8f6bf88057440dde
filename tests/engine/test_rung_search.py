"""Searches that stop trials at rungs: real training, over the toy plugin."""

from __future__ import annotations

import json

import pytest

import automl
from automl.engine.observer import Observer
from automl.errors import UsageError
from automl.training.export import export, read_spec
from automl.training.fit import run_trial


def search(home, *observers, **settings):
    given = {"trials": 9, "epochs": 4, "strategy": "toy-halving", "tracking_uri": "off", "study": "s"}
    return automl.search("toy", observers=observers, home=home, **{**given, **settings})


@pytest.fixture
def study(toys, tmp_path):
    return search(tmp_path)


def test_each_rung_that_a_trial_reached_is_a_model(study):
    assert study.settings.rungs == "1,4"
    assert study.trial_count == 9
    reached = [(record.number, record.spec.last_epoch) for record in study.records]
    assert {epochs for _, epochs in reached} == {1, 4}
    for record in study.records:
        assert (study.step_folder(record.spec) / "model.safetensors").is_file()
        assert record.name == (f"{record.number}@1" if record.spec.last_epoch == 1 else str(record.number))
    assert sorted(set(study.trials["epochs"])) == [1, 4]


def test_the_price_of_a_rung_is_what_it_took_to_get_there(study):
    whole = next(record for record in study.records if record.spec.rung is None)
    stopped = study.record(f"{whole.number}@1")
    assert stopped.result.training["flops"].value == pytest.approx(whole.result.training["flops"].value / 4)
    assert whole.price == pytest.approx(3 * stopped.price)
    assert whole.result.history[0] == stopped.result.history[0]


def test_nothing_is_trained_twice(study):
    trained = sum(record.spec.last_epoch - (record.spec.from_rung or 0) for record in study.records)
    full = sum(record.spec.rung is None for record in study.records)
    assert trained == study.trial_count + 3 * full


def test_checkpoints_are_kept_of_those_that_may_go_on_alone(study):
    for number in {record.number for record in study.records}:
        ended = study.record(number).spec.rung is None
        assert [path.name for path in study.checkpoints(number).glob("*")] == ([] if ended else ["000001.ckpt"])


def test_models_are_found_by_trial_and_rung(study):
    whole = next(record for record in study.records if record.spec.rung is None)
    assert study.record(whole.number).name == str(whole.number)
    assert study.record(f"{whole.number}@4").name == str(whole.number)
    assert study.record(f"{whole.number}@1").spec.rung == 1
    for text, words in [("0@7", "did not stop at 7 epochs"), ("99", "no finished trial 99"), ("0@", "is no trial")]:
        with pytest.raises(UsageError, match=words):
            study.record(text)


def test_the_model_of_a_rung_predicts_is_exported_and_trains_again(study, tmp_path):
    stopped = next(record for record in study.records if record.spec.rung == 1)
    (tmp_path / "points.txt").write_text("1 1 1 1\n")
    assert study.predict(stopped.name, tmp_path / "points.txt")
    export(stopped.spec, study.step_folder(stopped.spec), "safetensors", tmp_path / "m.safetensors")
    assert read_spec(tmp_path / "m.safetensors") == stopped.spec
    again = run_trial(stopped.spec, tmp_path / "again")
    assert again.score == stopped.result.score


def test_more_trials_go_on_where_the_search_ended(study, tmp_path):
    more = search(tmp_path, trials="+3")
    assert more.trial_count == 12
    before = [record.name for record in study.records]
    assert [record.name for record in more.records][: len(before)] == before


class Stop(Observer):
    """Presses Ctrl-C in the second epoch of the first trial that goes on."""

    def epoch_finished(self, spec, epoch, metrics):
        if spec.from_rung and epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_step_is_done_first_from_its_checkpoint(toys, tmp_path):
    whole = search(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "cut", Stop())
    kept = automl.open_study("s", tmp_path / "cut")
    [left] = kept.in_flight
    finished = len(kept.records)
    assert left.from_rung == 0
    study = search(tmp_path / "cut")
    going_on = study.records[finished]
    assert (going_on.number, going_on.spec.from_rung) == (left.trial, 1)
    ours = (study.step_folder(going_on.spec) / "model.safetensors").read_bytes()
    assert ours == (whole.step_folder(going_on.spec) / "model.safetensors").read_bytes()


def test_what_breaks_a_limit_is_rejected_unpaid_and_told(toys, tmp_path):
    study = search(tmp_path, max_params="60")
    assert all(record.result.parameters <= 60 for record in study.records)
    assert study.unpaid["over --max-params 60"] > 0
    assert automl.open_study("s", tmp_path).unpaid == study.unpaid
    device = search(tmp_path, study="board", max_latency="3.001ms@toy-board", trials=2)
    assert device.records


def test_limits_that_nothing_keeps_are_told(toys, tmp_path):
    with pytest.raises(automl.TrialError, match="--max-params 1"):
        search(tmp_path, max_params="1", trials=2)
    with pytest.raises(UsageError, match="no-such-board"):
        search(tmp_path, max_latency="1ms@no-such-board")


def test_another_strategy_may_go_on_but_no_other_rungs(study, tmp_path):
    assert search(tmp_path, trials="+2", strategy="toy-random").trial_count == 11
    with pytest.raises(automl.StudyError, match="rungs"):
        search(tmp_path, trials="+2", rungs="1,2")


def test_an_unknown_strategy_is_told(toys, tmp_path):
    with pytest.raises(UsageError, match="toy-halving"):
        search(tmp_path, strategy="toy-halvin")


def test_factors_count_a_trial_once(study):
    from automl.engine.bill import factors

    found = factors(study.records)
    assert found.trials == 9
    trained = sum(64 * (record.spec.last_epoch - (record.spec.from_rung or 0)) for record in study.records)
    assert found.examples * found.trials == pytest.approx(trained)
    assert json.dumps(found.flops)
