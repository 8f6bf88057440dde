"""The optimizers that are compared, each a function that makes an object with ``ask()`` and ``tell()``."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import automl
from automl.engine.points import distribution
from automl.parts import Categorical, Step

if TYPE_CHECKING:
    from problems import Problem, Scales, Values

WORKER = Path(__file__).parent / "peers" / "worker.py"


class Optimizer(Protocol):
    """Asked for steps and told what they gave."""

    def ask(self) -> Step | None:
        """The next step; None when there is none."""

    def tell(self, step: Step, values: Values, price: float) -> None:
        """Values of both goals as the trial stands, and the price of this step alone."""

    def close(self) -> None:
        """Lets go of what it holds."""


@dataclasses.dataclass
class Setting:
    """What an optimizer is started with.

    Attributes:
        problem: What it is to solve.
        scales: Of the problem.
        reading: ``full`` when full trainings alone count, ``every`` when every rung does.
        seed: Makes it repeatable.
        peers: Python of the environment in which the peers with pins of their own are installed.
    """

    problem: Problem
    scales: Scales
    reading: str
    seed: int
    peers: Path | None = None


class Ours:
    """`automl.Engine` as ``automl search`` drives it.

    Args:
        setting: What to solve.
        strategy: Of the engine.
        informed: Whether it is given what a space tells beforehand: prices known before training, and landmarks such
            as the cheapest candidate.
    """

    def __init__(self, setting: Setting, strategy: str, *, informed: bool = True) -> None:
        problem = setting.problem
        landmarks = [
            {d.name: point.get(d.name, d.default) for d in problem.benchmark.dimensions}
            for point in problem.benchmark.landmarks()
        ]
        self._engine = automl.Engine(
            problem.benchmark.dimensions,
            problem.goals,
            rungs=problem.rungs,
            strategy=strategy,
            seed=setting.seed,
            every_rung=setting.reading == "every",
            landmarks=landmarks if informed else (),
            quote=problem.quote if informed and not problem.timed else None,
        )

    def ask(self) -> Step | None:
        """A step from rung to rung."""
        return self._engine.ask()

    def tell(self, step: Step, values: Values, price: float) -> None:
        """Plain values: the engine knows which goal is logarithmic."""
        self._engine.tell(step, values, price=price)

    def close(self) -> None:
        """Nothing is held."""


class OptunaPeer:
    """A sampler as Optuna ships it, candidates trained in full; told losses from 0 to 1.

    Args:
        setting: What to solve.
        sampler: Name of the sampler's class.
        options: Of the sampler.
    """

    def __init__(self, setting: Setting, sampler: str, **options: Any) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self._setting = setting
        made = getattr(optuna.samplers, sampler)(seed=setting.seed, **options)
        self._study = optuna.create_study(directions=["minimize", "minimize"], sampler=made)
        self._distributions = {d.name: distribution(d) for d in setting.problem.benchmark.dimensions}
        self._trials: dict[int, Any] = {}

    def ask(self) -> Step:
        """A full training."""
        trial = self._study.ask(self._distributions)
        self._trials[trial.number] = trial
        return Step(trial.number, trial.params, len(self._setting.problem.rungs) - 1)

    def tell(self, step: Step, values: Values, price: float) -> None:
        """Both losses."""
        self._study.tell(self._trials.pop(step.trial), self._setting.scales.losses(values, "full"))

    def close(self) -> None:
        """Nothing is held."""


class Remote:
    """A peer in a process and an environment of its own, spoken to by lines of JSON (`peers/worker.py`).

    Args:
        setting: What to solve.
        method: As the worker names it.
    """

    def __init__(self, setting: Setting, method: str) -> None:
        if setting.peers is None:
            raise SystemExit(f"{method} wants --peers, the python of an environment with peers/requirements.txt")
        self._setting = setting
        self.cpu_s = 0.0
        self._process = subprocess.Popen(  # noqa: S603 - the user names the interpreter
            [setting.peers, WORKER, method],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
        )
        self._say(
            {
                "dimensions": [_described(d) for d in setting.problem.benchmark.dimensions],
                "losses": 2,
                "rungs": list(setting.problem.rungs),
                "seed": setting.seed,
            }
        )

    def ask(self) -> Step | None:
        """A step from rung to rung."""
        self._say({"ask": True})
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with {self._process.wait()}")
        answer = json.loads(line)
        self.cpu_s = answer["cpu_s"]
        return Step(answer["trial"], answer["point"], answer["rung"], answer["from_rung"])

    def tell(self, step: Step, values: Values, price: float) -> None:
        """Both losses; those of stopped trials lie beyond the extremes of full ones, which is no harm."""
        losses = self._setting.scales.losses(values, self._setting.reading)
        self._say({"tell": {"trial": step.trial, "rung": step.rung, "losses": losses, "price": price}})

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _say(self, message: dict[str, Any]) -> None:
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()


def _described(dimension: Any) -> dict[str, Any]:
    if isinstance(dimension, Categorical):
        return {"name": dimension.name, "kind": "choice", "choices": list(dimension.choices)}
    kind = "int" if isinstance(dimension, automl.Integer) else "float"
    return {
        "name": dimension.name, "kind": kind, "low": dimension.low, "high": dimension.high, "log": dimension.log
    }  # fmt: skip


METHODS: dict[str, Any] = {
    "pareto": lambda setting: Ours(setting, "pareto"),
    "pareto-blind": lambda setting: Ours(setting, "pareto", informed=False),
    "random": lambda setting: OptunaPeer(setting, "RandomSampler"),
    "tpe": lambda setting: OptunaPeer(setting, "TPESampler"),
    "tpe-multivariate": lambda setting: OptunaPeer(setting, "TPESampler", multivariate=True),
    "nsga2": lambda setting: OptunaPeer(setting, "NSGAIISampler"),
    "gp": lambda setting: OptunaPeer(setting, "GPSampler", deterministic_objective=True),
    "moasha": lambda setting: Remote(setting, "moasha"),
    "moasha-ranked": lambda setting: Remote(setting, "moasha-ranked"),
    "primo": lambda setting: Remote(setting, "primo"),
}

BY_READING = ("pareto", "pareto-blind")
"""Methods that search differently when stopped trials count; a run of the others serves both readings."""


def run(method: str, setting: Setting, purse: float) -> dict[str, Any]:
    """One search until the purse is spent: every rung reached, with what had been spent by then.

    A search may overrun by the step in flight; what it found with that lies beyond the purse and is not counted.
    """
    optimizer: Optimizer = METHODS[method](setting)
    spent, proposals_cpu_s, reached = 0.0, [], []
    paid: dict[int, float] = {}
    try:
        while spent < purse:
            began = time.process_time()
            step = optimizer.ask()
            took = time.process_time() - began
            if step is None:
                break
            before = paid.get(step.trial, 0.0) if step.from_rung is not None else 0.0
            # Whoever trains in full passes all rungs on the way, and could have looked at each.
            for rung in range(0 if step.from_rung is None else step.from_rung + 1, step.rung + 1):
                values, price = setting.problem.look_up(step.point, rung)
                already = paid.get(step.trial, before)
                paid[step.trial] = max(already, price)
                reached.append((spent + paid[step.trial] - before, step.trial, rung, *values))
            cost = paid[step.trial] - before
            spent += cost
            began = time.process_time()
            optimizer.tell(step, values, cost)
            took += time.process_time() - began
            proposals_cpu_s.append(round(getattr(optimizer, "cpu_s", took), 6))
    finally:
        optimizer.close()
    return {"reached": reached, "proposals_cpu_s": proposals_cpu_s, "spent": spent}
