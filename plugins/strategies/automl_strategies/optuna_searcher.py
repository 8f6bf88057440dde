"""Any sampler of Optuna's as a searcher, on a study in memory."""

from __future__ import annotations

import contextlib
import random
import warnings
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from automl.engine.points import distribution, optuna_value
from automl_strategies.plain import PlainSearcher
from automl_strategies.points import fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from automl.parts.strategy import Outcome, Point, Problem, Step

ATTEMPTS = 20
"""Proposals that were known or refused, after which a new point is drawn by chance."""


class OptunaSearcher(PlainSearcher):
    """Proposes what a sampler proposes, and draws by chance when the sampler has nothing new to say.

    What is known of the trials is kept here; Optuna's study is made from it, and made anew when a step is told that it
    does not run, as happens when a search goes on.

    Args:
        problem: What is to be solved.
        sampler: Makes the sampler from a seed.
        attempts: Proposals in a row that may be known or refused.
        learns_refusals: Whether the sampler makes use of trials without values that break a constraint. The others
            ignore them, and are told of a refused point as of a failed one.
        attributes: System attributes that the sampler wants on a trial it did not propose, by how many trials were
            completed before.
    """

    def __init__(
        self,
        problem: Problem,
        sampler: Callable[[int], optuna.samplers.BaseSampler],
        *,
        attempts: int = ATTEMPTS,
        learns_refusals: bool = False,
        attributes: Callable[[int], dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(problem)
        self._sampler = sampler
        self._attempts = attempts
        self._learns_refusals = learns_refusals
        self._attributes = attributes
        self._distributions = {dimension.name: distribution(dimension) for dimension in problem.dimensions}
        self._trials: dict[int, tuple[Point, Outcome | None]] = {}
        self._study: optuna.Study | None = None
        self._running: dict[int, int] = {}
        self._proposed: int | None = None
        self._completed = 0

    def ask(self, *, new: bool = True) -> Step | None:
        """A new candidate, which counts as running until it is told."""
        step = super().ask(new=new)
        proposed, self._proposed = self._proposed, None
        if step is not None:
            self._trials[step.trial] = (step.point, None)
            if self._study is not None:
                self._running[step.trial] = self._add(self._study, step.point, None) if proposed is None else proposed
        return step

    def tell(self, step: Step, outcome: Outcome) -> None:
        """Takes in what a step gave; of a trial that is told several times the last outcome counts."""
        super().tell(step, outcome)
        self._trials[step.trial] = (step.point, outcome)
        running = self._running.pop(step.trial, None)
        if self._study is None:
            return
        if running is None:
            self._study = None
        else:
            self._study.tell(running, self._values(outcome), state=_state(outcome))
            self._completed += outcome.values is not None

    def propose(self) -> Point | None:
        """A new point of the sampler's, or one by chance."""
        with _quiet():
            point = self._proposal()
        return self.by_chance() if point is None else point

    def _proposal(self) -> Point | None:
        if self._study is None:
            self._study = self._build()
        for _ in range(self._attempts):
            trial = self._study.ask()
            point: Point = {dimension.name: dimension.suggest(trial) for dimension in self.problem.dimensions}
            known = self.is_known(point)
            if self.may_begin(point):
                self._proposed = trial.number
                return point
            if self._learns_refusals and not known:
                trial.set_constraint("refused", 1.0)
                self._study.tell(trial, state=TrialState.PRUNED)
            else:
                self._study.tell(trial, state=TrialState.FAIL)
        return None

    def _build(self) -> optuna.Study:
        told = sum(outcome is not None for _, outcome in self._trials.values())
        # With the bare seed a search that goes on would begin with the draws it began with before.
        seed = random.Random(f"{self.problem.seed} {told}").getrandbits(32)
        directions = [goal.direction for goal in self.problem.goals]
        study = optuna.create_study(directions=directions, sampler=self._sampler(seed))
        self._completed = 0
        self._running = {}
        for number, (point, outcome) in self._trials.items():
            if fits(point, self.problem.dimensions):
                place = self._add(study, point, outcome)
                if outcome is None:
                    self._running[number] = place
        return study

    def _add(self, study: optuna.Study, point: Point, outcome: Outcome | None) -> int:
        """Adds a trial that the sampler did not propose; returns Optuna's number of it."""
        study.add_trial(
            optuna.trial.create_trial(
                state=_state(outcome),
                values=self._values(outcome),
                params=point,
                distributions=self._distributions,
                system_attrs=self._attributes(self._completed) if self._attributes else None,
            )
        )
        self._completed += outcome is not None and outcome.values is not None
        return len(study.get_trials(deepcopy=False)) - 1

    def _values(self, outcome: Outcome | None) -> list[float] | None:
        if outcome is None or outcome.values is None:
            return None
        return [optuna_value(goal, value) for goal, value in zip(self.problem.goals, outcome.values, strict=True)]


def _state(outcome: Outcome | None) -> TrialState:
    if outcome is None:
        return TrialState.RUNNING
    return TrialState.FAIL if outcome.values is None else TrialState.COMPLETE


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's words on every new study, on what it calls experimental and on packages it would like."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.ERROR))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
