"""Threads, precision and memory format of a search: what the user said, what the study has, or what a probe finds.

A probe's outcome is kept in the home, so that the next search of the same kind makes the same choice without measuring.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pydantic

from automl.engine.beforehand import trial_spec
from automl.engine.database import Database
from automl.engine.narrow import NarrowedTrial, starting_point
from automl.engine.study import Study
from automl.errors import UsageError
from automl.files import write_json
from automl.price.measure import processor
from automl.price.tag import PriceTag
from automl.training.parts import count_work
from automl.training.probe import probe
from automl.training.trial import MemoryFormat, Precision  # noqa: TC001 - pydantic reads them

if TYPE_CHECKING:
    from pathlib import Path

    from automl.engine.resolve import Plan
    from automl.parts.executor import Workers
    from automl.training.trial import TrialSpec

FILE = "probes.json"
"""File of a home that holds what probes found."""


class _Chosen(pydantic.BaseModel):
    """What is other than usual."""

    model_config = pydantic.ConfigDict(strict=True, extra="forbid")

    threads: int | None = pydantic.Field(None, ge=1, le=4096)
    precision: Precision | None = None
    memory_format: MemoryFormat | None = None


class _Probe(pydantic.BaseModel):
    """What a probe found; seconds and gains are for whoever looks."""

    model_config = pydantic.ConfigDict(strict=True, allow_inf_nan=False)

    chosen: _Chosen
    gains: dict[str, float]
    step_s: dict[str, float]


_PROBES = pydantic.TypeAdapter(dict[str, _Probe])


@dataclasses.dataclass(frozen=True)
class Choice:
    """How a search computes.

    Attributes:
        plan: The search with its choice made.
        told: What is other than usual and why, in sentences; empty where nothing is, or where the user said so.
        spent: What the probe has cost, in operations; its time is on the meter of who asked.
    """

    plan: Plan
    told: tuple[str, ...] = ()
    spent: PriceTag = dataclasses.field(default_factory=PriceTag)


def choose(plan: Plan, workers: Workers) -> Choice:
    """Settles what the user left open: as the study has it when it goes on, as an earlier probe found, or by a probe.

    Args:
        plan: The search.
        workers: Where training steps are timed.

    Raises:
        UsageError: The file of earlier probes is damaged.
    """
    if plan.recorded or not plan.left_open:
        return Choice(plan)
    settings = plan.settings
    if settings.study and settings.study in Database(settings.home, settings.storage).names():
        kept = Study.open(settings.study, settings.home, settings.storage).settings
        values = {name: getattr(kept, name) for name in plan.left_open if getattr(kept, name) is not None}
        return Choice(_with(plan, values))
    spec = _typical(plan)
    path, key = settings.home / FILE, _key(plan, spec)
    probes = _load(path)
    spent = PriceTag()
    if key not in probes:
        outcome = probe(spec, plan.left_open, plan.most_threads, workers.time_step)
        if not outcome.step_s:
            # It cannot be trained; the search will report why.
            return Choice(plan)
        probes[key] = _Probe(chosen=_Chosen(**outcome.chosen), gains=outcome.gains, step_s=outcome.step_s)
        write_json(path, _PROBES.dump_python(probes, exclude_none=True))
        spent = count_work(spec).training_tag(outcome.steps * spec.batch_size, outcome.steps, spec.batch_size)
    found = probes[key]
    values = found.chosen.model_dump(exclude_none=True)
    return Choice(
        _with(plan, values),
        tuple(_told(name, value, found.gains.get(name, 1.0)) for name, value in values.items()),
        spent,
    )


def _with(plan: Plan, values: dict[str, Any]) -> Plan:
    return dataclasses.replace(plan, settings=plan.settings.model_copy(update=values))


def _told(name: str, value: object, gain: float) -> str:
    words = ("on one thread" if value == 1 else f"on {value} threads") if name == "threads" else f"in {value}"
    return f"Trains {words}: {gain:.1f} times as fast as usual in a probe; --{name.replace('_', '-')} says otherwise."


def _typical(plan: Plan) -> TrialSpec:
    """The candidate that the space's defaults give, within the user's wishes."""
    import optuna

    point = starting_point({}, plan.space.dimensions(plan.data), plan.narrowing)
    trial = NarrowedTrial(optuna.trial.FixedTrial(point), plan.narrowing)
    return trial_spec(plan, plan.space.suggest(trial, plan.data), "probe")


def _key(plan: Plan, spec: TrialSpec) -> str:
    """The same text where the same is to be chosen: candidate, data, what may be chosen, workers and machine."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    settings = plan.settings
    depends = {
        "spec": {**spec.to_json(), "seed": 0, "epochs": 0},
        "open": sorted(plan.left_open),
        "workers": [settings.executor, settings.jobs, settings.address, plan.most_threads],
        "machine": [processor(), gpu, torch.__version__],
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]


def _load(path: Path) -> dict[str, _Probe]:
    try:
        return _PROBES.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}, which keeps what probes found, is damaged; remove it to probe again.") from error
