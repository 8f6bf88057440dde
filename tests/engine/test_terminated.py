"""SIGTERM, as a cluster's scheduler sends it: a real process, a real signal, and a study that goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from automl.cli import run
from automl.engine.interrupt import Terminated, polite

DRIVER = """
import signal, sys
signal.signal(2, signal.default_int_handler)
from automl.cli import main
from automl.host import use_host
from automl.testing.toy import toy_host
from automl.engine.observer import Observer
import automl.cli.view

class Told(Observer):
    def trial_started(self, spec, label):
        print("began", spec.number, flush=True, file=sys.stderr)
    def epoch_finished(self, spec, epoch, metrics):
        print("epoch", spec.number, epoch, flush=True, file=sys.stderr)
        if (spec.number, epoch) == (1, 2):
            signal.pause() if sys.argv[1] == "pause" else None

automl.cli.view.views = lambda: [Told()]
host = toy_host()
try:
    from automl_executors.process import Process
    import automl_executors
    host.register(automl_executors, name="executors")
except ImportError:
    pass
with use_host(host):
    main(sys.argv[2:])
"""


def driver(*words):
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "AUTOML_PLUGINS": "automl.testing.toy:PLUGIN"},
    )


def heard(process, line):
    """Reads what the driver says until it says this."""
    for said in process.stderr:
        if said.strip() == line:
            return
    pytest.fail(f"the driver never said {line!r}")


def words(home, *more):
    common = ["--space", "toy", "--data", "toy", "--epochs", "3", "--rungs", "off", "--tracking-uri", "off"]
    return ["search", *common, "--trials", "3", "--study", "s", "--home", str(home), *more]


def goes_on(home, capsys):
    capsys.readouterr()
    assert run(["resume", "s", "--home", str(home), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["trials"], done["failed"], done["stopped"], len(done["test_opened"])) == (3, 0, "", 1)


def test_a_search_ends_at_once_and_goes_on(toys, tmp_path, capsys):
    process = driver("pause", *words(tmp_path))
    heard(process, "epoch 1 2")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 143
    assert out == ""
    assert err.strip() == "Interrupted. What was finished is kept."
    steps = json.loads((tmp_path / "s" / "in-flight.json").read_text())
    assert [step["trial"] for step in steps] == [1]
    goes_on(tmp_path, capsys)


def test_workers_end_with_it_and_none_takes_the_signal_for_a_failure(toys, tmp_path, capsys):
    pytest.importorskip("automl_executors")
    process = driver("on", *words(tmp_path, "--jobs", "2", "--epochs", "100000"))
    heard(process, "began 1")
    heard(process, "epoch 0 3")
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    # As a scheduler does it: to all of them.
    for member in [*family, process]:
        member.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "Interrupted." in err
    assert "Traceback" not in err
    assert psutil.wait_procs(family, timeout=60)[1] == []
    from automl import open_study

    assert open_study("s", tmp_path).records == []


class TestHandler:
    @pytest.fixture(autouse=True)
    def default(self):
        before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
        yield
        assert signal.signal(signal.SIGTERM, before) is signal.SIG_DFL

    def test_it_raises_even_where_what_trains_makes_an_interruption_of_it(self):
        def training():
            try:
                signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt:
                raise KeyboardInterrupt from None

        with pytest.raises(Terminated) as ended, polite(lambda: None):
            training()
        assert ended.value.exit_code == 143

    def test_ctrl_c_stays_what_it_is(self):
        with pytest.raises(KeyboardInterrupt) as ended, polite(lambda: None):
            raise KeyboardInterrupt
        assert not isinstance(ended.value, Terminated)

    def test_a_program_with_its_own_way_keeps_it(self):
        got = []
        signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
        with polite(lambda: None) as wish:
            signal.raise_signal(signal.SIGTERM)
        assert (got, wish.terminated) == ([signal.SIGTERM], False)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
