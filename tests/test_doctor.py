"""``automl doctor``: every fault really made, as far as a test may."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest

from automl.cli import run
from automl.doctor import Check, examine, torch_pair
from automl.doctor.home import databases, writable_home
from automl.doctor.machine import cores, memory
from automl.doctor.meters import meters
from automl.doctor.software import packages, plugins, requirements
from automl.doctor.torch_pair import torch_and_gpu, wanted_torch
from automl.host import Host
from automl.testing.toy import toy_host

TORCH = '__version__ = "{0}"\nclass version: cuda = {1!r}\nclass cuda:\n    device_count = staticmethod(lambda: {2})\n'
TORCH += '    get_device_name = staticmethod(lambda index: f"Fake GPU {{index}}")\n'


class Site:
    """A folder of made-up distributions that goes before the real ones, here and in child processes."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", str(folder))

    def add(self, name, version, code="", requires=()):
        (self.folder / f"{name}.py").write_text(code)
        info = self.folder / f"{name}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")

    def torch(self, version="2.14.1", code=None, *, cuda=None, gpus=0):
        self.add("torch", version, TORCH.format(version, cuda, gpus) if code is None else code)

    def torchvision(self, version="0.29.1", code=None, wanted="2.14.1"):
        code = f"__version__ = {version!r}" if code is None else code
        self.add("torchvision", version, code, [f"torch=={wanted}", "numpy"])


@pytest.fixture
def site(tmp_path, monkeypatch):
    return Site(tmp_path, monkeypatch)


def only(checks):
    (check,) = checks
    return check


class TestPair:
    def pair(self):
        return next(iter(torch_and_gpu()))

    def test_match(self, site):
        site.torch()
        site.torchvision()
        assert self.pair() == Check(torch_pair.NAME, "ok", "2.14.1 and 0.29.1 import together")

    def test_versions_differ(self, site):
        site.torch("2.13.0+cpu")
        site.torchvision(code="raise RuntimeError('operator torchvision::nms does not exist')")
        check = self.pair()
        assert check.status == "fail"
        assert check.found == "torchvision 0.29.1 is built for torch 2.14.1, but torch is 2.13.0+cpu"
        assert check.remedy == "pip install -c constraints.txt torch torchvision"

    def test_builds_differ_and_do_not_import(self, site):
        site.torch("2.14.1+cpu")
        site.torchvision(code="raise RuntimeError('operator torchvision::nms does not exist')")
        check = self.pair()
        assert check.status == "fail"
        assert "RuntimeError: operator torchvision::nms does not exist" in check.found
        assert check.remedy == "pip install --force-reinstall -c constraints.txt torch torchvision"

    def test_builds_differ_and_import(self, site):
        site.torch("2.14.1+cpu")
        site.torchvision("0.29.1+cu130")
        check = self.pair()
        assert check.status == "warn"
        assert "different builds" in check.found

    def test_same_local_builds(self, site):
        site.torch("2.14.1+cpu")
        site.torchvision("0.29.1+cpu", wanted="2.14.1")
        assert self.pair().status == "ok"

    @pytest.mark.parametrize(
        ("code", "cause"),
        [
            ("raise ImportError('libtorch.so: no such file')", "ImportError: libtorch.so: no such file"),
            ("import sys; sys.exit(3)", "SystemExit: 3"),
            ("import os; os.write(2, b'Illegal instruction'); os._exit(132)", "Illegal instruction"),
            ("import os; os._exit(7)", "the process died with 7"),
        ],
    )
    def test_torch_cannot_be_imported(self, code, cause, site):
        site.torch(code=code)
        site.torchvision()
        check = only(torch_and_gpu())
        assert check.status == "fail"
        assert check.found == f"torch cannot be imported: {cause}"
        assert "--force-reinstall" in check.remedy

    def test_import_that_hangs(self, site, monkeypatch):
        def hang(command, *, timeout, **options):
            raise subprocess.TimeoutExpired(command, timeout)

        monkeypatch.setattr(subprocess, "run", hang)
        site.torch()
        check = only(torch_and_gpu())
        assert (check.status, check.found) == ("fail", "torch cannot be imported: no answer within 120 s")

    def test_torch_in_the_working_directory_is_not_taken_for_torch(self, site, tmp_path, monkeypatch):
        site.torch()
        site.torchvision()
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "torch.py").write_text("raise ImportError('the wrong one')")
        monkeypatch.chdir(elsewhere)
        assert self.pair().status == "ok"

    def test_nothing_is_imported_here(self, site):
        site.torch()
        before = sys.modules.get("torch")
        list(torch_and_gpu())
        assert sys.modules.get("torch") is before

    @pytest.mark.parametrize(
        ("requirement", "version"),
        [
            ("torch==2.14.1", "2.14.1"),
            ("torch (==2.14.1)", "2.14.1"),
            ("torch==2.14.1; python_version > '3'", "2.14.1"),
            ("torch >=2", None),
            ("torchaudio==2.14.1", None),
        ],
    )
    def test_wanted(self, requirement, version):
        assert wanted_torch(["numpy", requirement, "pillow!=8.3.*,>=5.3.0"]) == version


