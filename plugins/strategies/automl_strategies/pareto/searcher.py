"""Proposes and promotes by one figure: expected gain of the front over the price still to be paid.

Hyperband and its kin promote the best of a rung by rank. Here new candidates and paused ones compete on one figure, the
bargain: the expected gain in hypervolume of the front (Emmerich et al. 2011), exact for independent normal losses,
divided by what has still to be paid for it, as expected improvement per second is (Snoek et al. 2012). So a promising
paused trial goes on, part of its price being paid already; a disappointing one is never bought again; and no dear
candidate is begun unless it promises accordingly more. Non-dominated sorting of the predicted final losses decides
which trials are parents of new candidates and which may still go on.

What a longer training would give is read from a Gaussian process over the candidate and the logarithm of the budget
(Swersky et al. 2014 in spirit), which learns from every rung of every trial, from stopped ones too. Prices of training
are learned alike; those known beforehand are asked for, exactly, of the best looking, and what the front beats at every
plausible score is dropped unpaid. Where there are rungs, at every other choice the model is taken to know half as much
as it says.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from automl.parts.strategy import Outcome, Point, Problem, Step
from automl_strategies.pareto.acquisition import boxes, dominated_by, expected_gain, thinned, undominated
from automl_strategies.pareto.coder import Array, Coder
from automl_strategies.pareto.forecast import Forecast, losses
from automl_strategies.plain import DRAWS

if TYPE_CHECKING:
    from collections.abc import Sequence

Boxes = tuple[Array, Array]
"""Lower and upper corners of what no result dominates."""

STARTUP = 8
"""Candidates of the first design, landmarks among them, before the model is asked."""

POOL = 384
"""New candidates weighed a proposal, before the best of them are refined."""

REFINEMENTS, TOP, CHILDREN = 2, 12, 96
"""How often the best are refined, how many of them, into how many."""

FINALISTS = 32
"""How many of the best are weighed against the whole front; the pool is weighed against `CELLS` points of it."""

CELLS = 24

MAX_PAUSED = 48
"""Paused trials that are weighed at each choice; the others rest until the model is fitted anew."""

THRIFT = 0.25
"""Power of the price in the bargain. At 1 the purse goes to the cheap end long after that has nothing more to give."""

OPTIMISM = 2.0
"""What deviations are multiplied by at every other choice where there are rungs: a model that learns mostly from short
trainings is too sure of what full ones give, and comes back to the same corner for ever smaller gains."""

PLAUSIBLE = 2.0
"""Standard deviations within which a loss is plausible."""

WORTH = 1e-3
"""Least gain, as a part of the whole front's hypervolume, for which a trial goes on once no new one may begin."""


@functools.cache
def _threads() -> ThreadpoolController:
    """The linear algebra libraries of this process, looked for once."""
    return ThreadpoolController()


@dataclasses.dataclass
class Trial:
    """A candidate and what is known of it; its losses and what it has cost in all, by rung."""

    point: Point
    genes: Array
    losses: dict[int, Array] = dataclasses.field(default_factory=dict)
    paid: float = 0.0
    running: bool = True
    ended: bool = False

    @property
    def rung(self) -> int:
        """Where it stands; -1 before the first rung."""
        return max(self.losses, default=-1)


