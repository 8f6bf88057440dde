"""`automl ui`: the real server on a real store, and what is told when there is none."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import psutil
import pytest

from automl.cli import run
from automl.testing.servers import free_port
from automl.tracking.tracker import Tracker

STARTS_WITHIN_S = 90
IMPORTED = ("mlflow", "uvicorn", "fastapi", "sqlalchemy", "flask", "alembic", "pandas", "sitecustomize", "starlette")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with one study in its store; its name holds a blank, as people's do."""
    home = tmp_path_factory.mktemp("my runs")
    tracker = Tracker(f"sqlite:///{home}/mlflow.db", (home / "artifacts").as_uri(), "digits")
    tracker.start("digits-efficientnet-1 2026", "digits-efficientnet-1", {}, {"study": "digits-efficientnet-1"})
    (home / "front").mkdir()
    (home / "front" / "front.csv").write_text("trial,accuracy\n0,0.9\n")
    tracker.upload(home / "front")
    tracker.end("FINISHED")
    tracker.close()
    assert tracker.problem is None
    return home


@pytest.fixture
def listener():
    """A port that is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def ask(port, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def answers(port):
    try:
        return ask(port, "health") == "OK"
    except OSError:
        return False


@pytest.fixture(scope="module")
def server(home, tmp_path_factory):
    """The command as a person runs it, in a folder of its own; the process, its port and that folder."""
    port = free_port()
    folder = tmp_path_factory.mktemp("elsewhere")
    # As a study folder that somebody passed on may hold them: what the server imports must not come from here.
    for name in IMPORTED:
        (folder / f"{name}.py").write_text(f"open({str(folder / 'executed')!r}, 'w').close()\n")
    # Where the tests run in the background Ctrl-C is ignored, which children would inherit.
    code = "import signal; signal.signal(2, signal.default_int_handler); from automl.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "ui", "--home", str(home), "--port", str(port)],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        pause = threading.Event()
        while not answers(port):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline, "the server does not answer"
            pause.wait(0.1)
        yield process, port, folder
    finally:
        family = [process, *psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
        for member in family:
            member.kill()
        process.wait()
        process.stderr.close()


class TestServer:
    def test_it_shows_the_studies(self, server):
        _, port, _ = server
        found = json.loads(ask(port, "api/2.0/mlflow/experiments/search", {"max_results": 10}))["experiments"]
        [experiment] = [each for each in found if each["name"] == "digits"]
        body = {"experiment_ids": [experiment["experiment_id"]]}
        [study] = json.loads(ask(port, "api/2.0/mlflow/runs/search", body))["runs"]
        assert study["info"]["run_name"] == "digits-efficientnet-1"
        page = ask(port, f"get-artifact?path=front.csv&run_uuid={study['info']['run_id']}")
        assert page == "trial,accuracy\n0,0.9\n"

    def test_it_listens_on_this_machine_only(self, server):
        process, port, _ = server
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        listening = {
            tuple(connection.laddr)
            for member in family
            for connection in member.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {("127.0.0.1", port)}

    def test_nothing_runs_beside_the_pages(self, server):
        process, _, _ = server
        names = [" ".join(child.cmdline()) for child in psutil.Process(process.pid).children(recursive=True)]
        assert [name for name in names if "jobs" in name] == []

    def test_telemetry_is_off(self, server):
        process, _, _ = server
        assert psutil.Process(process.pid).environ()["MLFLOW_DISABLE_TELEMETRY"] == "true"

    def test_a_second_one_on_the_port_is_refused(self, server, home, capsys):
        _, port, _ = server
        assert run(["ui", "--home", str(home), "--port", str(port)]) == 2
        assert f"Port {port} is taken" in capsys.readouterr().err

    def test_ctrl_c_ends_all_of_it(self, server):
        """Comes last: the others ask the same server."""
        process, port, folder = server
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert psutil.wait_procs(children, timeout=30)[1] == []
        assert not answers(port)
        assert f"http://127.0.0.1:{port}/#/experiments" in errors
        assert "Traceback" not in errors
        assert sorted(path.stem for path in folder.iterdir()) == sorted(IMPORTED)


class TestErrors:
    @pytest.fixture
    def refused(self, capsys, monkeypatch):
        """Runs the command, which must refuse, and gives back what it said."""
        monkeypatch.setattr("os.execv", lambda *_: pytest.fail("a server was started"))

        def refused(*words):
            assert run(["ui", *map(str, words)]) == 2
            text = " ".join(capsys.readouterr().err.split())
            assert text.startswith("Error: ")
            return text

        return refused

    def test_no_store_yet(self, refused, tmp_path):
        text = refused("--home", tmp_path)
        assert f"There is no {tmp_path}/mlflow.db yet" in text
        assert "automl search" in text

    def test_the_home_of_the_environment(self, refused, tmp_path, monkeypatch):
        monkeypatch.setenv("AUTOML_HOME", str(tmp_path / "mine"))
        assert f"{tmp_path}/mine/mlflow.db" in refused()

    def test_no_home_at_all(self, refused, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert f"{tmp_path}/runs/mlflow.db" in refused()

    def test_a_search_without_tracking_left_none(self, refused, tmp_path):
        assert "There is no" in refused("--home", tmp_path, "--tracking-uri", "off")

    def test_a_port_that_is_taken(self, refused, home, listener):
        text = refused("--home", home, "--port", listener)
        assert f"Port {listener} is taken" in text
        offered = int(text.rpartition("--port ")[2].rstrip("."))
        assert offered != listener
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", offered))

    def test_a_port_beyond_the_last(self, capsys, home):
        assert run(["ui", "--home", str(home), "--port", "65536"]) == 2
        assert "65536 is not in the range" in capsys.readouterr().err

    def test_a_damaged_store(self, refused, tmp_path):
        (tmp_path / "mlflow.db").write_bytes(b"no database" * 500)
        assert "is damaged or no database" in refused("--home", tmp_path)

    def test_a_server_has_pages_of_its_own(self, refused):
        assert "open it in a browser" in refused("--tracking-uri", "http://127.0.0.1:5000")

    def test_a_store_that_would_be_made_by_asking(self, refused, tmp_path):
        assert "There is no" in refused("--tracking-uri", f"sqlite:///{tmp_path}/elsewhere.db")
        assert list(tmp_path.iterdir()) == []
