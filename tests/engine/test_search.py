"""The search over the toy plugin: real proposals, real training, a real database."""

from __future__ import annotations

import json

import pytest

import automl
from automl.engine.bill import factors
from automl.engine.estimate import estimate
from automl.engine.executor import SerialWorkers
from automl.engine.front import dominates
from automl.engine.hold import held
from automl.engine.observer import Observer
from automl.engine.resolve import resolve
from automl.engine.study import _short
from automl.errors import StorageError, StudyError, TrialError, UsageError
from automl.parts import Categorical
from automl.price.energy import use_reader
from automl.testing.toy import ToySpace


def search(home, **settings):
    return automl.search("toy", **{"trials": 4, "epochs": 2, "home": home, "tracking_uri": "off", **settings})


@pytest.fixture
def study(toys, tmp_path):
    return search(tmp_path, study="s")


def test_a_study_holds_what_was_asked_for(study):
    assert len(study.trials) == 4
    assert list(study.trials["status"]) == ["complete"] * 4
    assert study.settings.objective == "toy-green"
    assert study.settings.data == "toy"


def test_the_front_is_what_no_trial_beats(study):
    kept = {record.number for record in study.front_records}
    for record in study.records:
        beaten = any(dominates(other.values, record.values, study.goals) for other in study.records)
        assert beaten or record.number in kept or any(o.values == record.values for o in study.front_records)
    prices = list(study.front["lifetime_flops"])
    assert prices == sorted(prices)


def test_the_cheap_end_is_tried_first(study):
    assert study.records[0].spec.config["width"] == 1


def test_only_the_front_is_tested_and_once(study):
    front = {record.number for record in study.front_records}
    assert {record.number for record in study.records if record.test_score is not None} == front
    assert len(study.test_openings) == 1


def test_the_bill_holds_all_trials(study):
    trials = sum(record.result.spent["flops"].value for record in study.records)
    tested = sum(record.result.prediction["flops"].value for record in study.front_records) * study.data.test_size
    settings = study.settings.model_copy(update={"study": None})
    estimated = estimate(resolve(settings), 4, SerialWorkers()).spent["flops"].value
    assert estimated > 0
    assert study.bill["flops"].value == pytest.approx(trials + tested + estimated, rel=1e-12)
    assert study.bill["wall_s"].value >= sum(record.result.spent["wall_s"].value for record in study.records)


def test_each_trial_leaves_its_folder(study):
    for record in study.records:
        folder = study.step_folder(record.spec)
        assert json.loads((folder / "spec.json").read_text()) == record.spec.to_json()
        assert json.loads((folder / "result.json").read_text()) == record.result.to_json()
        assert (folder / "model.safetensors").is_file()


def test_a_study_opens_again(study, tmp_path):
    opened = automl.open_study("s", tmp_path)
    assert [record.values for record in opened.records] == [record.values for record in study.records]
    assert opened.goals == study.goals
    assert opened.data == study.data
    assert opened.bill == study.bill


def test_the_same_seed_gives_the_same_search(toys, tmp_path):
    one, other = (search(tmp_path / name, seed=7, trials=10) for name in "ab")
    assert [record.spec.config for record in one.records] == [record.spec.config for record in other.records]
    assert [record.values for record in one.records] == [record.values for record in other.records]


def test_another_seed_gives_another_search(toys, tmp_path):
    one, other = (search(tmp_path / str(seed), seed=seed) for seed in (1, 2))
    assert [record.spec.config for record in one.records] != [record.spec.config for record in other.records]


def test_a_study_goes_on_to_more_trials(study, tmp_path):
    before, bill = [record.values for record in study.records], study.bill
    more = search(tmp_path, study="s", trials=6)
    assert [record.number for record in more.records] == list(range(6))
    assert [record.values for record in more.records[:4]] == before
    assert more.bill["flops"].value > bill["flops"].value
    configs = [json.dumps(record.spec.config, sort_keys=True) for record in more.records]
    assert len(set(configs)) == 6


def test_a_study_goes_on_when_its_space_has_got_a_dimension(study, tmp_path, monkeypatch):
    before = ToySpace.dimensions
    added = Categorical("added", ("usual", "other"), "usual")
    monkeypatch.setattr(ToySpace, "dimensions", lambda self, spec: (*before(self, spec), added))
    more = search(tmp_path, study="s", trials=7)
    assert [record.values for record in more.records[:4]] == [record.values for record in study.records]
    assert all("added" in record.spec.config for record in more.records[4:])
    assert len(more.records) == 7


def test_a_finished_study_costs_nothing_more(study, tmp_path):
    bill = study.bill
    again = search(tmp_path, study="s")
    assert len(again.records) == 4
    assert again.bill["flops"].value == bill["flops"].value
    assert len(again.test_openings) == 1


def test_other_settings_under_an_old_name(study, tmp_path):
    with pytest.raises(StudyError, match="epochs was 2, now 3"):
        search(tmp_path, study="s", epochs=3)


