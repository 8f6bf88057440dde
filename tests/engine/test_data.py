"""What a search says of its data beforehand, and that it does not go on with other data."""

from __future__ import annotations

import copy
import dataclasses
import json
import warnings

import pytest

import automl
from automl.cli import run
from automl.cli.view import data_sentence
from automl.engine import kept
from automl.engine.resolve import resolve
from automl.engine.settings import Settings
from automl.errors import StudyError, UsageError
from automl.parts import DataSource
from automl.testing.toy import ToyData, toy_host


class Changing(ToyData):
    """The toy's data with a hash of its contents, sizes of its classes, and files that may be left out."""

    name = "changing"
    summary = "for these tests"
    hashes: tuple[str, ...] = ("a", "b", "c")
    sizes: tuple[int, ...] = (16, 48)

    def spec(self):
        return dataclasses.replace(super().spec(), source=self.name, split_hashes=self.hashes, class_sizes=self.sizes)

    def skipping_bad(self):
        other = copy.copy(self)
        other.name = "changing:skip-bad"
        return other

    def variant(self, text):
        return self.skipping_bad() if text == "skip-bad" else super().variant(text)


@pytest.fixture
def changing():
    part = Changing()
    host = toy_host()
    host.register(type("Plugin", (), {"automl_data_sources": staticmethod(automl.hookimpl(lambda: [part]))}), name="c")
    with automl.use_host(host):
        yield part


def search(home, **settings):
    given = {"trials": 1, "epochs": 1, "home": home, "study": "s", "tracking_uri": "off", "data": "changing"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return automl.search("toy", **{**given, **settings})


def test_a_study_does_not_go_on_with_data_that_has_changed(changing, tmp_path):
    study = search(tmp_path)
    assert study.data.split_hashes == ("a", "b", "c")
    assert search(tmp_path, trials=2).trial_count == 2
    changing.hashes = ("a", "B", "c")
    with pytest.raises(StudyError, match=r"changing has changed since study 's' was made \(the val split\)"):
        search(tmp_path, trials=3)


def test_a_study_of_an_earlier_version_goes_on(changing, tmp_path):
    changing.hashes = changing.sizes = ()
    study = search(tmp_path)
    old = {key: value for key, value in study.data.to_json().items() if key not in {"split_hashes", "class_sizes"}}
    attributes = study.optuna.user_attrs["automl"]
    study.optuna.set_user_attr("automl", {**attributes, "data": old})
    changing.hashes = ("a", "b", "c")
    assert search(tmp_path, trials=2).trial_count == 2


@pytest.mark.parametrize("broken", [{"split_hashes": [1]}, {"class_sizes": [-1]}, {"class_sizes": ["many"]}])
def test_what_a_study_keeps_of_its_data_is_checked(changing, broken):
    assert kept.check(kept.Data, changing.spec().to_json())
    with pytest.raises(ValueError, match=next(iter(broken))):
        kept.check(kept.Data, {**changing.spec().to_json(), **broken})


def test_files_may_be_left_out_and_the_study_says_so(changing, tmp_path):
    study = search(tmp_path, skip_bad=True)
    assert (study.settings.skip_bad, study.settings.data, study.data.source) == (True, *["changing:skip-bad"] * 2)
    assert search(tmp_path, skip_bad=True, trials=2, data=study.settings.data).trial_count == 2
    with pytest.raises(StudyError, match="data was 'changing:skip-bad', now 'changing'"):
        search(tmp_path)


def test_data_without_files_has_none_to_leave_out(toys):
    with pytest.raises(UsageError, match="'toy' does not consist of files"):
        resolve(Settings(space="toy", skip_bad=True))


def test_uneven_classes_are_remarked_on(changing):
    [remark] = resolve(Settings(space="toy", data="changing")).remarks
    assert remark.startswith("Classes are uneven: from 16 training examples (left) to 48 (right).")
    assert remark.endswith("Who always answers right is right in 75% of them.")
    changing.sizes = (25, 39)
    assert resolve(Settings(space="toy", data="changing")).remarks == ()


def test_remarks_are_made_before_anything_is_spent(changing, tmp_path):
    told = []
    study = automl.api.run(
        Settings(space="toy", data="changing", trials=1, epochs=1, home=tmp_path, tracking_uri="off"), warn=told.append
    )
    assert [text.partition(":")[0] for text in told] == ["Classes are uneven"]
    assert study.trial_count == 1


def test_a_dry_run_tells_of_the_data(changing, capsys):
    words = ["search", "--space", "toy", "--data", "changing", "--skip-bad", "--dry-run", "--epochs", "1"]
    assert run(words) == 0
    out, err = capsys.readouterr()
    assert "Data changing:skip-bad: 64 training, 32 validation and 32 test examples of shape 4, 2 classes" in out
    assert "of 16 to 48 training examples" in " ".join(out.split())
    assert err.startswith("Warning: Classes are uneven")
    assert run([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["data"]["split_hashes"] == ["a", "b", "c"]
    assert found["remarks"][0].startswith("Classes are uneven")


@pytest.mark.parametrize(("value", "skips"), [("1", True), ("0", False)])
def test_the_environment_may_say_it(changing, monkeypatch, tmp_path, value, skips):
    monkeypatch.setenv("AUTOML_SKIP_BAD", value)
    assert (
        run(["search", "--space", "toy", "--data", "changing", "--save-config", str(tmp_path / "c.yaml"), "--dry-run"])
        == 0
    )
    assert ("skip-bad" in (tmp_path / "c.yaml").read_text()) == skips


def test_a_sentence_tells_of_even_classes_too(changing):
    spec = dataclasses.replace(changing.spec(), class_sizes=(32, 32), train_size=45_000)
    assert data_sentence(spec).endswith(
        "45,000 training, 32 validation and 32 test examples of shape 4, 2 classes of 32 training examples."
    )
    assert data_sentence(dataclasses.replace(spec, class_sizes=())).endswith("2 classes.")


def test_sources_leave_nothing_out_unless_they_can():
    with pytest.raises(UsageError, match="left out one by one"):
        DataSource.skipping_bad(ToyData())