class ParetoSearcher:
    """One run on one problem.

    Attributes:
        dropped: Candidates that were not begun because the front beats them at every plausible score.
    """

    def __init__(self, problem: Problem) -> None:
        self.dropped = 0
        self._problem = problem
        self._last = len(problem.rungs) - 1
        self._coder = Coder(problem.dimensions)
        self._forecast = Forecast(problem, self._coder)
        self._trials: dict[int, Trial] = {}
        self._next = 0
        self._told = 0
        self._optimism = 1.0
        self._known: set[bytes] = set()
        self._contenders: set[int] = set()
        self._resting: set[int] = set()
        self._counted: list[Array] = []
        self._front = np.empty((0, len(problem.goals)))
        self._expected = np.empty(0)
        self._elite: list[int] = []
        self._landmarks = list(problem.landmarks)
        draw = np.random.default_rng(problem.seed)
        self._design = list(self._coder.sample(draw, max(STARTUP - len(self._landmarks), 1)))
        self._sample = self._coder.sample(draw, 128)

    # --- the two verbs -------------------------------------------------------------------------------------------
    def ask(self, *, new: bool = True) -> Step | None:
        """The step that is worth its price; None when there is none."""
        # On matrices this small a second thread costs more than it brings, and many times as much on a busy machine.
        with _threads().limit(limits=1, user_api="blas"):
            return self._ask(new=new)

    def _ask(self, *, new: bool) -> Step | None:
        # The choice depends on what was told and what is under way, not on how often somebody asked.
        turn = self._told + sum(trial.running for trial in self._trials.values()) + 1
        self._rng = np.random.default_rng([self._problem.seed, self._told, turn])
        if new and (step := self._first()) is not None:
            return step
        if self._forecast.rows < 2:  # noqa: PLR2004 - one observation has no spread
            return self._wander() if new else self._any_paused()
        fitted = self._forecast.learn(self._trials, self._rng)
        if fitted:
            self._sort_out()
            self._expected = self._forecast.at(self._sample, self._targets())[0]
        self._optimism = OPTIMISM if new and self._last and turn % 2 else 1.0
        front, reference = self._standing()
        whole = boxes(front, reference)
        if fitted:
            self._rest(*whole)
        paused, bargain, gain = self._best_paused(*whole)
        if not new:
            enough = WORTH * self._volume(front, reference, *whole)
            return self._go_on(paused) if paused is not None and gain > enough else None
        genes, fresh = self._propose(whole, boxes(thinned(front, CELLS), reference), bargain)
        if paused is not None and bargain > 0 and (genes is None or bargain >= fresh):
            return self._go_on(paused)
        return self._begin(genes) if genes is not None else self._wander()

    def tell(self, step: Step, outcome: Outcome) -> None:
        """What a step gave."""
        self._told += 1
        trial = self._trials.get(step.trial)
        if trial is None:
            trial = self._trials[step.trial] = Trial(step.point, self._coder.code(step.point))
            self._known.add(trial.genes.tobytes())
            self._next = max(self._next, step.trial + 1)
        trial.running = False
        trial.paid += outcome.price
        self._contenders.discard(step.trial)
        if outcome.values is None:
            trial.ended = True
            self._forecast.failed(step.trial)
            return
        trial.losses[step.rung] = losses(self._problem.goals, outcome.values)
        if self._problem.every_rung or step.rung == self._last:
            self._count(trial.losses[step.rung])
        self._forecast.observe(step.trial, step.rung, trial)
        if step.rung < self._last:
            self._contenders.add(step.trial)

    def _count(self, result: Array) -> None:
        """Takes in what counts as a result."""
        self._counted.append(result)
        if not dominated_by(result[None], self._front)[0]:
            beaten = dominated_by(self._front, result[None])
            self._front = np.concatenate([self._front[~beaten], result[None]])

    # --- beginning and going on ----------------------------------------------------------------------------------
    def _first(self) -> Step | None:
        """A landmark or a member of the first design; None when that is over."""
        while self._landmarks:
            point = self._landmarks.pop(0)
            if self._problem.admits(point):
                return self._start(point, self._coder.code(point))
        if len(self._trials) >= STARTUP:
            self._design.clear()
        while self._design:
            genes = self._design.pop(0)
            if self._may_begin(genes):
                return self._begin(genes)
        return None

    def _wander(self) -> Step | None:
        """A random new candidate; None when there seems to be none."""
        drawn = itertools.chain(self._coder.sample(self._rng, DRAWS), self._coder.rest())
        fresh = next((genes for genes in drawn if self._may_begin(genes)), None)
        return self._any_paused() if fresh is None else self._begin(fresh)

    def _any_paused(self) -> Step | None:
        return self._go_on(min(self._contenders)) if self._contenders else None

    def _may_begin(self, genes: Array) -> bool:
        """Whether a candidate is new and admitted; one that is not is never asked for again."""
        key = genes.tobytes()
        if key in self._known:
            return False
        if self._problem.admits(self._coder.point(genes)):
            return True
        self._known.add(key)
        return False

    def _begin(self, genes: Array) -> Step:
        return self._start(self._coder.point(genes), genes)

    def _start(self, point: Point, genes: Array) -> Step:
        number, self._next = self._next, self._next + 1
        self._known.add(genes.tobytes())
        self._trials[number] = Trial(point, genes)
        return Step(number, point, 0)

    def _go_on(self, number: int) -> Step:
        trial = self._trials[number]
        trial.running = True
        self._contenders.discard(number)
        return Step(number, trial.point, trial.rung + 1, trial.rung)

    # --- weighing ------------------------------------------------------------------------------------------------
    def _targets(self) -> list[int]:
        """Rungs at which a trial may add to the front."""
        return list(range(self._last + 1)) if self._problem.every_rung else [self._last]

    def _bargains(self, genes: Array, lower: Array, upper: Array, numbers: Sequence[int] = ()) -> tuple[Array, Array]:
        """The bargain and the gain of new candidates, or of the paused trials `numbers`: the best over the rungs."""
        paid = np.array([self._trials[number].paid for number in numbers]) if numbers else None
        stands = np.array([self._trials[number].rung for number in numbers]) if numbers else None
        return self._weigh(self._forecast.at(genes, self._targets(), exact=bool(numbers)), lower, upper, paid, stands)

    def _weigh(
        self,
        expected: tuple[Array, Array, Array],
        lower: Array,
        upper: Array,
        paid: Array | None = None,
        stands: Array | None = None,
    ) -> tuple[Array, Array]:
        """Bargains and gains of what is expected: losses' mean and deviation, and cost, by rung."""
        mean, deviation, cost = expected
        best, gains = np.zeros(mean.shape[1]), np.zeros(mean.shape[1])
        for row, rung in enumerate(self._targets()):
            gain = expected_gain(mean[row], self._optimism * deviation[row], lower, upper)
            if stands is not None:
                gain[stands >= rung] = 0.0
            due = cost[row] if paid is None else np.maximum(cost[row] - paid, 0.05 * cost[row])
            value = gain / due**THRIFT
            better = value > best
            best[better], gains[better] = value[better], gain[better]
        return best, gains

    def _rest(self, lower: Array, upper: Array) -> None:
        """Of many paused trials lets all but the best bargains rest."""
        paused = sorted(self._contenders)
        self._resting = set()
        if len(paused) > MAX_PAUSED:
            genes = np.array([self._trials[number].genes for number in paused])
            bargains, _ = self._bargains(genes, lower, upper, paused)
            self._resting = {paused[place] for place in np.argsort(-bargains, kind="stable")[MAX_PAUSED:]}

    def _best_paused(self, lower: Array, upper: Array) -> tuple[int | None, float, float]:
        """The paused trial whose going on is the best bargain, that bargain, and its gain."""
        paused = sorted(self._contenders - self._resting)
        if not paused:
            return None, 0.0, 0.0
        genes = np.array([self._trials[number].genes for number in paused])
        bargains, gains = self._bargains(genes, lower, upper, paused)
        best = int(np.argmax(bargains))
        return paused[best], float(bargains[best]), float(gains[best])

    def _propose(self, whole: Boxes, thin: Boxes, enough: float) -> tuple[Array | None, float]:
        """The best new bargain of `enough`: a random and a mutated pool, its best refined, a short list of them."""
        parents = np.array([self._trials[number].genes for number in self._elite or sorted(self._trials)])
        third = POOL // 3
        drawn, mutated = self._coder.sample(self._rng, third), self._coder.mutate(self._rng, parents, POOL - third)
        pool = np.concatenate([drawn, mutated])
        values, _ = self._bargains(pool, *thin)
        for _ in range(REFINEMENTS):
            more = self._coder.mutate(self._rng, pool[np.argsort(-values)[:TOP]], CHILDREN)
            pool, values = np.concatenate([pool, more]), np.append(values, self._bargains(more, *thin)[0])
        order = [index for index in np.argsort(-values, kind="stable") if pool[index].tobytes() not in self._known]
        listed = list({pool[index].tobytes(): index for index in reversed(order)}.values())[::-1]
        short = pool[listed[:FINALISTS]]
        return self._finalist(short, whole, enough) if len(short) else (None, 0.0)

    def _finalist(self, genes: Array, whole: Boxes, enough: float) -> tuple[Array | None, float]:
        """The best of a short list, weighed against the whole front; None when none seems worth `enough`.

        Prices that are known beforehand are asked for a few at a time, those that look best first, until one of the few
        may be begun: a quote may take part of a second.
        """
        expected = self._forecast.at(genes, self._targets())
        values, _ = self._weigh(expected, *whole)
        order = [place for place in np.argsort(-values, kind="stable") if values[place] >= enough]
        few = self._problem.quotes if self._forecast.quoted else len(genes)
        for start in range(0, len(order), few):
            places = np.array(order[start : start + few])
            if self._forecast.quoted:
                expected = self._forecast.at(genes[places], self._targets(), exact=True)
                values[places], _ = self._weigh(expected, *whole)
                places = places[~self._hopeless(genes[places], *expected[:2])]
            for place in places[np.argsort(-values[places], kind="stable")]:
                if self._may_begin(genes[place]):
                    return genes[place], float(values[place])
        return None, 0.0

    def _hopeless(self, genes: Array, mean: Array, deviation: Array) -> npt.NDArray[np.bool_]:
        """Which candidates the front beats at every plausible loss, wherever they might stop: none is weighed again."""
        beaten = np.ones(len(genes), dtype=bool)
        for least in mean - PLAUSIBLE * deviation:
            beaten &= dominated_by(least, self._front)
        self._known.update(row.tobytes() for row in genes[beaten])
        self.dropped += int(beaten.sum())
        return beaten

    def _standing(self) -> tuple[Array, Array]:
        """The front and the reference point.

        Steps in flight are believed to give what is forecast. The reference point is what a poor random candidate
        would get, so that neither end of the front is cut off.
        """
        results, front = self._counted, self._front
        flying = [trial.genes for trial in self._trials.values() if trial.running]
        if flying:
            believed, _ = self._forecast.losses(np.array(flying), self._last)
            results, front = [*results, *believed], np.concatenate([front, believed])
        means = self._expected
        mean = means.reshape(-1, means.shape[-1])
        reference = np.concatenate([np.quantile(means[-1][:, :1], 0.95, axis=0), mean[:, 1:].max(axis=0)])
        if results:
            # A front that lies beyond the forecasts is no less of a front.
            reference = np.maximum(reference, np.median(results, axis=0) + 1e-9)
        front = front[(front < reference).all(1)]
        return front[undominated(front)], reference

    def _volume(self, front: Array, reference: Array, lower: Array, upper: Array) -> float:
        """The volume of what the front dominates, never quite 0."""
        best = np.concatenate([self._expected.reshape(-1, len(reference)), front]).min(axis=0)
        span = float(np.prod(np.maximum(reference - best, 1e-12)))
        free = np.maximum(np.minimum(upper, reference) - np.maximum(lower, best), 0.0).prod(axis=1).sum()
        return max(span - float(free), 1e-12 * span)

    def _sort_out(self) -> None:
        """Sorts trials by predicted final losses: parents are those that nothing beats, and what is hopeless rests."""
        told = [number for number, trial in self._trials.items() if trial.losses and not trial.ended]
        if not told:
            return
        genes = np.array([self._trials[number].genes for number in told])
        mean, deviation = self._forecast.losses(genes, self._last, exact=True)
        for row, number in enumerate(told):
            if self._last in self._trials[number].losses:
                mean[row], deviation[row] = self._trials[number].losses[self._last], 0.0
        self._elite = [told[row] for row in undominated(mean)]
        done = np.array([row for row, number in enumerate(told) if self._trials[number].rung == self._last], dtype=int)
        beaten = dominated_by(mean - PLAUSIBLE * deviation, mean[done])
        for row, number in enumerate(told):
            if beaten[row]:
                self._contenders.discard(number)
            elif self._trials[number].rung < self._last and not self._trials[number].running:
                self._contenders.add(number)
