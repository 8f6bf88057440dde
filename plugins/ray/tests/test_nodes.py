"""A cluster of several nodes, one of which dies with a step on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from automl.engine.executor import Serial
from automl.errors import UsageError
from automl.parts import DataSpec, Job, Resources
from automl.testing import faulty
from automl.testing.faulty_host import faulty_host
from automl.testing.toy import FEATURES, HELD, TASK, TRAIN
from automl.training.trial import TrialSpec

DATA = DataSpec("toy", TASK, (FEATURES,), ("left", "right"), TRAIN, HELD, HELD)


@pytest.fixture
def once(tmp_path, monkeypatch):
    """The file by which a candidate knows that it has hung already."""
    monkeypatch.setenv(faulty.ONCE, str(tmp_path / "once"))
    with faulty_host():
        yield tmp_path / "once"


@pytest.fixture
def cluster():
    """A head that takes no steps, and two nodes of a core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1, wait=False)
    made.wait_for_nodes()
    yield made
    made.shutdown()


def job(folder, **more):
    spec = TrialSpec("s", 0, "faulty", {"fault": "once"}, DATA, 2, 16, 0, 1, **more)
    return Job(spec, folder / str(spec.last_epoch), folder / "checkpoints")


def made(workers, each):
    workers.submit(each)
    [(_, result)] = workers.wait(lambda *told: None)
    return result


def test_a_step_goes_on_elsewhere_from_its_checkpoint(once, cluster, tmp_path):
    from automl_ray.driver import RayWorkers

    once.touch()
    here, first, second = job(tmp_path / "here"), job(tmp_path, rung=1), job(tmp_path, from_rung=1)
    assert made(Serial().start(Resources()), here).status == "complete"
    workers = RayWorkers(Resources(address=cluster.address), apart=True)
    try:
        assert made(workers, first).status == "complete"
        once.unlink()
        workers.submit(second)
        [task] = workers._tasks.values()
        while not once.exists():
            workers._listen(None)
        [node] = [each for each in cluster.worker_nodes if each.node_id == task.node]
        cluster.remove_node(node, allow_graceful=False)
        [(_, result)] = workers.wait(lambda *told: None)
    finally:
        workers.close()
    assert (result.status, result.cause, task.deaths) == ("complete", "", 1)
    assert result.spent["wall_s"].without  # what it did on the node that died is known in part
    assert (second.folder / "model.safetensors").read_bytes() == (here.folder / "model.safetensors").read_bytes()
    assert cluster.head_node.any_processes_alive()  # it was joined, so it is left
    assert not cluster.head_node.dead_processes()


def test_nobody_at_the_address(once, tmp_path):
    from automl_ray.driver import RayWorkers

    with pytest.raises(UsageError, match="No Ray cluster at 'no-address'"):
        RayWorkers(Resources(address="no-address")).submit(job(Path(tmp_path)))