class TestGpu:
    def gpu(self, driver):
        return torch_pair._gpu(torch_pair._probe(), driver)

    def test_there(self, site, tmp_path):
        site.torch(cuda="13.0", gpus=2)
        assert self.gpu(tmp_path / "none") == Check("gpu", "ok", "Fake GPU 0, Fake GPU 1")

    def test_none(self, site, tmp_path):
        site.torch()
        assert self.gpu(tmp_path / "none").status == "ok"

    def test_torch_built_without(self, site, tmp_path):
        site.torch()
        check = self.gpu(tmp_path)
        assert check.status == "warn"
        assert "built for the CPU alone" in check.found

    def test_driver_too_old(self, site, tmp_path):
        site.torch(cuda="13.0")
        check = self.gpu(tmp_path)
        assert check.status == "warn"
        assert "CUDA 13.0" in check.found


class TestPackages:
    def test_versions(self, site):
        site.add("optuna", "1.2.3")
        assert Check("optuna", "ok", "1.2.3") in list(packages())

    def test_missing(self, monkeypatch):
        monkeypatch.setattr("automl.doctor.software.NEEDED", ("nonesuch-package",))
        monkeypatch.setattr("automl.doctor.software.OPTIONAL", ("another-nonesuch",))
        missing = [check for check in packages() if "not installed" in check.found]
        assert [check.status for check in missing] == ["fail", "ok"]
        assert missing[0].remedy == "pip install -c constraints.txt nonesuch-package"

    def test_requirements(self, site):
        site.add(
            "ours",
            "1",
            requires=["optuna>=5", "nonesuch>1", "extra-thing; extra == 'all'", "old; python_version < '3'"],
        )
        site.add("optuna", "4.2.0")
        check = only(requirements(["ours", "not-installed"]))
        assert check.status == "fail"
        assert check.found == "ours needs optuna>=5, found 4.2.0; ours needs nonesuch>1, found none"
        assert "requirements.txt" in check.remedy

    def test_requirements_met(self, site):
        site.add("ours", "1", requires=["optuna>=5"])
        site.add("optuna", "5.1.0.dev1")
        assert only(requirements(["ours", "ours"])) == Check("requirements", "ok", "1 of 1 are met")


class TestMachine:
    def test_cores(self, tmp_path):
        plain = only(cores(tmp_path))
        assert plain.status == "ok"
        assert "container" not in plain.found
        (tmp_path / "cpu.max").write_text("50000 100000\n")
        assert "with time for 0.5 of them (container limit)" in only(cores(tmp_path)).found
        (tmp_path / "cpu.max").write_text("max 100000\n")
        assert only(cores(tmp_path)) == plain

    @pytest.fixture
    def meminfo(self, tmp_path):
        path = tmp_path / "meminfo"
        path.write_text("MemTotal:       32000000 kB\nMemAvailable:   16000000 kB\n")
        return path

    @pytest.mark.parametrize(
        ("name", "limit", "status"),
        [
            ("memory.max", "max", "ok"),
            ("memory.max", "8000000000", "ok"),
            ("memory.max", "1000000000", "warn"),
            ("memory/memory.limit_in_bytes", "1000000000", "warn"),
            ("memory/memory.limit_in_bytes", "9223372036854771712", "ok"),
        ],
    )
    def test_memory(self, name, limit, status, tmp_path, meminfo):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(limit)
        check = only(memory(tmp_path, meminfo))
        assert check.status == status
        assert check.found.startswith("16.4 GB available")
        if limit.startswith("1000"):
            assert check.found.endswith("of which the container may use 1.0 GB")

    def test_little_memory(self, tmp_path, meminfo):
        meminfo.write_text("MemAvailable: 1000000 kB\n")
        assert only(memory(tmp_path, meminfo)).status == "warn"

    def test_memory_without_proc(self, tmp_path):
        assert "GB available" in only(memory(tmp_path, tmp_path / "none")).found


