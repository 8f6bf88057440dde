"""A hostile study: its database, its folder, what lies in it. Nothing is executed, nothing outside is touched."""

from __future__ import annotations

import json
import os

import pytest

from automl import open_study
from automl.cli import run
from automl.engine.outside import is_name
from automl.errors import StudyError

DEEP = "[" * 100_000


class TestNames:
    @pytest.mark.parametrize(
        "name", ["../victim", "/etc", "a/b", "..", ".hidden", "a\n", "", "x" * 101, "-f", "a\x1b[2J"]
    )
    def test_a_database_cannot_name_a_folder_elsewhere(self, name, spoil, home, refused, tmp_path):
        assert not is_name(name)
        spoil("UPDATE studies SET study_name = ?", name)
        with pytest.raises(StudyError, match="no study"):
            open_study(name, home)
        if name and not name.startswith("-"):
            assert "\x1b" not in refused(3, "front", name)
        import optuna

        from automl.engine.database import Database
        from automl.engine.study import Study

        found = optuna.load_study(study_name=name, storage=Database(home).open())
        with pytest.raises(StudyError, match="no name of a study"):
            Study(found, Database(home))

    def test_what_the_database_calls_itself_is_not_printed_raw(self, spoil, refused):
        spoil("UPDATE studies SET study_name = ?", "\x1b]0;owned\x07")
        text = refused(3, "front", "other")
        assert "\x1b" not in text
        assert "\\x1b]0;owned\\x07" in text


class TestRecords:
    @pytest.mark.parametrize(
        ("part", "key", "value"),
        [
            ("spec", "number", "/../../../victim"),
            ("spec", "number", "7"),
            ("spec", "number", -1),
            ("spec", "number", 10**30),
            ("spec", "number", True),
            ("spec", "rung", "../../x"),
            ("spec", "from_rung", 1.5),
            ("spec", "epochs", 0),
            ("spec", "threads", 10**9),
            ("spec", "config", "import os"),
            ("spec", "data", {"source": "toy"}),
            ("spec", "data", None),
            ("spec", "surprise", 1),
            ("result", "status", "owned"),
            ("result", "score", float("nan")),
            ("result", "score", "high"),
            ("result", "history", [{"val_accuracy": "x"}]),
            ("result", "training", {"flops": {"value": float("inf"), "method": "counted", "how": ""}}),
            ("result", "training", {"soul": {"value": 1.0, "method": "counted", "how": ""}}),
            ("result", "work", {"prediction": 1}),
            ("step", "point", [1]),
            ("step", "trial", "../x"),
            (None, "values", [0.5]),
            (None, "values", [float("nan"), 1.0]),
            (None, "label", {"a": 1}),
            (None, "price", -1),
        ],
    )
    @pytest.mark.parametrize("command", ["front"])
    def test_of_another_shape_are_refused(self, command, part, key, value, rewrite, refused):
        def change(kept):
            (kept if part is None else kept[part])[key] = value

        rewrite(change)
        assert "is damaged or was not written by this program" in refused(3, command, "s")

    @pytest.mark.parametrize("value", ["null", "17", "[]", '"x"', "{}", DEEP, "{", "NaN"])
    @pytest.mark.parametrize("table", ["trial_user_attributes", "study_user_attributes"])
    def test_that_are_no_json_of_ours(self, value, table, spoil, refused, capsys, home):
        spoil(f"UPDATE {table} SET value_json = ? WHERE key = 'automl'", value)
        code = run(["front", "s", "--home", str(home)])
        err = capsys.readouterr().err
        assert code == (0 if (table, value) in {("trial_user_attributes", v) for v in ("null", "[]", "{}")} else 3), err
        assert "bug" not in err
        assert "Traceback" not in err

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("settings", {"space": "toy", "study": "../x"}),
            ("settings", {"space": ["toy"]}),
            ("settings", "toy"),
            ("goals", []),
            ("goals", [{"metric": "accuracy", "direction": "up", "log": False}]),
            ("score", 1),
            ("data", {}),
        ],
    )
    def test_the_study_itself(self, key, value, rewrite, refused):
        rewrite(lambda kept: kept.update({key: value}), "study_user_attributes")
        assert "is damaged" in refused(3, "front", "s")

    def test_a_space_that_is_not_installed_is_not_looked_for(self, rewrite, refused):
        rewrite(lambda kept: kept["spec"].update(space="os.system"))
        assert "There is no space named 'os.system'" in refused(2, "export", "s", "0")

    def test_a_config_that_no_space_made(self, rewrite, refused):
        rewrite(lambda kept: kept["spec"].update(config={"width": "__import__('os')"}))
        rewrite(lambda kept: kept["result"].update(work=None))
        assert "No model can be built" in refused(3, "export", "s", "0")
        assert "No model can be built" in refused(2, "price", "s/0")