def test_names_are_found_by_counting(toys, tmp_path):
    assert [search(tmp_path, trials=1).name for _ in range(2)] == ["toy-toy-1", "toy-toy-2"]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("digits", "digits"),
        ("folder:/home/me/pets/", "folder:pets"),
        ("folder:pets?size=96&skip-bad", "folder:pets"),
        ("fashion-mnist:6000@/data/sets", "fashion-mnist:6000@sets"),
        ("timm:resnet18@w/a.pth", "timm:resnet18@a.pth"),
    ],
)
def test_a_study_is_named_without_paths(name, short):
    assert _short(name) == short


def test_wishes_are_kept_to(toys, tmp_path):
    study = search(tmp_path, trials=6, set={"width": "3..5", "activation": "tanh"})
    assert {record.spec.config["activation"] for record in study.records} == {"tanh"}
    assert {record.spec.config["width"] for record in study.records} <= {3, 4, 5}


def test_a_space_with_nothing_new_ends_the_search(toys, tmp_path):
    reasons = []

    class Listener(Observer):
        def finished(self, study, reason):
            reasons.append(reason)

    wishes = {"width": "2,3", "activation": "relu", "learning_rate": "0.1"}
    study = automl.search(
        "toy", trials=9, epochs=1, home=tmp_path, tracking_uri="off", set=wishes, observers=[Listener()]
    )
    assert sorted(record.spec.config["width"] for record in study.records) == [2, 3]
    assert reasons == ["every candidate of the space has been tried"]


def test_a_loss_that_is_not_finite_fails_the_trial_alone(toys, tmp_path):
    study = search(tmp_path, trials=10, set={"learning_rate": "0.1,1e30", "width": "2..60"}, epochs=3)
    failed = [record for record in study.records if record.result.status == "failed"]
    assert failed, "the seed draws no trial that fails"
    for record in failed:
        assert "loss became" in record.result.cause
        assert record.values is None
        assert record.result.spent["flops"].value > 0
        assert record.number not in set(study.front["trial"])
        assert not (study.step_folder(record.spec) / "model.safetensors").exists()


def test_failures_alike_stop_the_search(toys, tmp_path):
    class Broken(ToySpace):
        name = "broken"

        def dimensions(self, spec):
            return (*super().dimensions(spec), Categorical("extra", tuple(range(20)), 0))

        def build(self, config, spec):
            raise ValueError("no such layer")

    toys._parts[(type(Broken()).__mro__[2], "broken")] = (Broken(), None)
    with pytest.raises(TrialError, match="no such layer"):
        automl.search("broken", trials=20, epochs=1, home=tmp_path, tracking_uri="off", study="b")
    study = automl.open_study("b", tmp_path)
    assert len(study.records) == 5
    assert study.bill["flops"].value == 0


def test_an_interruption_keeps_what_was_finished(toys, tmp_path):
    class Impatient(Observer):
        closed = False

        def trial_started(self, spec, label):
            if spec.number == 2:
                raise KeyboardInterrupt

        def close(self):
            Impatient.closed = True

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, study="s", observers=[Impatient()])
    assert Impatient.closed
    assert len(automl.open_study("s", tmp_path).records) == 2
    assert len(search(tmp_path, study="s").records) == 4


def test_a_trial_that_was_cut_off_is_on_the_bill(toys, tmp_path):
    class Impatient(Observer):
        def epoch_finished(self, spec, epoch, metrics):
            if (spec.number, epoch) == (1, 2):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, study="s", observers=[Impatient()], epochs=3, set={"width": "8,9"})
    study = automl.open_study("s", tmp_path)
    finished = study.records[0].result
    settings = study.settings.model_copy(update={"study": None})
    estimated = estimate(resolve(settings), 4, SerialWorkers()).spent["flops"].value
    cut_off = study.bill["flops"].value - finished.spent["flops"].value - estimated
    assert len(study.records) == 1
    # Two epochs of three, of a trial that is as large as the other or an eighth smaller or larger.
    assert cut_off == pytest.approx(finished.spent["flops"].value * 2 / 3, rel=0.15)


def test_a_figure_that_is_not_known_fails_the_trial(toys, tmp_path, monkeypatch):
    monkeypatch.setattr("automl.training.fit.time_prediction", lambda *_: 1 / 0)
    with pytest.raises(TrialError, match="latency_ms is not known of it"):
        search(tmp_path, goal=["accuracy:max", "latency_ms:min"])


def test_goals_can_be_named_one_by_one(toys, tmp_path):
    study = search(tmp_path, goal=["parameters:min", "loss:min", "accuracy:max"], study="s")
    assert [goal.metric for goal in study.goals] == ["loss", "accuracy", "parameters"]
    for record in study.records:
        last = record.result.history[-1]
        assert record.values == (last["val_loss"], last["val_accuracy"], record.result.parameters)
    assert automl.open_study("s", tmp_path).goals == study.goals


def test_green_ai_s_factors_multiply_to_the_training_of_all_trials(study):
    found = factors(study.records)
    trained = sum(record.result.training["flops"].value for record in study.records)
    assert found.trials == 4
    assert found.examples == 2 * 64
    assert found.flops == pytest.approx(trained)
    assert found.example_flops * found.examples * found.trials == pytest.approx(trained)


