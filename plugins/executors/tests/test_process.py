"""Real workers, and every way in which they may go wrong."""

from __future__ import annotations

import json
import os
import signal
import sys

import automl_executors
import psutil
import pytest
from automl_executors.process import Process, ProcessWorkers
from automl_executors.server import device_for

from automl.engine.resolve import resolve
from automl.engine.settings import Settings
from automl.errors import TrialError, UsageError
from automl.parts import DataSpec, Job, Resources
from automl.price import cpu
from automl.testing.faulty_host import faulty_host
from automl.testing.parts import PartSuite
from automl.testing.toy import FEATURES, HELD, TASK, TRAIN
from automl.training.trial import TrialSpec

DATA = DataSpec("toy", TASK, (FEATURES,), ("left", "right"), TRAIN, HELD, HELD)


class TestProcess(PartSuite):
    part = Process()


@pytest.fixture(scope="module", autouse=True)
def toys():
    """The toy and faulty plugins, here and in the processes that are started."""
    with faulty_host(executors=automl_executors) as host:
        yield host


@pytest.fixture(scope="module")
def workers(toys):
    made = Process().start(Resources(jobs=2))
    yield made
    made.close()


def job(folder, number=0, fault="none", epochs=2):
    spec = TrialSpec("s", number, "faulty", {"fault": fault}, DATA, epochs, 16, number, 1)
    return Job(spec, folder / f"{number}", folder / f"{number}" / "checkpoints")


def made(workers, *jobs, on_epoch=lambda *told: None):
    """Results by trial."""
    results = {}
    for each in jobs:
        workers.submit(each)
    while len(results) < len(jobs):
        results |= {done.spec.number: result for done, result in workers.wait(on_epoch)}
    return results


def test_two_at_a_time_with_their_epochs(workers, tmp_path):
    told = []
    results = made(workers, job(tmp_path, 0), job(tmp_path, 1), on_epoch=lambda *each: told.append(each))
    assert {number: result.status for number, result in results.items()} == {0: "complete", 1: "complete"}
    assert sorted((spec.number, epoch) for spec, epoch, _, _ in told) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert all(spent["flops"].value > 0 for _, _, _, spent in told)
    assert json.loads((tmp_path / "0" / "result.json").read_text()) == results[0].to_json()


def test_the_same_bytes_as_in_this_process(workers, tmp_path):
    from automl.engine.executor import Serial

    there, here = job(tmp_path / "there"), job(tmp_path / "here")
    made(workers, there)
    made(Serial().start(Resources()), here)
    assert (there.folder / "model.safetensors").read_bytes() == (here.folder / "model.safetensors").read_bytes()


def test_a_trained_candidate_is_tested(workers, tmp_path):
    done = job(tmp_path)
    made(workers, done)
    assert 0 <= workers.evaluate(done)["test_accuracy"] <= 1
    with pytest.raises(TrialError, match=r"cannot be tested.*no weights"):
        workers.evaluate(job(tmp_path, 7))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("raise", "RuntimeError: as it was told"),
        ("nan", "the training loss became nan"),
        ("inf", "the training loss became"),
        ("shape", "batch_size"),
        ("memory", "MemoryError"),
        ("cuda", "OutOfMemoryError: CUDA out of memory"),
        ("segfault", "segmentation fault"),
        ("kill", "SIGKILL"),
        ("exit", "status 3"),
    ],
)
def test_a_fault_takes_down_that_trial_alone(workers, tmp_path, fault, words):
    results = made(workers, job(tmp_path, 0, fault), job(tmp_path, 1))
    assert results[0].status == "failed"
    assert words in results[0].cause
    assert results[0].spent["wall_s"].value > 0
    assert results[0].spent["flops"].value >= 0  # or the bill of the study would not know its FLOPs any more
    assert json.loads((tmp_path / "0" / "result.json").read_text())["cause"] == results[0].cause
    assert results[1].status == "complete"


@pytest.mark.parametrize(
    ("fault", "limits", "words"),
    [
        ("hang", {"timeout_s": 0.5}, "longer than the 0.5 s of --trial-timeout"),
        ("hoard", {"memory_bytes": 2e9}, "more than the 2 GB of --trial-memory"),
    ],
)
def test_limits(toys, tmp_path, fault, limits, words):
    workers = Process().start(Resources(**limits))
    try:
        assert words in made(workers, job(tmp_path, 0, fault))[0].cause
    finally:
        workers.close()


