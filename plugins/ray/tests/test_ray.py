"""A local Ray cluster, and every way in which a step on it may go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import automl_executors
import automl_ray
import psutil
import pytest
from automl_ray.executor import Ray

import automl
from automl.cli import run
from automl.engine.executor import Serial
from automl.engine.resolve import resolve
from automl.engine.settings import Settings
from automl.errors import TrialError, UsageError
from automl.parts import DataSpec, Job, Resources
from automl.price import cpu
from automl.testing.faulty_host import faulty_host
from automl.testing.parts import PartSuite
from automl.testing.toy import FEATURES, HELD, TASK, TRAIN
from automl.training.trial import TrialSpec, checkpoint_path

DATA = DataSpec("toy", TASK, (FEATURES,), ("left", "right"), TRAIN, HELD, HELD)


class TestRay(PartSuite):
    part = Ray()


@pytest.fixture(scope="module", autouse=True)
def toys():
    """The toy and faulty plugins, here and in the processes that are started."""
    with faulty_host(executors=automl_executors, ray=automl_ray) as host:
        yield host


@pytest.fixture(scope="module")
def workers(toys):
    """The executor's own cluster; it stays for all tests of this file."""
    made = Ray().start(Resources(jobs=2))
    yield made
    made.close()
    assert not [process for process in psutil.Process().children(recursive=True) if "raylet" in process.name()]


@pytest.fixture
def more(workers):
    """Makes other workers on the same cluster."""
    from automl_ray.driver import RayWorkers

    workers._cluster.connect(1)
    made = []

    def start(resources=None, **private):
        made.append(RayWorkers(resources or Resources(jobs=2), **private))
        return made[-1]

    yield start
    for each in made:
        each.close()


def job(folder, number=0, fault="none", epochs=2, **more):
    spec = TrialSpec("s", number, "faulty", {"fault": fault}, DATA, epochs, 16, number, 1, **more)
    return Job(spec, folder / f"{number}" / f"{spec.last_epoch}", folder / f"{number}" / "checkpoints")


def finished(folder):
    """A step that was made in this process."""
    made = job(folder)
    workers = Serial().start(Resources())
    workers.submit(made)
    workers.wait(lambda *told: None)
    return made


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
    assert {number: result.status for number, result in results.items()} == {0: "complete", 1: "complete"}, results
    assert sorted((spec.number, epoch) for spec, epoch, _, _ in told) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert json.loads((tmp_path / "0/2/result.json").read_text()) == results[0].to_json()


