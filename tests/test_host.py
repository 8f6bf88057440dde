"""The host, against plugins made on the fly: good ones, broken ones, and ones that quarrel."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import textwrap
import types

import pytest

from automl.errors import UsageError
from automl.hookspecs import API_VERSION, hookimpl
from automl.host import Host, get_host, use_host
from automl.parts import DataSource, Objective, Space


@dataclasses.dataclass
class Distribution:
    name: str
    version: str = "1.0"


@dataclasses.dataclass
class EntryPoint:
    """What the host uses of `importlib.metadata.EntryPoint`."""

    name: str
    dist: Distribution | None
    load: object


def entry(load, name="mine", distribution="automl-mine", version="1.0"):
    if isinstance(load, types.ModuleType):
        return EntryPoint(name, Distribution(distribution, version), lambda: load)
    return EntryPoint(name, Distribution(distribution, version), load)


def module(**attributes):
    made = types.ModuleType("made_on_the_fly")
    for name, value in attributes.items():
        setattr(made, name, hookimpl(value) if name.startswith("automl_") else value)
    return made


class TestSpace(Space):
    __test__ = False
    summary = "for tests"

    def __init__(self, name="tiny", preferred=False):
        self.name, self.preferred = name, preferred

    def dimensions(self, spec):
        return ()

    def build(self, config, spec):
        raise NotImplementedError


def spaces(*names):
    return module(automl_spaces=lambda: [TestSpace(name) for name in names])


def nothing():
    """A new hook each time, for to mark one is to change it."""

    def hook():
        return []

    return hook


def raising(error):
    def load():
        raise error

    return load


def names(host):
    return [part.name for part in host.parts(Space)]


GOOD = entry(spaces("good"), "good", "automl-good")


def host_with(*entries):
    """A host of these and a good plugin, which must come through whatever the others do."""
    host = Host([*entries, GOOD])
    assert "good" in names(host)
    return host


def only_problem(host):
    (problem,) = host.problems
    return problem


class TestLoading:
    def test_good(self):
        host = Host([entry(spaces("b", "a"))])
        assert names(host) == ["a", "b"]
        assert host.problems == []
        assert [part.name for part in host.plugins[0].parts] == ["b", "a"]
        assert str(host.source_of(host.part(Space, "a"))) == "automl-mine 1.0"
        assert host.parts(DataSource) == []

    @pytest.mark.parametrize(
        "error",
        [ImportError("no module named nonesuch"), SystemExit("goodbye"), SystemExit(0), SyntaxError("bad"), OSError(5)],
    )
    def test_import_that_fails_is_reported_by_distribution_version_and_cause(self, error):
        host = host_with(entry(raising(error), "broken", "automl-broken", "2.3"))
        problem = only_problem(host)
        assert problem.fatal
        assert str(problem).startswith(f"plugin broken of automl-broken 2.3: {type(error).__name__}")
        assert str(error) in str(problem)
        assert [plugin.source.plugin for plugin in host.plugins] == ["good"]

    def test_interrupt_is_not_swallowed(self):
        with pytest.raises(KeyboardInterrupt):
            Host([entry(raising(KeyboardInterrupt()))])

    def test_instance_as_plugin(self):
        class Plugin:
            @hookimpl
            def automl_spaces(self):
                return [TestSpace("of-an-instance")]

        assert "of-an-instance" in names(host_with(entry(Plugin)))

    def test_what_a_plugin_prints_stays_out_of_stdout(self, capsys):
        def load():
            print("hello, I am a plugin")  # noqa: T201
            return spaces("loud")

        host_with(entry(load))
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "hello" in captured.err

    def test_order_does_not_depend_on_the_order_of_installation(self):
        first, second = entry(spaces("x"), distribution="b"), entry(spaces("y"), distribution="a")
        loaded = [
            [plugin.source.distribution for plugin in Host(order).plugins]
            for order in ([first, second], [second, first])
        ]
        assert loaded == [["a", "b"], ["a", "b"]]

    def test_remains_of_an_uninstallation(self):
        host = host_with(
            EntryPoint("rest", Distribution(None, None), raising(ImportError("gone"))),
            EntryPoint("orphan", None, lambda: spaces("orphaned")),
        )
        assert str(only_problem(host)) == "plugin rest of (unknown) 0: ImportError: gone"
        assert "orphaned" in names(host)


class TestHooks:
    def test_one_that_raises_leaves_out_its_parts_alone(self):
        def automl_objectives():
            raise RuntimeError("out\nof   luck")

        host = host_with(entry(module(automl_spaces=lambda: [TestSpace()], automl_objectives=automl_objectives)))
        assert only_problem(host).cause == "automl_objectives failed: RuntimeError: out of luck"
        assert "tiny" in names(host)

    @pytest.mark.parametrize("answer", [TestSpace(), "tiny", {"tiny": 1}, (space for space in [TestSpace()])])
    def test_wrong_type(self, answer):
        host = host_with(entry(module(automl_spaces=lambda: answer)))
        assert only_problem(host).cause == f"automl_spaces returned {type(answer).__name__}, not a list of spaces"

    def test_none_is_no_answer(self):
        # pluggy leaves out None: a hook with nothing to bring may just return.
        assert host_with(entry(module(automl_spaces=lambda: None))).problems == []

    @pytest.mark.parametrize("part", [TestSpace, "tiny", None, 7])
    def test_wrong_kind_of_part(self, part):
        host = host_with(entry(module(automl_spaces=lambda: [part, TestSpace("beside-it")])))
        assert "which is no space" in only_problem(host).cause
        assert "beside-it" in names(host)

    def test_part_of_another_kind(self):
        host = host_with(entry(module(automl_objectives=lambda: [TestSpace()])))
        assert only_problem(host).cause == "automl_objectives returned <space tiny>, which is no objective"
        assert host.parts(Objective) == []

    @pytest.mark.parametrize("name", ["", None, 7])
    def test_part_without_name(self, name):
        host = host_with(entry(spaces(name)))
        assert "no name or no summary" in only_problem(host).cause

    def test_part_without_summary(self):
        part = TestSpace()
        part.summary = ""
        host = host_with(entry(module(automl_spaces=lambda: [part])))
        assert "no name or no summary" in only_problem(host).cause

    def test_part_that_raises_when_looked_at(self):
        class Shy(TestSpace):
            name = property(lambda self: 1 / 0, lambda self, value: None)

        host = host_with(entry(module(automl_spaces=lambda: [Shy()])))
        assert "ZeroDivisionError" in only_problem(host).cause

    def test_unknown_name(self):
        host = host_with(entry(module(automl_spases=nothing(), automl_spaces=lambda: [TestSpace()])))
        problem = only_problem(host)
        assert problem.cause == "implements automl_spases, which is no hook of this host"
        assert not problem.fatal
        assert "tiny" in names(host)

    def test_unknown_name_without_the_prefix(self):
        made = module()
        made.spaces = hookimpl(nothing())
        assert "implements spaces" in only_problem(host_with(entry(made))).cause

    def test_other_name_given_by_specname(self):
        made = module()
        made.bring = hookimpl(specname="automl_spaces")(lambda: [TestSpace("brought")])
        host = host_with(entry(made))
        assert host.problems == []
        assert "brought" in names(host)

    def test_forgotten_mark(self):
        made = module()
        made.automl_spaces = lambda: [TestSpace()]
        problem = only_problem(host_with(entry(made)))
        assert problem.cause == "has automl_spaces, but without @automl.hookimpl it is not called"
        assert not problem.fatal

    def test_wrong_arguments(self):
        host = host_with(entry(module(automl_objectives=nothing(), automl_spaces=lambda study: []), "greedy"))
        problem = only_problem(host)
        assert "PluginValidationError" in problem.cause
        assert "study" in problem.cause
        assert problem.source.plugin == "greedy"
        assert [plugin.source.plugin for plugin in host.plugins] == ["good"]


class TestVersion:
    def test_same(self):
        assert host_with(entry(module(AUTOML_API_VERSION=API_VERSION))).problems == []

    def test_plugin_is_newer(self):
        cause = only_problem(host_with(entry(module(AUTOML_API_VERSION=API_VERSION + 1)))).cause
        assert f"version {API_VERSION + 1} of the plugin contract, this host speaks {API_VERSION}" in cause
        assert cause.endswith("update automl-host")

    def test_plugin_is_older(self):
        cause = only_problem(host_with(entry(module(AUTOML_API_VERSION=API_VERSION - 1)))).cause
        assert cause.endswith("update the plugin")

    def test_not_a_number(self):
        cause = only_problem(host_with(entry(module(AUTOML_API_VERSION="1")))).cause
        assert "must be a whole number, not '1'" in cause


class TestConflicts:
    def test_two_distributions_claim_one_name(self):
        entries = [
            entry(spaces("taken", "own"), "late", "automl-zebra", "3.0"),
            entry(spaces("taken"), "early", "automl-ape", "2.0"),
        ]
        host = host_with(*entries)
        problem = only_problem(host)
        assert problem.fatal
        assert "automl-zebra 3.0" in str(problem)
        assert "automl-ape 2.0 has that name already" in str(problem)
        assert host.source_of(host.part(Space, "taken")).distribution == "automl-ape"
        assert "own" in names(host)

    def test_one_plugin_brings_a_name_twice(self):
        host = host_with(entry(spaces("twin", "twin")))
        assert "'twin' is left out: automl-mine 1.0 has that name already" in str(only_problem(host))
        assert names(host).count("twin") == 1

    def test_one_module_under_two_entry_points(self):
        made = spaces("once")
        host = host_with(entry(made, "a"), entry(made, "b"))
        assert only_problem(host).source.plugin == "b"
        assert names(host).count("once") == 1

    def test_one_name_in_two_kinds_is_no_conflict(self):
        from automl.testing.toy import ToyObjective

        class Objective(ToyObjective):
            name = "tiny"

        made = module(automl_spaces=lambda: [TestSpace("tiny")], automl_objectives=lambda: [Objective()])
        assert host_with(entry(made)).problems == []


class TestWeight:
    def test_slow_import(self):
        now = [0.0]

        def load():
            now[0] += 3.2
            return spaces("slow")

        host = Host([entry(load)], clock=lambda: now[0])
        problem = only_problem(host)
        assert problem.cause == "takes 3.2 s to import; every command waits for it"
        assert not problem.fatal
        assert host.plugins[0].import_s == pytest.approx(3.2)
        assert names(host) == ["slow"]

    def test_heavy_import(self, tmp_path, monkeypatch):
        # A stand-in: the real ones may be in `sys.modules` already, and would take seconds if they were not.
        monkeypatch.setattr("automl.host.HEAVY", ("leaden",))
        (tmp_path / "leaden.py").touch()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "leaden", raising=False)

        def automl_spaces():
            import leaden

            return [TestSpace(leaden.__name__)]

        problem = only_problem(Host([entry(module(automl_spaces=automl_spaces))]))
        monkeypatch.delitem(sys.modules, "leaden")
        assert problem.cause.startswith("imports leaden as it is listed")
        assert not problem.fatal


class TestDisabling:
    @pytest.mark.parametrize("word", ["mine", "automl-mine", "Automl_Mine", " mine "])
    def test_by_entry_point_or_distribution(self, word):
        host = Host([entry(raising(AssertionError("was loaded"))), GOOD], disabled=[word])
        assert [source.plugin for source in host.disabled] == ["mine"]
        assert names(host) == ["good"]
        assert host.problems == []

    def test_all(self):
        host = Host([GOOD, entry(spaces("b"))], disabled=["*"])
        assert host.plugins == []
        assert len(host.disabled) == 2


class TestLookUp:
    def test_unknown_name_lists_the_near_ones(self):
        host = Host([entry(spaces("efficientnet", "forest"))])
        with pytest.raises(UsageError, match=r"no space named 'eficientnet'. Did you mean 'efficientnet'\?"):
            host.part(Space, "eficientnet")

    def test_unknown_name_without_plugins(self):
        with pytest.raises(UsageError, match="no installed plugin brings one"):
            Host([]).part(Space, "any")

    def test_preferred_is_the_only_one(self):
        assert Host([entry(spaces("lone"))]).preferred(Space).name == "lone"

    def test_preferred_says_so(self):
        made = module(automl_spaces=lambda: [TestSpace("a"), TestSpace("b", preferred=True)])
        assert Host([entry(made)]).preferred(Space).name == "b"

    def test_nothing_tells_which(self):
        with pytest.raises(UsageError, match=r"Name the space to use \(a, b\)"):
            Host([entry(spaces("a", "b"))]).preferred(Space)
        with pytest.raises(UsageError, match="none is installed"):
            Host([]).preferred(Space)

    def test_register(self):
        host = Host([])
        host.register(spaces("here"), name="notebook")
        assert str(host.source_of(host.part(Space, "here"))) == "(this process) 0"

    def test_use_host_nests_and_ends(self):
        outer, inner = Host([]), Host([])
        with use_host(outer):
            with use_host(inner) as used:
                assert get_host() is inner is used
            with pytest.raises(ZeroDivisionError), use_host(inner):
                raise ZeroDivisionError
            assert get_host() is outer


class TestRealEntryPoints:
    """Through `importlib.metadata`, in a process of its own."""

    def install(self, folder, name, source, *, metadata=True):
        """Lays out a distribution as an installer would."""
        package = f"automl_{name}"
        (folder / f"{package}.py").write_text(textwrap.dedent(source))
        info = folder / f"{package}-4.5.dist-info"
        info.mkdir(parents=True)
        (info / "entry_points.txt").write_text(f"[automl]\n{name} = {package}\n")
        if metadata:
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: automl-{name}\nVersion: 4.5\n")

    def python(self, folder, code, **environment):
        variables = {**os.environ, "PYTHONPATH": str(folder), **environment}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\n")[:-1]

    SPACE = """
        import automl

        class Pond(automl.Space):
            name = "pond"
            summary = "a small one"
            def dimensions(self, spec): return ()
            def build(self, config, spec): ...

        @automl.hookimpl
        def automl_spaces():
            return [Pond()]
        """
    LIST = """
        from automl.host import get_host
        host = get_host()
        print(*[plugin.source for plugin in host.plugins if "probe" in plugin.source.plugin], sep=",")
        print(*[problem for problem in host.problems if "probe" in problem.source.plugin], sep=",")
        print(*[source for source in host.disabled if "probe" in source.plugin], sep=",")
        """

    def test_found_loaded_and_isolated(self, tmp_path):
        self.install(tmp_path, "probe_good", self.SPACE)
        self.install(tmp_path, "probe_bad", "import nonesuch_anywhere")
        loaded, problems, disabled = self.python(tmp_path, self.LIST)
        assert loaded == "automl-probe_good 4.5"
        assert problems == (
            "plugin probe_bad of automl-probe_bad 4.5: ModuleNotFoundError: No module named 'nonesuch_anywhere'"
        )
        assert disabled == ""

    def test_disabled_by_the_environment(self, tmp_path):
        self.install(tmp_path, "probe", "raise SystemExit('was loaded')")
        _, problems, disabled = self.python(tmp_path, self.LIST, AUTOML_DISABLE_PLUGINS="nonesuch, automl-probe")
        assert (problems, disabled) == ("", "automl-probe 4.5")
        loaded, problems, disabled = self.python(tmp_path, self.LIST, AUTOML_DISABLE_PLUGINS="*")
        assert (loaded, problems, disabled) == ("", "", "automl-probe 4.5")

    def test_remains_without_metadata(self, tmp_path):
        self.install(tmp_path, "probe_good", self.SPACE)
        self.install(tmp_path, "probe_rest", "import nonesuch_anywhere", metadata=False)
        loaded, problems, _ = self.python(tmp_path, self.LIST)
        assert loaded == "automl-probe_good 4.5"
        assert "plugin probe_rest of (unknown) 0" in problems
