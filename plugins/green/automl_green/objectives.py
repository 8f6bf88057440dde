"""``green``: score against one price. ``accuracy``: the score alone. ``mnasnet``: both in one number."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from automl.errors import UsageError
from automl.parts import Goal, Objective, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

PRICES = {
    "flops": "lifetime_flops",
    "energy": "lifetime_energy_wh",
    "carbon": "lifetime_carbon_g",
    "usd": "lifetime_money_usd",
    "latency": "latency_ms",
    "params": "parameters",
}
"""The figure behind each variant of ``green``."""

EXPONENT = -0.07
"""w of MnasNet's reward (Tan et al. 2019, section 3: doubling the latency is worth 5% more accuracy)."""

TARGET_FLOPS = 800e6
"""T of EfficientNet's search for its baseline: 400M multiply-adds (Tan & Le 2019, section 4)."""


class Green(Objective):
    """The best score for the lowest price.

    The price is the lifetime FLOPs unless a variant says otherwise: one training plus the predictions of a life.
    Counted operations are what Green AI (Schwartz et al. 2019, arXiv:1907.10597) reports, because they depend neither
    on the machine nor on the place. They leave out memory traffic, so they order models of one family better than
    models of different kinds.

    Args:
        variant: Empty, or a key of `PRICES`, ``latency`` perhaps with ``@DEVICE``.
    """

    summary = "the task's score against lifetime FLOPs (training + predictions x FLOPs per prediction)"
    preferred = True
    variants: ClassVar[dict[str, str]] = {
        "energy": "lifetime Wh",
        "carbon": "lifetime gCO2e; wants --country or --carbon-g-per-kwh",
        "usd": "lifetime money; wants --country, --usd-per-kwh or --usd-per-hour",
        "latency@DEVICE": "milliseconds a prediction on a device of the catalogue; without @DEVICE on this machine",
        "params": "number of parameters",
    }

    def __init__(self, variant: str = "") -> None:
        self.name = f"green:{variant}" if variant else "green"
        price, at, device = variant.partition("@")
        self._metric = PRICES[price or "flops"] + (at + device)

    def variant(self, text: str) -> Objective:
        """``energy``, ``carbon``, ``usd``, ``latency``, ``latency@DEVICE``, ``params``."""
        price, at, device = text.partition("@")
        if price not in PRICES or (at and (price != "latency" or not device)):
            return super().variant(text)
        return Green(text)

    def goals(self, task: Task) -> tuple[Goal, ...]:
        """Score first, then the price."""
        return (Goal(task.score, task.direction), Goal(self._metric, "minimize", log=True))


class Accuracy(Objective):
    """The best score, whatever it costs."""

    name = "accuracy"
    summary = "the task's score alone"

    def goals(self, task: Task) -> tuple[Goal, ...]:
        """One goal: the score."""
        return (Goal(task.score, task.direction),)


class MnasNet(Objective):
    """Score and work in one number: score x (FLOPs / T)^w with w = -0.07.

    MnasNet's reward (Tan et al. 2019, arXiv:1807.11626, equation 2) with FLOPs a prediction in the place of latency, as
    EfficientNet's authors used it (Tan & Le 2019, section 4). With one goal there is one winner and no front.

    Args:
        target_flops: T, FLOPs a prediction at which the reward is the score.
    """

    summary = "score x (FLOPs per prediction / T)^-0.07, one goal; mnasnet:2e6 sets T (default 800 MFLOPs)"
    variants: ClassVar[dict[str, str]] = {"T": "the target, in FLOPs a prediction, such as mnasnet:2e6"}

    def __init__(self, target_flops: float = TARGET_FLOPS) -> None:
        self.name = "mnasnet" if target_flops == TARGET_FLOPS else f"mnasnet:{target_flops:g}"
        self._target_flops = target_flops

    def variant(self, text: str) -> Objective:
        """Another target."""
        try:
            target = float(text)
        except ValueError:
            return super().variant(text)
        if not 0 < target < float("inf"):
            raise UsageError(f"The target of objective mnasnet is a positive number of FLOPs, not {text}.")
        return MnasNet(target)

    def goals(self, task: Task) -> tuple[Goal, ...]:
        """One goal: the reward."""
        if task.direction != "maximize":
            raise UsageError(f"Objective mnasnet wants a score to maximise; {task.score} of {task.name} is minimised.")
        return (Goal("mnasnet_reward", "maximize"),)

    def reads(self, task: Task) -> tuple[str, ...]:
        """Score and FLOPs a prediction."""
        return (task.score, "prediction_flops")

    def values(self, task: Task, figures: Mapping[str, float]) -> tuple[float, ...]:
        """The reward."""
        return (figures[task.score] * (figures["prediction_flops"] / self._target_flops) ** EXPONENT,)