class TestMeters:
    def probe(self, monkeypatch, found):
        monkeypatch.setattr("automl.doctor.meters._probe", lambda: found)
        return only(meters())

    def test_an_estimate_is_well_and_says_why_it_is_none_better(self, monkeypatch):
        found = {"method": "estimated", "how": "a model", "problems": ["NVIDIA: no GPU.", "RAPL: no counters."]}
        check = self.probe(monkeypatch, found)
        assert check.status == "ok"
        assert check.found == "estimated: a model. NVIDIA: no GPU. RAPL: no counters."

    def test_counters_that_only_root_may_read_can_be_opened(self, monkeypatch):
        problem = "RAPL: only root may read it; `sudo chmod a+r FILE` lets everybody, until the next boot."
        check = self.probe(monkeypatch, {"method": "estimated", "how": "a model", "problems": [problem]})
        assert (check.status, check.remedy) == ("warn", "sudo chmod a+r FILE")

    def test_none_is_told(self, monkeypatch):
        assert self.probe(monkeypatch, {"problems": ["It is off."]}).found.endswith("It is off.")
        assert self.probe(monkeypatch, {"error": "no module"}).found.endswith("no module")

    def test_a_real_probe(self):
        check = only(meters())
        assert check.status in {"ok", "warn"}
        assert check.found.startswith(("measured: ", "estimated: "))

    def test_a_probe_that_dies_is_told(self, monkeypatch):
        monkeypatch.setattr("automl.doctor.meters.PROBE", "raise RuntimeError('out of luck')")
        assert "out of luck" in only(meters()).found


class TestHome:
    def test_writable_and_left_as_it_was(self, tmp_path):
        home = tmp_path / "a" / "b"
        check = only(writable_home(home))
        assert check.status == "ok"
        assert check.found.startswith(f"{home} is writable, ")
        assert list(tmp_path.iterdir()) == []
        home.mkdir(parents=True)
        assert only(writable_home(home)).status == "ok"
        assert home.is_dir()

    def test_not_writable(self, tmp_path):
        (tmp_path / "file").touch()
        check = only(writable_home(tmp_path / "file" / "home"))
        assert check.status == "fail"
        assert "cannot be written to: Not a directory" in check.found
        assert "--home" in check.remedy

    def test_disk_nearly_full(self, tmp_path, monkeypatch):
        monkeypatch.setattr("automl.doctor.home.SMALL_DISK_GB", 1e12)
        assert only(writable_home(tmp_path)).status == "warn"

    def database(self, folder, name="study.db"):
        folder.mkdir(exist_ok=True)
        path = folder / name
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("CREATE TABLE studies (name TEXT)")
            connection.executemany("INSERT INTO studies VALUES (?)", [("x" * 200,)] * 200)
        connection.close()
        return path

    def test_no_database(self, tmp_path):
        assert list(databases(tmp_path)) == []

    def test_whole_database(self, tmp_path):
        folder = tmp_path / "100% #1?"
        folder.mkdir()
        self.database(folder)
        self.database(folder, "mlflow.db")
        assert [(check.name, check.status) for check in databases(folder)] == [("study.db", "ok"), ("mlflow.db", "ok")]

    @pytest.mark.parametrize("start", [0, 4096])
    def test_damaged_database(self, start, tmp_path):
        path = self.database(tmp_path)
        data = bytearray(path.read_bytes())
        data[start : start + 3000] = b"\xff" * 3000
        path.write_bytes(data)
        check = only(databases(tmp_path))
        assert check.status == "fail"
        assert f"{path} is damaged: " in check.found
        assert f"mv {path} {path}.damaged" in check.remedy
        assert path.read_bytes() == data

    def test_a_write_that_was_cut_off_is_no_damage(self, tmp_path):
        path = self.database(tmp_path / "running")
        writer = sqlite3.connect(path)
        # A cache too small for the transaction, so that some of it is in the file before its end.
        writer.executescript("CREATE TABLE long (text); PRAGMA cache_size = 2")
        writer.executemany("INSERT INTO long VALUES (?)", [("x" * 500,)] * 500)
        writer.commit()
        writer.execute("UPDATE long SET text = 'y' || text")
        # What a kill at this moment would leave.
        killed = shutil.copytree(path.parent, tmp_path / "killed")
        writer.close()
        assert (killed / "study.db-journal").stat().st_size
        check = only(databases(killed))
        assert (check.status, check.remedy) == ("warn", "")
        assert "undone when the database is next opened" in check.found

    def test_database_in_use(self, tmp_path):
        path = self.database(tmp_path)
        holder = sqlite3.connect(path)
        holder.execute("BEGIN EXCLUSIVE")
        try:
            # By default sqlite waits five seconds for the other one.
            assert only(databases(tmp_path, patience_s=0)).status == "warn"
        finally:
            holder.close()


