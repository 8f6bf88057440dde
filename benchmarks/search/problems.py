"""What the optimizers are compared on: recorded benchmarks of the plugin `replay`, each with two goals and a purse.

Every problem is looked up through the same code as ``automl search --space recorded``. Reference and ideal point are
the extremes of the table or, where a surrogate answers for endlessly many candidates, of a large fixed random sample.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import math
import random
from typing import TYPE_CHECKING, Any

from automl_replay.opening import open_benchmark
from automl_strategies.points import all_values, drawn

from automl import Goal
from automl.engine.front import cheapest_first

if TYPE_CHECKING:
    from pathlib import Path

    from automl.parts import Recording

SAMPLE = 20_000
"""Random candidates of a surrogate whose extremes and front stand for those of the whole."""

FULL_TRAININGS, EVALUATIONS = 60, 200
"""The purse, in mean prices of a random full training: with rungs, and on a table that has none."""

Values = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Problem:
    """Accuracy against a price, on a recorded benchmark.

    Attributes:
        name: Unique; begins with the group it is reported in.
        source: Data source of the plugin `replay`, without folder.
        price: Metric that is the second goal; ``training_wall_s`` for the seconds of the training itself.
        paid: Whether a training costs the seconds that were recorded; else each costs 1, for want of a record.
        folder: Of the benchmark's files.
    """

    name: str
    source: str
    price: str
    paid: bool
    folder: Path

    @functools.cached_property
    def benchmark(self) -> Any:
        """The table or surrogate."""
        return open_benchmark(f"{self.source}@{self.folder}", self.source.partition(":")[2])

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs at which a candidate may stop."""
        return self.benchmark.epochs if self.timed else (1,)

    @property
    def timed(self) -> bool:
        """Whether less training was recorded too."""
        return len(self.benchmark.epochs) > 1

    @property
    def goals(self) -> tuple[Goal, Goal]:
        """Accuracy, and the price on a logarithmic scale."""
        return Goal("accuracy", "maximize"), Goal(self.price, "minimize", log=True)

    def look_up(self, point: dict[str, Any], rung: int) -> tuple[Values, float]:
        """Values of both goals after the training to a rung, and its price from the beginning."""
        benchmark = self.benchmark
        found = benchmark.look_up(point, benchmark.epochs[rung])
        paid = found.training["wall_s"].value if self.paid else 1.0
        return (found.metrics["accuracy"], max(self._price_of(found), 1e-3)), paid

    def quote(self, point: dict[str, Any]) -> list[list[float]]:
        """What is known before the training: a latency or a size, never an accuracy or a training time."""
        found = None if self.timed else self.benchmark.before(point)
        return [[math.nan, math.nan if found is None else self._price_of(found)] for _ in self.rungs]

    def _price_of(self, found: Recording) -> float:
        if self.price == "training_wall_s":
            return found.training["wall_s"].value
        if self.price == "parameters":
            return found.prediction["parameters"].value
        return found.metrics[self.price]

    def scales(self, cache: Path) -> Scales:
        """Extremes and known front by reading, and the purse; computed once and kept in the folder `cache`."""
        path = cache / f"{self.name}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self._measure()))
        return Scales(**json.loads(path.read_text()))

    def _measure(self) -> dict[str, Any]:
        last = len(self.rungs) - 1
        points, paid = {"full": [], "every": []}, []
        for point in self._all_points():
            for rung in range(last + 1):
                values, price = self.look_up(point, rung)
                points["every"].append(values)
                if rung == last:
                    points["full"].append(values)
                    paid.append(price)
        times = FULL_TRAININGS if self.timed else EVALUATIONS
        return {
            "purse": times * math.fsum(paid) / len(paid),
            "ideal": {key: [max(v[0] for v in of), min(v[1] for v in of)] for key, of in points.items()},
            "reference": {key: [min(v[0] for v in of), max(v[1] for v in of)] for key, of in points.items()},
            "front": {key: [of[at] for at in cheapest_first(of, self.goals)] for key, of in points.items()},
        }

    def _all_points(self) -> Any:
        dimensions = self.benchmark.dimensions
        if self.timed:
            draw = random.Random(2019)
            return (drawn(dimensions, draw) for _ in range(SAMPLE))
        names = [dimension.name for dimension in dimensions]
        return (dict(zip(names, row, strict=True)) for row in itertools.product(*map(all_values, dimensions)))


@dataclasses.dataclass(frozen=True)
class Scales:
    """What a problem is measured with; the keys of the dictionaries are the readings ``full`` and ``every``.

    Attributes:
        purse: What a search may spend, in seconds or evaluations.
        ideal: The best accuracy and the lowest price.
        reference: The worst of each.
        front: What no other point of the table or the sample beats.
    """

    purse: float
    ideal: dict[str, list[float]]
    reference: dict[str, list[float]]
    front: dict[str, list[list[float]]]

    def losses(self, values: Values, reading: str) -> Values:
        """Both goals from 0, the ideal, to 1, the reference; the price by its logarithm."""
        (best, least), (worst, most) = self.ideal[reading], self.reference[reading]
        return (best - values[0]) / (best - worst), math.log(values[1] / least) / math.log(most / least)


def hypervolume(losses: list[Values]) -> float:
    """Area of the unit square that two losses cover, by a staircase from the left."""
    area, height = 0.0, 1.0
    for loss, price in sorted(losses):
        if loss < 1.0 and price < height:
            area += (1.0 - loss) * (height - max(price, 0.0))
            height = max(price, 0.0)
    return area


DEVELOPED_ON = ("3945", "167104", "167168", "189906")
"""Tasks of LCBench on which settings of ours were chosen; they are no part of the comparison."""

HELD_OUT = ("167152", "167185", "189873")
"""The tasks of LCBench that YAHPO Gym's own multi-objective suite names (YAHPO-MO v1, Pfisterer et al. 2022)."""


def problems(data: Path) -> dict[str, Problem]:
    """All problems by name.

    Args:
        data: Folder with ``replay/``, laid out as the README of the plugin `replay` tells.
    """
    replay = data / "replay"
    lcbench = [
        Problem(f"lcbench-{task}", f"lcbench:{task}", "training_wall_s", True, replay / "yahpo_lcbench")
        for task in (*HELD_OUT, *DEVELOPED_ON)
    ]
    cells = [
        Problem(f"nasbench201-{device}", "nas-bench-201:cifar10", f"latency_ms_{device}", True, replay / "nasbench201")
        for device in ("raspi4", "fpga")
    ]
    macro = Problem("macro-params", "nas-bench-macro:cifar10", "parameters", False, replay / "nasbench_macro")
    return {problem.name: problem for problem in (*lcbench, *cells, macro)}
