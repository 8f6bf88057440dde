"""Goals a person names one by one: ``--goal accuracy:max --goal latency_ms@t4:min``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from automl.errors import UsageError, unknown_name
from automl.parts import Goal, Objective
from automl.price import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from automl.host import Host
    from automl.parts import Task
    from automl.price.tariff import Tariff

DIRECTIONS: dict[str, Literal["maximize", "minimize"]] = {
    "max": "maximize",
    "maximize": "maximize",
    "min": "minimize",
    "minimize": "minimize",
}


class NamedGoals(Objective):
    """The goals of a user who knows what they want.

    Args:
        texts: ``METRIC:max`` or ``METRIC:min`` each; metrics of the task come before prices, else the order is kept.

    Raises:
        UsageError: A text is not of that form, or names a metric twice.
    """

    summary = "the goals named with --goal"

    def __init__(self, texts: Sequence[str]) -> None:
        self.name = " ".join(texts)
        goals = [_goal(text) for text in texts]
        metrics = [goal.metric for goal in goals]
        if twice := sorted({metric for metric in metrics if metrics.count(metric) > 1}):
            raise UsageError(f"--goal names {', '.join(twice)} twice.")
        self._goals = tuple(sorted(goals, key=lambda goal: named.is_price(goal.metric)))

    def goals(self, task: Task) -> tuple[Goal, ...]:
        """As they were named."""
        return self._goals


def _goal(text: str) -> Goal:
    metric, colon, direction = text.rpartition(":")
    if not colon or not metric or direction not in DIRECTIONS:
        raise UsageError(f"A goal is a metric and a direction, as in accuracy:max or latency_ms:min, not {text!r}.")
    return Goal(metric, DIRECTIONS[direction], log=named.is_price(metric))


def chosen_objective(host: Host, name: str | None, goals: Sequence[str]) -> Objective:
    """The objective of a search: the one named, ``NAME:VARIANT`` perhaps, the goals named, or the host's preferred one.

    Raises:
        UsageError: There is none of that name, or both an objective and goals are named.
    """
    if goals and name:
        raise UsageError("Name an objective or goals, not both: --goal takes the place of --objective.")
    if goals:
        return NamedGoals(goals)
    if not name:
        return host.preferred(Objective)
    return host.part(Objective, name)


def check_figures(names: Iterable[str], task: Task, tariff: Tariff) -> None:
    """Says before anything is spent which of the figures that an objective reads will never be known.

    Raises:
        UsageError: A name is neither a metric of the task nor a price, or wants a rate that was not given.
    """
    metrics = {task.score, *task.metrics}
    for name in names:
        figure, device = named.split(name)
        if figure in metrics and not device:
            continue
        if figure not in named.PRICES:
            raise unknown_name("metric or price", name, [*metrics, *named.PRICES])
        if "@" in name and (not device or figure.startswith("training")):
            raise UsageError(
                f"{name!r} is no figure: after @ stands a device, and training takes place on this machine."
            )
        rate = named.needs_rate(name)
        if rate == "carbon" and tariff.carbon_g_per_kwh is None:
            raise UsageError(
                f"{name} needs to know the electricity: give --country or --carbon-g-per-kwh.{_why(tariff)}"
            )
        if rate == "money" and tariff.usd_per_kwh is None and tariff.usd_per_h is None and not device:
            raise UsageError(f"{name} needs a price: give --country, --usd-per-kwh or --usd-per-hour.{_why(tariff)}")


def _why(tariff: Tariff) -> str:
    return "".join(f" {problem}" for problem in tariff.problems)
