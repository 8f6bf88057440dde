"""Trials of recorded spaces: looked up, not trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.host import get_host
from automl.parts import Task
from automl.price.tag import SUMS, Figure, PriceTag
from automl.training.trial import TrialResult, TrialSpec

if TYPE_CHECKING:
    from automl.parts.recorded import RecordedSpace


def replay_trial(space: RecordedSpace, spec: TrialSpec) -> TrialResult:
    """What training a candidate as far as its spec says gave when it was recorded; nothing is left in any folder."""
    task = get_host().part(Task, spec.data.task)
    try:
        recording = space.look_up(spec.config, spec.data, spec.last_epoch)
        before = space.look_up(spec.config, spec.data, spec.from_rung).training if spec.from_rung else PriceTag()
    except KeyError:
        return _failed(spec, "this candidate was never recorded")
    if task.score not in recording.metrics:
        return _failed(spec, f"no {task.score} was recorded of this candidate")
    return TrialResult(
        number=spec.number,
        status="complete",
        score=recording.metrics[task.score],
        history=[{f"val_{name}": value for name, value in recording.metrics.items()}],
        training=recording.training,
        prediction=recording.prediction,
        spent=_difference(recording.training.only(SUMS), before),
    )


def replay_test(space: RecordedSpace, spec: TrialSpec) -> dict[str, float]:
    """The test metrics that were recorded."""
    recording = space.look_up(spec.config, spec.data, spec.last_epoch)
    return {f"test_{name}": value for name, value in recording.test_metrics.items()}


def _difference(tag: PriceTag, before: PriceTag) -> PriceTag:
    """What a step has cost that took up the training where `before` ended."""
    paid = {name: before[name].value if name in before else 0.0 for name in tag}
    return PriceTag(
        {name: Figure(max(0.0, figure.value - paid[name]), figure.method, figure.how) for name, figure in tag.items()}
    )


def _failed(spec: TrialSpec, cause: str) -> TrialResult:
    nothing = PriceTag()
    return TrialResult(spec.number, "failed", None, [], nothing, nothing, nothing, cause=cause)