def test_a_server_that_is_killed_is_replaced(toys, tmp_path):
    workers = ProcessWorkers(Resources(jobs=2))
    try:
        made(workers, job(tmp_path))
        workers.submit(job(tmp_path, 1, "hang"))
        os.kill(workers._server.pid, signal.SIGKILL)
        [(_, result)] = workers.wait(lambda *told: None)
        assert "the server of the workers ended" in result.cause
        assert made(workers, job(tmp_path, 2))[2].status == "complete"
    finally:
        workers.close()


def test_nothing_is_left_behind_and_all_its_time_is_counted(toys, tmp_path):
    before = cpu.cpu_s()
    workers = ProcessWorkers(Resources())
    made(workers, job(tmp_path))
    while_alive = cpu.cpu_s()
    workers.submit(job(tmp_path, 1, "hang"))
    server = psutil.Process(workers._server.pid)
    workers._listen(None)
    family = [server, *server.children(recursive=True)]
    workers.close()
    assert before < while_alive <= cpu.cpu_s()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family[:1])
    psutil.wait_procs(family, timeout=30)
    assert not any(process.is_running() for process in family)


def test_gpus_are_dealt_out():
    assert device_for(3, {}, 0) == {}
    assert [device_for(slot, {}, 2)["CUDA_VISIBLE_DEVICES"] for slot in range(3)] == ["0", "1", "0"]
    assert device_for(1, {"CUDA_VISIBLE_DEVICES": "4,GPU-7"}, 8) == {"CUDA_VISIBLE_DEVICES": "GPU-7"}
    assert device_for(1, {"CUDA_VISIBLE_DEVICES": ""}, 8) == {}


def plan(**settings):
    return resolve(Settings.checked({"space": "toy", **settings}))


def test_which_executor_is_taken(toys):
    assert plan().executor.name == "serial"
    assert plan(jobs=2).executor.name == "process"
    assert plan(trial_timeout="10m").executor.name == "process"
    assert plan(jobs=2, trial_timeout="10m", trial_memory="2GB").resources == Resources(2, 600.0, 2e9)
    for bad, words in (
        ({"executor": "serial", "jobs": 2}, "1 trial"),
        ({"executor": "serial", "trial_memory": "1GB"}, "held"),
    ):
        with pytest.raises(UsageError, match=words):
            plan(**bad)


def test_a_search(toys, tmp_path):
    import automl

    study = automl.search("toy", trials=6, epochs=3, home=tmp_path, tracking_uri="off", jobs=2, study="s")
    assert study.trial_count == 6
    assert study.front_records
    assert all(record.test_score is not None for record in study.front_records)
    trials = sum(record.result.spent["cpu_s"].value for record in study.records)
    assert study.bill["cpu_s"].value >= trials
    assert study.bill["flops"].value >= sum(record.result.spent["flops"].value for record in study.records)


def test_the_server_imports_nothing_from_the_working_directory(toys, tmp_path, monkeypatch):
    """Somebody's study folder may hold a module named as one that the workers import."""
    marker, folder = tmp_path / "executed", tmp_path / "theirs"
    folder.mkdir()
    for name in ("selectors", "torch", "lightning", "automl", "automl_executors", "sitecustomize"):
        (folder / f"{name}.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])
    workers = Process().start(Resources(jobs=1))
    try:
        assert made(workers, job(tmp_path / "home"))[0].status == "complete"
    finally:
        workers.close()
    assert not marker.exists()


def test_candidates_are_timed_where_a_crash_does_no_harm(workers, tmp_path):
    assert workers.time_step(job(tmp_path).spec, 4) > 0
    with pytest.raises(TrialError, match="segmentation fault"):
        workers.time_step(job(tmp_path, fault="segfault").spec, 4)


def test_a_search_of_candidates_that_crash_outlives_them(toys, tmp_path):
    import automl

    crashing = {"fault": "segfault,kill"}
    with pytest.raises(TrialError, match=r"No trial of study 's' succeeded: .*SIG"):
        automl.search("faulty", trials=2, epochs=2, home=tmp_path, tracking_uri="off", executor="process",
                      set=crashing, study="s")  # fmt: skip
    assert [record.result.status for record in automl.open_study("s", tmp_path).records] == ["failed", "failed"]
