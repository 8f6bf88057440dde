"""What a finished step is worth to the engine: its goals' values, its price, and whether going on makes sense."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl.engine.record import Record
    from automl.engine.resolve import Plan
    from automl.training.trial import TrialResult

MAX_FAILURES = 5
"""Failures in a row with one cause, after which the search stops: the next candidates would fail as well."""


class Judge:
    """Judges the steps of one search.

    Args:
        plan: The search.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._cause = ""
        self._alike = 0

    def values(self, result: TrialResult) -> tuple[TrialResult, tuple[float, ...] | None]:
        """The result and its goals' values; a failure where a figure that the objective reads is not known."""
        if result.score is None:
            return result, None
        task, objective = self._plan.task, self._plan.objective
        try:
            values = objective.values(task, self._plan.pricer.figures(result, task.score))
        except KeyError as missing:
            cause = f"{missing.args[0]} is not known of it"
        else:
            if all(map(math.isfinite, values)):
                return result, values
            cause = f"its goals are not finite: {values}"
        return dataclasses.replace(result, status="failed", cause=cause), None

    def price(self, result: TrialResult, before: Record | None) -> float:
        """What a step has cost, in one unit for all steps of the study.

        Counted operations where something was trained: seconds differ from run to run, and the same search is to give
        the same proposals. Where trainings are looked up, the quantity that is a goal, or else seconds.

        Args:
            result: Of the step; its training from the very beginning.
            before: The same trial at the rung before.
        """
        quantity = self._quantity(result)
        if quantity not in result.training:
            return result.spent[quantity].value if quantity in result.spent else 0.0
        paid = before.result.training if before else None
        earlier = paid[quantity].value if paid and quantity in paid else 0.0
        return max(0.0, result.training[quantity].value - earlier)

    def _quantity(self, result: TrialResult) -> str:
        if not self._plan.recorded:
            return "flops"
        wanted = [goal.metric.removeprefix("training_") for goal in self._plan.goals]
        return next((name for name in (*wanted, "wall_s", "flops") if name in result.training), "wall_s")

    def hopeless(self, record: Record) -> str:
        """Why it makes no sense to go on; empty when it does."""
        cause = record.result.cause
        self._alike = self._alike + 1 if cause and cause == self._cause else int(bool(cause))
        self._cause = cause
        return f"{MAX_FAILURES} trials in a row failed alike: {cause}" if self._alike >= MAX_FAILURES else ""
