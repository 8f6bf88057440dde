"""What is to be said of a step whose worker did not live to say it."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from automl.files import write_json
from automl.price.tag import Figure, PriceTag
from automl.training.trial import TrialResult

if TYPE_CHECKING:
    from automl.parts import Job

LOST = "the last, unfinished epoch of a trial that was killed"


def failed_result(
    job: Job, cause: str, history: list[dict[str, float]], spent: PriceTag, taken_s: float | None
) -> TrialResult:
    """A failure with its cause and what is known to have been spent; left in the step's folder too.

    Args:
        job: The step.
        cause: Why there is no result, in a few words.
        history: Metrics of the epochs that it told of.
        spent: What it has cost until the last of them, as it told.
        taken_s: Seconds it has had by the clock; None where it never began.
    """
    # What it did after the last epoch that it told of is not known. Absent, it would take the whole bill with it.
    told = PriceTag({name: Figure(0.0, "counted") for name in ("flops", "moved_bytes")}) | spent
    known = PriceTag(
        {name: dataclasses.replace(figure, without=(*figure.without, LOST)) for name, figure in told.items()}
    )
    if taken_s is not None:
        known = known | PriceTag({"wall_s": Figure(taken_s, "measured", "wall clock")})
    result = TrialResult(
        number=job.spec.number,
        status="failed",
        score=None,
        history=history,
        training=PriceTag(),
        prediction=PriceTag(),
        spent=known,
        cause=cause,
    )
    with contextlib.suppress(OSError):
        write_json(job.folder / "result.json", result.to_json())
    return result