def test_rates_turn_energy_into_carbon_and_money(toys, tmp_path, energy_reader):
    with use_reader(energy_reader):
        study = search(tmp_path, carbon_g_per_kwh=500, usd_per_kwh=0.25)
    for tag in (study.bill, study.records[0].result.training, study.records[0].result.prediction):
        assert tag["carbon_g"].value == pytest.approx(tag["energy_wh"].value * 0.5)
        assert tag["money_usd"].value == pytest.approx(tag["energy_wh"].value * 0.00025)


def test_rent_is_money_without_energy(toys, tmp_path):
    with use_reader(None):
        study = search(tmp_path, usd_per_hour=3.6)
    assert "energy_wh" not in study.bill
    assert study.bill["money_usd"].value == pytest.approx(study.bill["wall_s"].value / 1000)


def test_a_goal_of_energy_wants_a_meter(toys, tmp_path):
    with use_reader(None), pytest.raises(UsageError, match="nothing here tells energy"):
        search(tmp_path / "home", goal=["accuracy:max", "lifetime_energy_wh:min"])
    assert not (tmp_path / "home").exists()


def test_one_driver_at_a_time(study, tmp_path):
    with held(study), pytest.raises(StudyError, match="being searched by process"):
        search(tmp_path, study="s", trials=5)


def test_the_study_database_is_no_database(toys, tmp_path):
    (tmp_path / "study.db").write_bytes(b"this is no database at all, whatever its name" * 100)
    with pytest.raises(StudyError, match="damaged"):
        search(tmp_path)
    with pytest.raises(StudyError, match="damaged"):
        automl.open_study("s", tmp_path)


def test_an_unknown_study_names_the_near_ones(study, tmp_path):
    search(tmp_path, study="summer", trials=1)
    with pytest.raises(StudyError, match="Did you mean 'summer'"):
        automl.open_study("sumer", tmp_path)


def test_a_home_that_cannot_be(toys, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        search(tmp_path / "file" / "home")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"objective": "toy-gren"}, "'toy-green'"),
        ({"data": "tooy"}, "'toy'"),
        ({"set": {"widht": "3"}}, "'width'"),
        ({"batch_size": 65}, "64 training examples"),
        ({"trials": 0}, "'trials'"),
        ({"trails": 3}, "'trials'"),
        ({"goal": ["accuracy:max"], "objective": "toy-green"}, "not both"),
        ({"goal": ["accuracy"]}, "metric and a direction"),
        ({"goal": ["accuracy:up"]}, "metric and a direction"),
        ({"goal": ["acuracy:max"]}, "'accuracy'"),
        ({"goal": ["accuracy:max", "accuracy:min"]}, "twice"),
        ({"goal": ["accuracy:max", "latency_ms@:min"]}, "stands a device"),
        ({"goal": ["accuracy:max", "training_flops@t4:min"]}, "stands a device"),
        ({"goal": ["accuracy:max", "latency_ms@t4:min"]}, "no device"),
        ({"goal": ["accuracy:max", "lifetime_carbon_g:min"]}, "--country"),
        ({"goal": ["accuracy:max", "lifetime_money_usd:min"]}, "--usd-per-hour"),
        ({"country": "Atlantis"}, "Atlantis"),
        ({"objective": "toy-green:energy"}, "no variant"),
    ],
)
def test_bad_settings_leave_nothing_behind(toys, tmp_path, settings, words):
    with pytest.raises(UsageError, match=words):
        search(tmp_path / "home", **settings)
    assert not (tmp_path / "home").exists()


def test_best_and_the_cheapest_good_enough(study):
    best = study.best()
    assert best.values[0] == study.front["accuracy"].max()
    assert study.best(min_score=0.0).number == study.front["trial"].iloc[0]
    with pytest.raises(UsageError, match="reaches"):
        study.best(min_score=1.1)


def test_prediction(study, tmp_path):
    path = tmp_path / "points.txt"
    path.write_text("2 2 2 2\n-2 -2 -2 -2\n")
    labels = [prediction["label"] for prediction in study.predict(study.best().number, path)]
    assert labels == ["right", "left"]


def test_damaged_weights_are_told_apart(study, tmp_path):
    path = tmp_path / "points.txt"
    path.write_text("2 2 2 2\n")
    number = study.best().number
    weights = study.step_folder(study.best().spec) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(StudyError, match="damaged"):
        study.predict(number, path)
    weights.unlink()
    with pytest.raises(StudyError, match="left no weights"):
        study.predict(number, path)


def test_a_database_that_breaks_in_mid_search_is_told(toys, tmp_path):
    class Vandal(Observer):
        def trial_started(self, spec, label):
            if spec.number == 1:
                (tmp_path / "study.db").write_bytes(b"no database any more" * 5000)

    with pytest.raises((StudyError, StorageError), match=r"study\.db"):
        search(tmp_path, observers=[Vandal()])
