"""`automl ui` really started, on a free port, and asked for what it serves."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from automl.cli import run
from automl.tracking.tracker import Tracker

DEADLINE_S = 120


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("ui")
    tracker = Tracker(f"sqlite:///{home}/mlflow.db", (home / "artifacts").as_uri(), "shown")
    assert tracker.start(None, "s", {}, {})
    tracker.end("FINISHED")
    tracker.close()
    yield home
    shutil.rmtree(home)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answer(url, data=None):
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as response:
        return response.read()


def test_the_pages_are_served_to_this_machine_alone(home, port):
    words = ["ui", "--home", str(home), "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-c", "from automl.cli import main; main()", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
    )
    try:
        url, healthy = f"http://127.0.0.1:{port}", b""
        until = time.monotonic() + DEADLINE_S
        while not healthy and server.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError):
                healthy = answer(f"{url}/health")
        assert healthy == b"OK"
        found = json.loads(answer(f"{url}/api/2.0/mlflow/experiments/search", b'{"max_results": 9}'))
        assert "shown" in {experiment["name"] for experiment in found["experiments"]}
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        listening = {
            connection.laddr.ip
            for process in family
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        }
        assert listening == {"127.0.0.1"}
    finally:
        for process in psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []:
            process.terminate()
        server.terminate()
        server.wait(30)


def test_no_store_yet(tmp_path, capsys):
    assert run(["ui", "--home", str(tmp_path)]) == 2
    assert "run `automl search` first" in " ".join(capsys.readouterr().err.split())


def test_a_port_that_is_taken(home, port, capsys):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        assert run(["ui", "--home", str(home), "--port", str(port)]) == 2
    assert f"Port {port} is taken" in " ".join(capsys.readouterr().err.split())
