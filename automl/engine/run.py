"""The search itself: ask for a candidate, have it trained, take in what came out, until the trials are spent."""

from __future__ import annotations

import collections
import contextlib
import datetime
import functools
import time
from typing import TYPE_CHECKING

from automl.engine.bill import Bill
from automl.engine.computing import choose
from automl.engine.copies import keep_record, keep_study
from automl.engine.database import Database
from automl.engine.estimate import estimate
from automl.engine.going_on import knowing
from automl.engine.hold import held
from automl.engine.interrupt import REASON, Wish, polite
from automl.engine.judge import Judge
from automl.engine.no_room import no_room
from automl.engine.record import Record
from automl.engine.settings import TRIALS
from automl.engine.store import prepare_home
from automl.engine.study import Study
from automl.errors import TrialError, UsageError
from automl.parts.executor import Job
from automl.price import energy, named
from automl.price.meter import Meter
from automl.price.tag import PriceTag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from automl.engine.engine import Engine
    from automl.engine.observer import Observer
    from automl.engine.resolve import Plan
    from automl.parts.executor import Workers
    from automl.parts.strategy import Step
    from automl.training.trial import TrialResult, TrialSpec


class Search:
    """One sitting of a study: goes on where the last one ended.

    Args:
        plan: What to search.
        observers: Who is told.
    """

    def __init__(self, plan: Plan, observers: Sequence[Observer] = ()) -> None:
        self._plan = plan
        self._observers = observers
        self._judge = Judge(plan)
        self._begun: set[int] = set()
        self._wish = Wish()
        self._labels: dict[int, str] = {}

    def run(self) -> Study:
        """Searches until the study holds as many trials as its settings say, then opens the test split.

        Returns:
            The study, finished or, after a first Ctrl-C, as far as it got, its test split unopened.

        Raises:
            StorageError: The home cannot be written to.
            StudyError: The study exists with other settings, is held by another process, or is damaged.
            TrialError: No trial succeeded.
            KeyboardInterrupt: A second Ctrl-C, or one before there was a result, or SIGTERM; all finished steps are
                kept.
        """
        import optuna
        import sqlalchemy.exc

        with contextlib.ExitStack() as stack:
            # First of all: workers get ready while this process does.
            workers = self._plan.executor.start(self._plan.resources)
            stack.callback(workers.close)
            if not self._plan.recorded:
                # Opening the energy meters takes seconds, which are no part of any search.
                energy.warm_up()
                self._check_energy()
            settings = self._plan.settings
            with Meter() as meter:
                try:
                    prepare_home(settings.home)
                    self._choice = choose(self._plan, workers)
                    self._plan = self._choice.plan
                    study = Study.create(self._plan)
                    study.waiting = lambda cause: self._tell(lambda observer: observer.waiting(cause))
                    with no_room(study.name, settings.home), held(study):
                        self._bill = Bill(study, None if self._plan.recorded else meter, self._plan.pricer.tariff)
                        # What is still under way must have ended when the study is nobody's any more.
                        self._sitting(study, workers, stack.pop_all())
                except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DatabaseError) as error:
                    raise Database(settings.home, settings.storage).error(error) from error
                finally:
                    for observer in self._observers:
                        observer.close()
        return study

    def _sitting(self, study: Study, workers: Workers, closing: contextlib.ExitStack) -> None:
        """Searches with workers that are closed at the end, however it ends."""
        try:
            with closing, polite(lambda: self._tell(lambda observer: observer.stopping())) as self._wish:
                keep_study(study)
                self._bill.elsewhere = lambda: workers.elsewhere
                self._run(study, workers)
        except KeyboardInterrupt:
            # What the trial that was cut off has cost is spent all the same.
            self._bill.keep()
            raise

    def _run(self, study: Study, workers: Workers) -> None:
        self._tell(lambda observer: observer.opened(study))
        if self._choice.spent:
            self._bill.add(self._choice.spent)
        if self._choice.told:
            self._tell(lambda observer: observer.chosen(study, self._choice.told))
        made = study.trial_count
        most = self._plan.settings.most_trials(made)
        known = knowing(self._plan, study, most)
        engine, self._beforehand, self._latest = known.engine, known.beforehand, known.latest
        reason = self._bill.over(self._plan.budget) if made else ""
        if made < most and not reason:
            self._predict(study, workers, most - made)
        else:
            self._tell(lambda observer: observer.prepared(study, None, 0))
        self._begun = {record.number for record in study.records}
        reason = self._steps(study, engine, known.unfinished, workers, most)
        self._bill.keep()
        study.keep("unpaid", engine.unpaid if known.retraced else _sum_counts(study.unpaid, engine.unpaid))
        if reason == REASON and not study.front_records:
            raise KeyboardInterrupt
        if not study.front_records:
            causes = "; ".join(sorted({record.result.cause for record in study.records})[:3])
            raise TrialError(f"No trial of study {study.name!r} succeeded: {causes or _why_none(study)}.")
        if reason != REASON:
            # Who stops a search may want to go on with it: what the test says is for its end.
            self._test(study, workers)
        study.keep("stopped", reason)
        keep_study(study)
        self._tell(lambda observer: observer.finished(study, reason))

    def _steps(self, study: Study, engine: Engine, unfinished: list[Step], workers: Workers, most: int) -> str:
        """Keeps every worker busy until trials or budget are spent; returns why it ended before all trials ran."""
        flying: dict[int, Step] = {}
        resumed = {step.trial for step in unfinished}
        reason = ""
        while True:
            reason = reason or (REASON if self._wish.uttered else "")
            while not reason and len(flying) < workers.slots:
                new = len(self._begun) < most
                # One result there must be, or what was spent until here has bought nothing.
                if study.records and (over := self._bill.over(self._plan.budget)):
                    reason = f"{over}; {self._with_more(engine, unfinished, new=new)}"
                    break
                if not unfinished and resumed & flying.keys():
                    # An engine that was only told of the study does not know that these are under way.
                    break
                step = unfinished.pop(0) if unfinished else engine.ask(new=new)
                if step is None:
                    if not flying:
                        return "every candidate of the space has been tried" if new else ""
                    # What is under way may make another step worth its price.
                    break
                flying[step.trial] = step
                self._begin(study, engine, step, workers)
            if not flying:
                return reason
            for job, result in workers.wait(self._epoch):
                record = self._finish(study, engine, flying.pop(job.spec.number), job.spec, result)
                reason = reason or self._judge.hopeless(record)

    def _predict(self, study: Study, workers: Workers, remaining: int) -> None:
        """Says what the search will cost, and keeps it to be held against what it did cost."""
        expected = estimate(self._plan, remaining, workers, self._bill.total)
        if expected is not None:
            self._bill.add(expected.spent)
            study.keep("expected", {**expected.to_json(), "before": self._bill.total.to_json()})
        coming = expected.trials if expected else min(remaining, TRIALS)
        self._tell(lambda observer: observer.prepared(study, expected, coming))

    def _with_more(self, engine: Engine, unfinished: list[Step], *, new: bool) -> str:
        """What the search would do next if there were more to spend."""
        step = unfinished[0] if unfinished else engine.ask(new=new)
        if step is None:
            return "there was nothing left worth doing"
        label = self._plan.space.describe(self._beforehand.config(step.point))
        epochs = self._plan.rungs[step.rung]
        if step.from_rung is None:
            return f"with more it would begin another candidate ({label})"
        return f"with more it would train trial {step.trial} ({label}) on to {epochs} epochs"

    def _begin(self, study: Study, engine: Engine, step: Step, workers: Workers) -> None:
        """Hands a step to a worker."""
        spec = self._beforehand.spec(step, study.name)
        label = self._labels[step.trial] = self._plan.space.describe(spec.config)
        self._begun.add(step.trial)
        if not self._plan.recorded:
            study.keep_in_flight(engine.in_flight)
        self._tell(lambda observer: observer.trial_started(spec, label))
        workers.submit(Job(spec, study.step_folder(spec), study.checkpoints(spec.number)))

    def _epoch(self, spec: TrialSpec, epoch: int, metrics: dict[str, float], spent: PriceTag) -> None:
        self._bill.running(spec.number, spent)
        self._tell(lambda observer: observer.epoch_finished(spec, epoch, metrics))

    def _finish(self, study: Study, engine: Engine, step: Step, spec: TrialSpec, result: TrialResult) -> Record:
        """Takes in what became of a step."""
        result, values = self._judge.values(self._plan.pricer.complete(result))
        before = self._latest.get(step.trial)
        price = self._judge.price(result, before)
        label = self._labels.pop(step.trial)
        now_ms = int(time.time() * 1000)
        record = Record(spec, result, values, label, step=step, price=price, finished_ms=now_ms)
        if not self._plan.recorded:
            keep_record(study, record, self._beforehand.dimensions)
        study.add(record, self._beforehand.dimensions)
        if not self._plan.recorded:
            study.tidy(record)
        self._latest[step.trial] = record
        self._beforehand.learn(record)
        engine.tell(step, values, price=price)
        self._bill.add(result.spent, step.trial)
        self._tell(functools.partial(_finished, study, record))
        return record

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

    def _test(self, study: Study, workers: Workers) -> None:
        """Opens the test split for the front's trials that have not been tested."""
        untested = [record for record in study.front_records if record.test_score is None]
        if not untested:
            return
        self._tell(lambda observer: observer.testing(study, len(untested)))
        name = f"test_{self._plan.task.score}"
        scores = study.test_scores
        for record in untested:
            spec = record.spec
            metrics = workers.evaluate(Job(spec, study.step_folder(spec), study.checkpoints(spec.number)))
            if name in metrics:
                scores[record.name] = metrics[name]
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        study.keep("test", {"scores": scores, "opened": [*study.test_openings, now]})
        predicted = [record.result.work.prediction_tag() for record in untested if record.result.work]
        self._bill.add(PriceTag.total(predicted) * self._plan.data.test_size)

    def _tell(self, call: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            call(observer)


def _sum_counts(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    return dict(collections.Counter(before) + collections.Counter(now))


def _why_none(study: Study) -> str:
    """Why not one candidate was begun."""
    return "; ".join(f"{count} candidates {reason}" for reason, count in study.unpaid.items()) or "none was proposed"


def _finished(study: Study, record: Record, observer: Observer) -> None:
    observer.trial_finished(study, record)