class TestLinks:
    @pytest.fixture
    def victim(self, tmp_path):
        """A folder outside, with a file that must stay as it is."""
        folder = tmp_path / "victim"
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "precious").write_text("precious")
        yield folder
        assert (folder / "precious").read_text() == "precious"
        assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "precious"]

    @pytest.mark.parametrize(
        ("place", "target"),
        [
            ("s", ""),
            ("s/front", ""),
            ("s/trial-0000", ""),
            ("s/trial-0000/rung-0001/model.safetensors", "precious"),
            ("s/settings.yaml", "precious"),
            ("s/in-flight.json", "precious"),
            ("s/.lock", "precious"),
            ("study.db", "precious"),
            ("calibration.json", "precious"),
            ("artifacts", ""),
            ("s/deep/er", "nothing-yet"),
            ("s/trial-0000/itself", None),
        ],
    )
    def test_that_lead_out_are_refused_before_anything_is_written(self, place, target, home, victim, refused):
        import shutil

        path = home / place
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(path if target is None else os.path.relpath(victim / target, path.parent))
        if place == "study.db":
            assert "link that leads out" in refused(3, "front", "s")
            return
        for command in (["front", "s"], ["resume", "s", "--trials", "2"], ["train", "s", "0"]):
            text = refused(3, *command)
            assert "link that leads out" in text
            assert str(path) in text

    def test_a_new_study_does_not_move_into_a_folder_that_leads_out(self, home, victim, refused):
        (home / "new").symlink_to(victim)
        assert "link that leads out" in refused(
            3, "search", "--space", "toy", "--study", "new", "--tracking-uri", "off"
        )

    def test_a_pipe_that_would_hold_the_reader(self, home, refused):
        (home / "s" / "in-flight.json").unlink(missing_ok=True)
        os.mkfifo(home / "s" / "in-flight.json")
        assert "neither a file nor a folder" in refused(3, "front", "s")

    def test_links_within_and_a_home_that_is_one_are_fine(self, home, tmp_path, capsys):
        (home / "s" / "best").symlink_to("trial-0000")
        (tmp_path / "elsewhere").symlink_to(home)
        assert run(["front", "s", "--home", str(tmp_path / "elsewhere")]) == 0


class TestFiles:
    @pytest.mark.parametrize(
        "text",
        [
            "", "{", DEEP, "17", "[17]", "[[]]", '[{"trial": "../x", "point": {}, "rung": 0}]', '[{"trial": 0}]',
            '[{"trial": 0, "point": {"width": NaN}, "rung": 0}]', '[{"trial": 1, "point": {}, "rung": -1}]',
        ],
    )  # fmt: skip
    def test_in_flight(self, text, home, refused):
        (home / "s" / "in-flight.json").write_text(text)
        assert "in-flight.json" in refused(3, "resume", "s", "--trials", "2")

    @pytest.mark.parametrize("point", [{}, {"width": "os"}, {"width": 4, "learning_rate": 0.1, "activation": "exec"}])
    @pytest.mark.parametrize("rung", [0, 99])
    def test_in_flight_that_no_search_of_this_space_left(self, point, rung, home, refused):
        steps = [{"trial": 5, "point": point, "rung": rung, "from_rung": None}]
        (home / "s" / "in-flight.json").write_text(json.dumps(steps))
        assert "in-flight.json" in refused(3, "resume", "s", "--trials", "2")

    def test_a_database_of_noise(self, home, refused):
        (home / "study.db").write_bytes(os.urandom(5000))
        assert "is damaged or not one" in refused(3, "front", "s")

    def test_code_beside_the_study_is_not_imported(self, home, marker, monkeypatch, capsys):
        for name in ("torch", "optuna", "toy_plugin", "conftest", "sitecustomize", "automl_mine"):
            for folder in (home, home / "s"):
                (folder / f"{name}.py").write_text(f"open({str(marker)!r}, 'w')")
        monkeypatch.chdir(home / "s")
        assert run(["front", "s", "--home", str(home)]) == 0
