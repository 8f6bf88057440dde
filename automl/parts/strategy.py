"""How candidates are proposed, and which of them earn more training."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from automl.parts.base import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from automl.parts.objective import Goal
    from automl.parts.space import Dimension

Point = dict[str, Any]
"""A value by dimension, every dimension of the problem having one."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One piece of training: a trial goes from a checkpoint, or from nothing, to a rung.

    Attributes:
        trial: Number of the trial, from 0; steps of one number go on with one candidate.
        point: The candidate.
        rung: Where the step ends, an index of `Problem.rungs`.
        from_rung: Where it starts: the rung of the trial's step before; None for the first.
    """

    trial: int
    point: Point
    rung: int
    from_rung: int | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a step gave.

    Attributes:
        values: One finite number a goal, as the trial stands at that rung; None when the step failed or the trial
            turned out to break a limit, after which the trial does not go on.
        price: What this step alone has cost, in the unit of the study's purse.
    """

    values: tuple[float, ...] | None
    price: float


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a strategy is to solve.

    Attributes:
        dimensions: What may be varied.
        goals: What is to be made large or small. The score is the first, where there is one.
        rungs: Amounts of training at which candidates are compared, rising; the last is a full training. One rung
            when a candidate is trained in full or not at all.
        seed: Makes proposals repeatable.
        landmarks: Points worth trying first, the cheap end of the space among them.
        every_rung: Whether a trial that stopped at a rung counts as a result; else only full trainings do.
        admits: Whether a point may be begun: not when its candidate was begun before, even from another point, nor
            when its price breaks a limit. Every new point is put to it before its step is returned.
        quote: What is known of a point before it is trained: for each rung a value a goal, NaN where training alone
            will tell; None when nothing is ever known.
        quotes: How many quotes a proposal is worth: a table answers at once, counting a model takes part of a second.
    """

    dimensions: tuple[Dimension, ...]
    goals: tuple[Goal, ...]
    rungs: tuple[int, ...]
    seed: int
    admits: Callable[[Point], bool]
    landmarks: tuple[Point, ...] = ()
    every_rung: bool = True
    quote: Callable[[Point], Sequence[Sequence[float]]] | None = None
    quotes: int = 1


class Searcher(Protocol):
    """One run of a strategy on one problem.

    A searcher that drops candidates unpaid, because the front beats them at every plausible score, counts them in an
    attribute ``dropped``.
    """

    def ask(self, *, new: bool = True) -> Step | None:
        """The next step, without waiting for steps asked for before; None when there is nothing worth doing.

        None is final only when no step is in flight.

        Args:
            new: Whether a new candidate may be begun; else trials that stopped at a rung go on, as far as they may
                still better the front.
        """

    def tell(self, step: Step, outcome: Outcome) -> None:
        """Takes in what a step gave, in whatever order steps finish.

        A study that goes on tells a new searcher all its steps in the order they finished before: steps that this
        searcher was never asked for.
        """


class Strategy(Part, abc.ABC):
    """The way a search spends its purse. The same problem and the same outcomes give the same steps.

    Attributes:
        stops: Whether it stops trials at rungs; else every trial is trained in full at once.
        opens: Dimensions that it wants to vary within all their limits, though a space may keep them fixed; what the
            user asks for them comes first.
        analyses: Names of the analyses that say what a search by it has shown; they are run when it is over.
    """

    kind: ClassVar[str] = "strategy"
    stops: ClassVar[bool] = False
    opens: ClassVar[tuple[str, ...]] = ()
    analyses: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def start(self, problem: Problem) -> Searcher:
        """A fresh searcher; it may import what it needs."""

    def check(self, dimensions: Sequence[Dimension]) -> None:
        """Told what a search leaves open, before anything is made of it.

        Raises:
            UsageError: It cannot search these; the message says what it wants.
        """
        return

    def foresee(self, dimensions: Sequence[Dimension], trials: int) -> Sequence[Point] | None:
        """Points much like those that a search of so many trials will try, by which it is priced beforehand.

        None when points by chance will do.
        """
        return None
