"""The cluster: started or joined, what a task asks of it, and how to leave it."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import os
import socket
import tempfile
import time
from typing import TYPE_CHECKING, Any

import ray
import ray.exceptions
import ray.util.client
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from automl.engine.resolve import cores
from automl.errors import UsageError
from automl_ray import worker

if TYPE_CHECKING:
    from automl.parts import Resources

STORE_BYTES = 200_000_000
"""Ray's object store on this machine alone, where all files go through a shared folder."""

ANSWER_S = 10.0
"""What a cluster may take to answer."""

LONG_PATH = 40
"""Ray puts sockets some 60 characters below its folder, and no path to a socket may be longer than 107."""

PASSED_ON = ("AUTOML_", "OMP_", "MKL_", "OPENBLAS_")
"""Environment variables that a task has as the search has them, by how they begin."""

PROBE_S = 60.0
"""A node that does not even answer within this time counts as dead."""

CHECK_S = 5.0
"""How often it is looked whether the cluster is there."""

GONE_S = 30.0
"""How long its head may be away, as when it is started anew."""

_logger = logging.getLogger(__name__)


class Cluster:
    """A Ray cluster that steps run on.

    Args:
        resources: Steps at a time, what each may take, and where the cluster is.

    Attributes:
        joined: Whether it is there without us, and is to be left as it was.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._held = contextlib.ExitStack()
        self._connected = False
        self.joined = True

    def connect(self, threads: int) -> None:
        """Starts or joins it unless that is done; a session of Ray that this process has is taken as it is.

        Args:
            threads: CPU threads of a step.

        Raises:
            UsageError: There is no cluster at the address, or another version of Ray or Python.
        """
        if self._connected:
            return
        address = self._resources.address
        if not ray.is_initialized():
            self._held.enter_context(_quiet())
            self.joined = address is not None
            try:
                self._start(threads) if address is None else self._join(address)
            except (Exception, SystemExit) as error:
                self._held.close()
                where = "No Ray cluster can be started here" if address is None else f"No Ray cluster at {address!r}"
                hint = ""
                if address and address.startswith("ray://") and not importlib.util.find_spec("grpc"):
                    hint = " Addresses of that kind need Ray's client: pip install 'ray[client]'."
                raise UsageError(f"{where}: {' '.join(str(error).split())}.{hint}") from error
            self._held.callback(ray.shutdown)
        gpus = ray.cluster_resources().get("GPU", 0.0)
        self._gpu_share = gpu_share(gpus, self._resources.jobs)
        self._connected = True
        self._checked = self._heard = time.monotonic()

    def _start(self, threads: int) -> None:
        jobs, memory = self._resources.jobs, self._resources.memory_bytes
        folder = None
        if len(tempfile.gettempdir()) < LONG_PATH:
            folder = self._held.enter_context(tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
        ray.init(
            address="local",
            # As many steps at a time as were asked for; whether that is wise was for the user to say.
            num_cpus=max(cores(), jobs * threads),
            _memory=jobs * memory if memory else None,
            object_store_memory=STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            _temp_dir=folder,
        )

    @staticmethod
    def _join(address: str) -> None:
        # Ray itself tries for many minutes where nothing answers.
        host, colon, port = address.removeprefix("ray://").rpartition(":")
        if colon and port.isdecimal():
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)

    def check(self) -> None:
        """Looks now and then whether this process still belongs to a cluster.

        Ray does not say so itself: where the node of the search is gone, it waits for ever; where the head is gone, it
        ends this process after a minute.

        Raises:
            ConnectionError: It does not.
        """
        now = time.monotonic()
        # Ray's client raises ConnectionError by itself.
        if now - self._checked < CHECK_S or ray.util.client.ray.is_connected():
            return
        self._checked = now
        if not _answers(ray.get_runtime_context().gcs_address):
            if now - self._heard > GONE_S:
                raise ConnectionError("its head does not answer")
            return
        self._heard = now
        here = ray.get_runtime_context().get_node_id()
        if not any(node["Alive"] for node in ray.nodes() if node["NodeID"] == here):
            raise ConnectionError("the node of the search has died")

    def demand(self, threads: int) -> dict[str, float]:
        """What a task needs to itself, by Ray's names of resources."""
        memory = self._resources.memory_bytes
        wanted = {"CPU": float(threads), "GPU": self._gpu_share, "memory": float(math.ceil(memory or 0))}
        return {name: amount for name, amount in wanted.items() if amount}

    def options(self, threads: int) -> dict[str, Any]:
        """The same as options of a task, with the environment that it is to have."""
        demand = self.demand(threads)
        options: dict[str, Any] = {"num_cpus": demand["CPU"], "num_gpus": demand.get("GPU", 0), "max_retries": 0}
        if "memory" in demand:
            options["memory"] = demand["memory"]
        passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        return {**options, "runtime_env": {"env_vars": passed}}

    def lacks(self, threads: int) -> str:
        """Why no node can ever hold a task, in words; empty when one can."""
        demand = self.demand(threads)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0.0) >= amount for name, amount in demand.items()) for node in nodes):
            return ""
        wanted = ", ".join(
            f"{amount / 1e9:g} GB of memory" if name == "memory" else f"{amount:g} {name}"
            for name, amount in demand.items()
        )
        return f"no node of the Ray cluster has what a trial needs ({wanted}); it has {len(nodes)} nodes"

    @staticmethod
    def alive(node: str) -> bool:
        """Whether a node still makes tasks. Ray learns of a death some seconds late; asking the node waits for that."""
        strategy = NodeAffinitySchedulingStrategy(node, soft=False)
        task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=strategy)(worker.probe)
        try:
            return bool(ray.get(task.remote(), timeout=PROBE_S))
        except ray.exceptions.RayError:
            return False

    def close(self) -> None:
        """Ends it where it was started here, else leaves it."""
        self._connected = False
        self._held.close()


def gpu_share(gpus: float, jobs: int) -> float:
    """Of a GPU, what one of so many steps gets: all of it, or the part by which all steps find a place."""
    if gpus < 1:
        return 0.0
    # A part is of one GPU, never of two; Ray counts in ten-thousandths.
    return math.floor(10_000 / math.ceil(jobs / int(gpus))) / 10_000


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CHECK_S).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _quiet() -> Any:
    """Ray prints to stdout what befalls nodes and workers, where a search prints its JSON."""
    import ray._private.worker as private

    printing = getattr(private, "print_to_stdstream", None)
    if printing is None:
        yield
        return

    def note(*told: Any, **more: Any) -> None:
        _logger.debug("Ray: %s %s", told, more)

    setattr(private, "print_to_stdstream", note)  # noqa: B010 - private, and not typed
    try:
        yield
    finally:
        setattr(private, "print_to_stdstream", printing)  # noqa: B010
