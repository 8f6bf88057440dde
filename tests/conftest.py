"""What all of the host's tests share: the toy plugin, records made by hand, and nothing of the user's environment."""

from __future__ import annotations

import dataclasses
import os
import random
import time

import pytest

from automl.engine.record import Record, front
from automl.host import use_host
from automl.parts import DataSpec, Goal
from automl.price.tag import Figure, PriceTag
from automl.price.work import Count, Work
from automl.testing.toy import toy_host
from automl.training.trial import TrialResult, TrialSpec

DATA = DataSpec("digits", "image-classification", (1, 8, 8), tuple("0123456789"), 1078, 359, 360)
GREEN = (Goal("accuracy", "maximize"), Goal("lifetime_flops", "minimize", log=True))
WORK = Work(Count(2.11e6), Count(6.3e6), parameters=103_456)
ACCURACY = (Goal("accuracy", "maximize"),)


def make_record(
    number: int,
    values: tuple[float, ...] | None,
    *,
    label: str | None = None,
    test_score: float | None = None,
    config: dict | None = None,
    spent: dict[str, float] | None = None,
    cause: str = "",
) -> Record:
    """One finished trial; failed when `values` is None."""
    config = {"phi": -1.0, "normalizer": "frn", "learning_rate": 0.012} if config is None else config
    failed = values is None
    spent = {"wall_s": 14.2, "cpu_s": 13.9} if spent is None else spent
    spec = TrialSpec("fake", number, "efficientnet", config, DATA, 10, 128, 0, 1)
    result = TrialResult(
        number=number,
        status="failed" if failed else "complete",
        score=None if failed else values[0],
        history=[],
        training=PriceTag() if failed else PriceTag({"flops": Figure(1.3e12, "counted", "torch")}),
        prediction=PriceTag() if failed else PriceTag({"flops": Figure(2.11e6, "counted", "torch")}),
        spent=PriceTag({name: Figure(value, "measured", "clock") for name, value in spent.items()}),
        work=None if failed else WORK,
        cause=cause or ("the loss was not finite" if failed else ""),
    )
    label = label if label is not None else f"phi -1.0 · 16 px · frn · lr 0.0{number}"
    return Record(spec, result, values, label, test_score)


def make_study(trials: int = 24, seed: int = 0, failed: tuple[int, ...] = (5, 17)) -> list[Record]:
    """Trials scattered as those of a real search are: dearer is better, with less and less gained."""
    draw = random.Random(seed)
    records = []
    for number in range(trials):
        work = 10 ** draw.uniform(11.5, 13.9)
        score = min(0.995, 1 - 0.35 * (work / 10**11.5) ** -0.5 - draw.expovariate(20) * draw.choice((0, 1, 1, 4)))
        if number in failed:
            records.append(make_record(number, None))
            continue
        norm = draw.choice(("bn", "gn", "frn"))
        phi, side, rate = draw.uniform(-3, 1), draw.choice((8, 16, 24, 32)), 10 ** draw.uniform(-3, -1.5)
        label = f"phi {phi:.1f} · {side} px · {norm} · lr {rate:.2g}"
        records.append(make_record(number, (round(score * 359) / 359, work), label=label))
    return records


def one_goal(records: list[Record]) -> list[Record]:
    """`records` with their first value alone."""
    return [dataclasses.replace(record, values=record.values and record.values[:1]) for record in records]


@pytest.fixture(scope="session")
def record():
    return make_record


@pytest.fixture
def study():
    return make_study()


@pytest.fixture
def tested_study(study):
    """The same after the front was tested."""
    on_front = {record.number for record in front(study, GREEN)}
    return [
        dataclasses.replace(record, test_score=record.values[0] - 0.011) if record.number in on_front else record
        for record in study
    ]


@pytest.fixture
def scores_only(study):
    """The same trials under an objective with one goal."""
    return one_goal(study)


@pytest.fixture
def green():
    return GREEN


@pytest.fixture
def accuracy():
    return ACCURACY


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    """Settings of the person who runs the tests must not reach them."""
    for name in list(os.environ):
        # Those of the terminal too, which pytest-xdist makes up.
        if name.startswith("AUTOML_") or name in {"COLUMNS", "LINES"}:
            monkeypatch.delenv(name)


@pytest.fixture
def toys():
    """A host with the toy plugin, in force for the test."""
    with use_host(toy_host()) as host:
        yield host


class SteadyReader:
    """An energy meter that draws 36 W for ever: a Wh each hundred seconds."""

    name, method, how = "steady", "measured", "36 W for ever"

    def read_wh(self):
        return time.perf_counter() / 100


@pytest.fixture
def energy_reader():
    return SteadyReader()
