"""Kills a real search again and again, and audits what is left.

    python benchmarks/chaos/run.py --kills 20 [--jobs 2] [--executor ray --nodes 3] [--out OUT]

searches small EfficientNets on digits twice with the same settings: once undisturbed, once with SIGKILLs at random
moments, each followed by the same command again. With one job the driver is killed; with several, the driver or one of
the workers, by chance. With ``--executor ray`` the search runs on a cluster that is started here, each node with a
core; one kill in three is that of a node, in whose place another comes. Then it is counted:

- lost: steps that a sitting had kept and that the study does not have at the end;
- repeated: steps that are in the study twice;
- bill: what the study says that it has cost, beside what its steps and the sittings by the clock have taken;
- front: whether it is that of the undisturbed search (with one job: the order of several is by chance).
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

import automl

SETTINGS = ("--space", "efficientnet", "--set", "phi=-32..-16", "--epochs", "9", "--threads", "1")
STUDY = "chaos"
EARLIEST_S, LATEST_S = 2.0, 25.0
"""When a kill comes, after the driver has begun."""

READY_S = 15.0
"""What is added to both for a cluster, where a driver takes longer until its first step is begun."""


def command(home: Path, trials: int, jobs: int, more: tuple[str, ...] = ()) -> list[str]:
    words = ["search", *SETTINGS, "--study", STUDY, "--home", str(home), "--trials", str(trials), "--jobs", str(jobs)]
    words += [*more, "--tracking-uri", "off", "--json"]
    return [sys.executable, "-c", "from automl.cli import main; main()", *words]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.Error:
        return 0


class Nodes:
    """A Ray cluster on this machine whose nodes die.

    Args:
        count: Nodes beside the head, each with a core.
    """

    def __init__(self, count: int) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        for _ in range(count):
            self._cluster.add_node(num_cpus=1)
        self.options = ("--executor", "ray", "--address", self._cluster.address)

    def workers(self) -> list[psutil.Process]:
        """What trains: forks of the servers of Ray's workers."""
        family = {each.pid: each for each in psutil.Process().children(recursive=True)}
        # The forks have the command line of their server.
        servers = {pid: each for pid, each in family.items() if _words(each)[-1:] == ["automl_executors.server"]}
        return [each for pid, each in servers.items() if _parent(each) in servers]

    def remove_one(self, draw: random.Random) -> None:
        """Ends a node with all that is on it, and adds another."""
        self._cluster.remove_node(
            draw.choice(sorted(self._cluster.worker_nodes, key=lambda node: node.node_id)), allow_graceful=False
        )
        self._cluster.add_node(num_cpus=1)

    def end(self) -> None:
        """Ends the cluster."""
        self._cluster.shutdown()


def kept(home: Path) -> dict[tuple[int, int], dict]:
    """Steps by trial and last epoch, as the study has them now; an error when one is there twice."""
    found: dict[tuple[int, int], dict] = {}
    if (home / "study.db").exists():
        for record in automl.open_study(STUDY, home).records:
            result, key = record.result, (record.number, record.spec.last_epoch)
            flops = result.spent["flops"].value if "flops" in result.spent else 0.0
            found[key] = {"twice": key in found, "score": result.score, "cause": result.cause, "flops": flops}
    return found


def workers(driver: int) -> list[psutil.Process]:
    """Forks of the driver's server."""
    try:
        return [grandchild for child in psutil.Process(driver).children() for grandchild in child.children()]
    except psutil.Error:
        return []


def disturbed(home: Path, trials: int, jobs: int, kills: int, draw: random.Random, nodes: Nodes | None) -> dict:
    """Runs to the end in spite of the kills."""
    lost, done, driver_kills, worker_kills, node_kills, running_s = set(), 0, 0, 0, 0, 0.0
    asked = command(home, trials, jobs, nodes.options if nodes else ())
    seen: dict[tuple[int, int], dict] = {}
    log = (home.parent / f"{home.name}.log").open("w")
    while True:
        began = time.monotonic()
        driver = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=log)  # noqa: S603
        while driver.poll() is None and done < kills:
            try:
                driver.wait(draw.uniform(EARLIEST_S, LATEST_S) + (READY_S if nodes else 0.0))
                break
            except subprocess.TimeoutExpired:
                done += 1
            if nodes and draw.random() < 1 / 3:
                node_kills += 1
                nodes.remove_one(draw)
                continue
            there = nodes.workers if nodes else functools.partial(workers, driver.pid)
            prey = there() if jobs > 1 and draw.random() < 0.5 else []  # noqa: PLR2004 - one in two
            if prey:
                worker_kills += 1
                try:
                    draw.choice(prey).send_signal(signal.SIGKILL)
                except psutil.NoSuchProcess:
                    worker_kills -= 1
                continue
            driver_kills += 1
            driver.kill()
            break
        status = driver.wait()
        running_s += time.monotonic() - began
        now = kept(home)
        lost |= {key for key, step in seen.items() if now.get(key, {}).get("score") != step["score"]}
        seen = now
        print(f"{done} kills, status {status}, {len(now)} steps", file=sys.stderr, flush=True)
        if status == 0:
            break
        if status != -signal.SIGKILL:
            raise SystemExit(f"the search ended with {status}; see {log.name}")
    return {
        "kills_of_driver": driver_kills,
        "kills_of_workers": worker_kills,
        "kills_of_nodes": node_kills,
        "lost": sorted(lost),
        "running_s": running_s,
    }


def front(home: Path) -> list[tuple]:
    return [(record.name, record.values, record.test_score) for record in automl.open_study(STUDY, home).front_records]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--executor", choices=["ray"], help="instead of the usual one")
    parser.add_argument("--nodes", type=int, default=3, help="of the cluster that is started for it")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, default=Path("runs/chaos"))
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    whole, cut = arguments.out / "whole", arguments.out / f"cut-{arguments.jobs}-jobs-{arguments.seed}"
    arguments.out.mkdir(parents=True, exist_ok=True)
    if cut.exists():
        parser.error(f"{cut} is there already; name another --out")
    if arguments.jobs == 1:
        subprocess.run(command(whole, arguments.trials, 1), check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    nodes = Nodes(arguments.nodes) if arguments.executor else None
    draw = random.Random(arguments.seed)
    found = disturbed(cut, arguments.trials, arguments.jobs, arguments.kills, draw, nodes)
    if nodes:
        nodes.end()
    steps, bill = kept(cut), automl.open_study(STUDY, cut).bill
    in_steps = sum(step["flops"] for step in steps.values())
    dearest = max(step["flops"] for step in steps.values())
    print(json.dumps({
        **found,
        "steps": len(steps),
        "repeated": sum(step["twice"] for step in steps.values()),
        "failed": {f"{n}@{e}": step["cause"] for (n, e), step in steps.items() if step["cause"]},
        "bill_flops": bill["flops"].value,
        "flops_of_steps": in_steps,
        "more_on_the_bill_in_dearest_steps": (bill["flops"].value - in_steps) / dearest,
        "bill_wall_s": bill["wall_s"].value,
        "same_front": front(cut) == front(whole) if arguments.jobs == 1 else None,
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