def weights(each):
    return (each.folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("apart", [False, True], ids=["shared folder", "object store"])
def test_a_stopped_training_goes_on_to_the_same_bytes(more, tmp_path, apart):
    here = finished(tmp_path / "here")
    workers = more(apart=apart)
    first, second = job(tmp_path, rung=1), job(tmp_path, from_rung=1)
    assert made(workers, first)[0].status == "complete"
    assert checkpoint_path(first.checkpoints, 1).is_file()
    told = []
    result = made(workers, second, on_epoch=lambda spec, epoch, *more: told.append(epoch))[0]
    assert result.status == "complete", result.cause
    assert told == [2]
    assert weights(second) == weights(here)
    assert {path.name for path in second.folder.iterdir()} == {"spec.json", "result.json", "model.safetensors"}
    assert workers.evaluate(second) == Serial().start(Resources()).evaluate(here)


def test_what_cannot_be_tested(workers, tmp_path):
    with pytest.raises(TrialError, match=r"^Trial 7 cannot be tested: (?!Trial).*no weights"):
        workers.evaluate(job(tmp_path, 7))


def test_a_step_is_timed(workers, tmp_path):
    assert workers.time_step(job(tmp_path).spec, 2) > 0
    with pytest.raises(TrialError, match="as it was told"):
        workers.time_step(job(tmp_path, fault="raise").spec, 2)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("raise", "RuntimeError: as it was told"),
        ("nan", "the training loss became nan"),
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
    assert json.loads((tmp_path / "0/2/result.json").read_text())["cause"] == results[0].cause
    assert results[1].status == "complete"


@pytest.mark.parametrize(
    ("fault", "limits", "words"),
    [
        ("hang", {"timeout_s": 0.5}, "longer than the 0.5 s of --trial-timeout"),
        ("hoard", {"memory_bytes": 2e9}, "more than the 2 GB of --trial-memory"),
    ],
)
def test_limits(more, tmp_path, fault, limits, words):
    assert words in made(more(Resources(**limits)), job(tmp_path, 0, fault))[0].cause


def test_a_step_no_node_can_hold(more, tmp_path):
    each = job(tmp_path)
    wide = Job(TrialSpec(**{**vars(each.spec), "threads": 4096}), each.folder, each.checkpoints)
    assert "no node of the Ray cluster has what a trial needs (4096 CPU)" in made(more(patience_s=0), wide)[0].cause


def test_a_cluster_that_is_gone(more, tmp_path, monkeypatch):
    workers = more()

    def gone():
        raise ConnectionError("its head does not answer")

    monkeypatch.setattr(workers._cluster, "check", gone)
    causes = {made(workers, job(tmp_path, number))[number].cause for number in range(3)}
    assert causes == {"the Ray cluster is gone: its head does not answer"}


def test_another_version_on_the_node(more, tmp_path, monkeypatch):
    monkeypatch.setattr(automl, "__version__", "99")
    assert "the search is of 99; install the same" in made(more(), job(tmp_path))[0].cause


def test_its_time_is_billed_once(more, tmp_path):
    def own_s():
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    workers = more()
    before, own = cpu.cpu_s(), own_s()
    result = made(workers, job(tmp_path))[0]
    told = cpu.cpu_s() - before - (own_s() - own)
    assert result.spent["cpu_s"].value <= told + 0.02  # what a fork does is part of what its Ray worker tells
    assert not workers.elsewhere


def test_another_machine_is_billed_for_what_it_tells(more, tmp_path, monkeypatch):
    monkeypatch.setattr("automl_ray.task.machine", lambda: "another")
    workers = more()
    before = cpu.cpu_s()
    results = made(workers, job(tmp_path), job(tmp_path, 1))
    spent = sum(result.spent["cpu_s"].value for result in results.values())
    assert workers.elsewhere["cpu_s"].value >= spent
    assert cpu.cpu_s() - before < workers.elsewhere["cpu_s"].value
    if "energy_wh" in results[0].spent:
        energy = sum(result.spent["energy_wh"].value for result in results.values())
        assert workers.elsewhere["energy_wh"].value == pytest.approx(energy)


def plan(**settings):
    return resolve(Settings.checked({"space": "toy", **settings}))


def test_who_takes_an_address(toys):
    assert plan(executor="ray", address="auto").resources == Resources(address="auto")
    assert plan(jobs=2).executor.name == "process"
    for settings in ({"jobs": 2}, {}, {"executor": "process"}):
        with pytest.raises(UsageError, match=r"joins no cluster.*take --executor ray"):
            plan(**settings, address="auto")


def test_listed_without_ray():
    code = "import sys, automl_ray; automl_ray.automl_executors(); assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_shares_of_gpus():
    from automl_ray.cluster import gpu_share

    assert [gpu_share(gpus, jobs) for gpus, jobs in ((0, 2), (2, 2), (8, 2), (1, 3), (3, 4))] == [0, 1, 1, 0.3333, 0.5]


def test_a_search(workers, tmp_path):
    study = automl.search(
        "toy", trials=4, epochs=3, home=tmp_path, tracking_uri="off", jobs=2, study="s", executor="ray"
    )
    assert study.trial_count == 4
    assert study.front_records
    assert all(record.test_score is not None for record in study.front_records)
    assert study.bill["cpu_s"].value >= sum(record.result.spent["cpu_s"].value for record in study.records)
    assert study.bill["flops"].value >= sum(record.result.spent["flops"].value for record in study.records)
    assert run(["resume", "s", "--home", str(tmp_path), "--trials", "+1", "--json"]) == 0
    more = automl.open_study("s", tmp_path)
    assert (more.trial_count, more.settings.executor) == (5, "ray")


# --- from here on Ray's workers are killed, and new ones have to import torch -----------------------------------------
def hanging(workers, each):
    """The task of a step that hangs, once it has begun."""
    workers.submit(each)
    [task] = workers._tasks.values()
    while not task.node:
        workers._listen(None)
    return task


def ray_workers():
    """Processes of Ray that have a task of ours."""
    return [each for each in psutil.Process().children(recursive=True) if each.name().startswith("ray::make")]


def test_a_killed_ray_worker(more, tmp_path):
    workers = more()
    hanging(workers, job(tmp_path, fault="hang"))
    [process] = ray_workers()
    forks = process.children(recursive=True)
    process.kill()
    [(_, result)] = workers.wait(lambda *told: None)
    assert result.cause == "its Ray worker was killed or crashed"
    assert result.spent["wall_s"].value > 0
    assert not psutil.wait_procs(forks, timeout=30)[1]


def test_what_is_under_way_ends_with_the_search(more, tmp_path):
    workers = more()
    hanging(workers, job(tmp_path, fault="hang"))
    family = [each for process in ray_workers() for each in (process, *process.children(recursive=True))]
    workers.close()
    assert not psutil.wait_procs(family, timeout=60)[1]
    assert not (tmp_path / "0" / ".ray-shared").exists()


def test_a_candidate_that_crashes_while_it_is_timed(workers, tmp_path):
    with pytest.raises(TrialError, match=r"cannot be timed: .*segmentation fault"):
        workers.time_step(job(tmp_path, fault="segfault").spec, 2)


def test_an_address_where_nothing_answers_is_told_at_once(toys, tmp_path):
    code = (
        "from automl_ray.cluster import Cluster; from automl.parts import Resources; "
        "Cluster(Resources(address='127.0.0.1:1')).connect(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "No Ray cluster at '127.0.0.1:1': [Errno 111] Connection refused" in done.stderr