class TestPlugins:
    def test_none(self):
        assert only(plugins(Host([]))) == Check("plugins", "warn", "none is loaded", "pip install 'automl-host[all]'")

    def test_broken(self):
        host = toy_host()
        host.register(7, name="seven", distribution="automl-seven", version="7.7")
        source = host.plugins[0].source
        host._report(source, "ImportError: no")
        host._report(source, "is slow", fatal=False)
        fine, *problems = plugins(host)
        assert fine.status == "ok"
        assert [check.status for check in problems] == ["fail", "warn"]
        assert "ImportError: no" in problems[0].found
        assert "AUTOML_DISABLE_PLUGINS=toy" in problems[0].remedy


class TestCommand:
    @pytest.fixture(autouse=True)
    def _fine_torch(self, site):
        """The real one takes seconds to import."""
        site.torch()
        site.torchvision()

    def test_json_and_exit_code(self, toys, tmp_path, capsys):
        (tmp_path / "file").touch()
        code = run(["doctor", "--json", "--home", str(tmp_path / "file" / "home")])
        checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
        assert code == 1
        assert checks["home"]["status"] == "fail"
        assert set(checks["home"]) == {"name", "status", "found", "remedy"}
        assert checks["torch"]["found"] == "2.14.1"
        assert checks[torch_pair.NAME]["status"] == "ok"
        wanted = {"python", "automl-host", "cores", "memory", "gpu", "energy meter", "home", "plugins"}
        assert wanted <= set(checks)

    def test_exit_code_is_zero_when_nothing_fails(self, toys, tmp_path, monkeypatch, capsys):
        checks = [Check("a", "ok", "fine"), Check("b", "warn", "so so", "pip install 'x[all]'")]
        monkeypatch.setattr("automl.doctor.examine", lambda home, host: iter(checks))
        assert run(["doctor"]) == 0
        out = capsys.readouterr().out
        assert [line.split() for line in out.splitlines() if line.strip()] == [
            ["ok", "a", "fine"],
            ["warn", "b", "so", "so"],
            ["to", "do:", "pip", "install", "'x[all]'"],
            ["no", "faults,", "1", "warning."],
        ]

    def test_home_from_the_environment(self, toys, tmp_path, monkeypatch):
        seen = []
        monkeypatch.setattr("automl.doctor.examine", lambda home, host: seen.append(home) or iter(()))
        assert run(["doctor"]) == 0
        monkeypatch.setenv("AUTOML_HOME", str(tmp_path))
        assert run(["doctor"]) == 0
        assert [str(home) for home in seen] == ["runs", str(tmp_path)]

    def test_a_check_that_crashes_is_a_finding(self, tmp_path, monkeypatch):
        monkeypatch.setattr("automl.doctor.machine.memory", lambda: 1 / 0)
        checks = list(examine(tmp_path, toy_host()))
        assert [check.found for check in checks if check.name == "doctor"] == [
            "a check failed: ZeroDivisionError: division by zero"
        ]
        assert checks[-1].name == "plugins"
