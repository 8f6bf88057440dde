"""The search itself: ask for a candidate, have it trained, take in what came out, until the trials are spent."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import math
from typing import TYPE_CHECKING

from automl.engine.bill import Bill
from automl.engine.estimate import Estimate, estimate
from automl.engine.record import Record
from automl.engine.resolve import BATCH_SIZE, Plan
from automl.engine.settings import TRIALS
from automl.engine.store import DATABASE, database_error, held, prepare_home
from automl.engine.strategy import Proposer, make_sampler
from automl.engine.study import Study
from automl.errors import TrialError, UsageError
from automl.price import energy, named
from automl.price.meter import Meter
from automl.price.tag import PriceTag
from automl.training.trial import TrialResult, TrialSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna

    from automl.engine.executor import Executor
    from automl.engine.observer import Observer
    from automl.parts import Config

MAX_FAILURES = 5
"""Failures in a row with one cause, after which the search stops: the next candidates would fail as well."""


class Search:
    """One sitting of a study: goes on where the last one ended.

    Args:
        plan: What to search.
        executor: Where trials run.
        observers: Who is told.
    """

    def __init__(self, plan: Plan, executor: Executor, observers: Sequence[Observer] = ()) -> None:
        self._plan = plan
        self._executor = executor
        self._observers = observers
        self._cause = ""
        self._alike = 0

    def run(self) -> Study:
        """Searches until the study holds as many trials as its settings say, then opens the test split.

        Returns:
            The study, finished or, after Ctrl-C, as far as it got.

        Raises:
            StorageError: The home cannot be written to.
            StudyError: The study exists with other settings, is held by another process, or is damaged.
            TrialError: No trial succeeded.
            KeyboardInterrupt: The user stopped it; all finished trials are kept.
        """
        import optuna
        import sqlalchemy.exc

        home = self._plan.settings.home
        # Opening the energy meters takes seconds, which are no part of any search.
        energy.warm_up()
        self._check_energy()
        with Meter() as meter:
            try:
                prepare_home(home)
                study = Study.create(self._plan)
                with held(study.folder):
                    self._bill = Bill(study, meter, self._plan.pricer.tariff)
                    try:
                        self._run(study)
                    except KeyboardInterrupt:
                        # What the trial that was cut off has cost is spent all the same.
                        self._bill.keep()
                        raise
            except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DatabaseError) as error:
                raise database_error(home / DATABASE, error) from error
            finally:
                for observer in self._observers:
                    observer.close()
        return study

    def _run(self, study: Study) -> None:
        self._forget_unfinished(study)
        self._tell(lambda observer: observer.opened(study))
        made = len(study.records)
        remaining = max(0, self._plan.settings.most_trials(made) - made)
        reason = self._over_budget(study, remaining) if made and remaining else ""
        expected = self._estimate(remaining, study.bill) if not reason else None
        if expected is not None:
            self._bill.add(expected.spent)
            study.keep("expected", {**expected.to_json(), "before": study.bill.to_json()})
        coming = expected.trials if expected else min(remaining, TRIALS)
        self._tell(lambda observer: observer.prepared(study, expected, 0 if reason else coming))
        proposer = self._proposer(study)
        for number in range(remaining):
            # One trial there must be, or what was spent until here has bought nothing.
            if study.records and (reason := self._over_budget(study, remaining - number)):
                break
            proposal = proposer.ask()
            if proposal is None:
                reason = "every candidate of the space has been tried"
                break
            record = self._trial(study, *proposal)
            self._bill.add(record.result.spent)
            self._tell(functools.partial(_finished, study, record))
            if reason := self._hopeless(record):
                break
        if not study.front_records:
            causes = "; ".join(sorted({record.result.cause for record in study.records})[:3])
            raise TrialError(f"No trial of study {study.name!r} succeeded: {causes}.")
        self._test(study)
        study.keep("stopped", reason)
        self._tell(lambda observer: observer.finished(study, reason))

    def _estimate(self, remaining: int, bill: PriceTag) -> Estimate | None:
        return estimate(self._plan, remaining, bill) if remaining else None

    def _over_budget(self, study: Study, remaining: int) -> str:
        """Why the purse is empty, and what was still to come; empty while there is something in it."""
        spent = self._plan.budget.spent(study.bill)
        if not spent:
            return ""
        more = f"{remaining} more trials were asked for" if self._plan.settings.trials else "with more it would go on"
        return f"{spent}; {more}"

    def _proposer(self, study: Study) -> Proposer:
        # The sampler's draws continue with another seed when a study goes on, instead of repeating the first ones.
        study.optuna.sampler = make_sampler(self._plan.settings.seed + len(study.records))
        seen = [record.spec.config for record in study.records]
        proposer = Proposer(study.optuna, self._plan.space, self._plan.data, self._plan.narrowing, seen)
        if not study.records:
            proposer.enqueue_landmarks()
        return proposer

    def _trial(self, study: Study, trial: optuna.Trial, config: Config) -> Record:
        settings = self._plan.settings
        spec = TrialSpec(
            study=study.name,
            number=trial.number,
            space=self._plan.space.name,
            config=config,
            data=self._plan.data,
            epochs=settings.epochs,
            batch_size=settings.batch_size or BATCH_SIZE,
            seed=settings.seed + trial.number,
            threads=settings.threads or 1,
        )
        label = self._plan.space.describe(config)
        self._tell(lambda observer: observer.trial_started(spec, label))

        def on_epoch(epoch: int, metrics: dict[str, float], spent: PriceTag) -> None:
            self._bill.running(spent)
            self._tell(lambda observer: observer.epoch_finished(spec, epoch, metrics))

        result = self._plan.pricer.complete(self._executor.run(spec, study.trial_folder(spec.number), on_epoch))
        result, values = self._judged(result)
        return study.add(trial, Record(spec, result, values, label))

    def _judged(self, result: TrialResult) -> tuple[TrialResult, tuple[float, ...] | None]:
        """The result and its values; a failure where a figure that the objective reads is not known."""
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

    def _check_energy(self) -> None:
        """Raises UsageError when a goal is made of energy and nothing here can tell it."""
        figures = self._plan.objective.reads(self._plan.task)
        figures = (*figures, *(f"lifetime_{quantity}" for quantity in self._plan.budget.limits))
        wanted = [name for name in figures if "energy" in name or named.needs_rate(name)]
        wanted = [name for name in wanted if not named.split(name)[1]]
        rented = self._plan.settings.usd_per_hour is not None
        if rented:
            wanted = [name for name in wanted if named.needs_rate(name) != "money"]
        if wanted and energy.reader() is None:
            raise UsageError(f"{', '.join(wanted)}: nothing here tells energy. {' '.join(energy.problems())}")

    def _hopeless(self, record: Record) -> str:
        """Why it makes no sense to go on; empty when it does."""
        cause = record.result.cause
        self._alike = self._alike + 1 if cause and cause == self._cause else int(bool(cause))
        self._cause = cause
        return f"{MAX_FAILURES} trials in a row failed alike: {cause}" if self._alike >= MAX_FAILURES else ""

    def _test(self, study: Study) -> None:
        """Opens the test split for the front's trials that have not been tested."""
        untested = [record for record in study.front_records if record.test_score is None]
        if not untested:
            return
        self._tell(lambda observer: observer.testing(study, len(untested)))
        name = f"test_{self._plan.task.score}"
        scores = {str(number): score for number, score in study.test_scores.items()}
        for record in untested:
            metrics = self._executor.evaluate(record.spec, study.trial_folder(record.number))
            scores[str(record.number)] = metrics[name]
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        study.keep("test", {"scores": scores, "opened": [*study.test_openings, now]})
        predicted = [record.result.work.prediction_tag() for record in untested if record.result.work]
        self._bill.add(PriceTag.total(predicted) * self._plan.data.test_size)

    @staticmethod
    def _forget_unfinished(study: Study) -> None:
        """Trials that a killed search left running will never report; their numbers are not used again."""
        import optuna

        for trial in study.optuna.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            study.optuna.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def _tell(self, call: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            call(observer)


def _finished(study: Study, record: Record, observer: Observer) -> None:
    observer.trial_finished(study, record)
