"""Prices that need more than the trial itself: the rates of a country, the catalogue of devices."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from automl.price.calibration import find_device
from automl.price.named import NamedFigures, split
from automl.price.roofline import misfit, price_on
from automl.price.tariff import tariff

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from automl.engine.settings import Settings
    from automl.price.tag import PriceTag
    from automl.price.tariff import Tariff
    from automl.price.work import Work
    from automl.training.trial import TrialResult


class Pricer:
    """Completes the price tags of a study's trials, in the driver: a trial itself knows nothing of rates and devices.

    Args:
        tariff: Turns energy and time into carbon and money.
        home: Where the calibration of the machine at hand lies.
        predictions: Predictions in a model's life.
    """

    def __init__(self, tariff: Tariff, home: Path, predictions: int) -> None:
        self.tariff = tariff
        self._home = home
        self._predictions = predictions

    @classmethod
    def of(cls, settings: Settings) -> Pricer:
        """The pricer that a search's settings ask for.

        Raises:
            UsageError: There is no such country.
        """
        rates = tariff(
            country=settings.country,
            carbon_g_per_kwh=settings.carbon_g_per_kwh,
            usd_per_kwh=settings.usd_per_kwh,
            usd_per_h=settings.usd_per_hour,
        )
        return cls(rates, settings.home.expanduser(), settings.predictions)

    def check_devices(self, names: Iterable[str]) -> None:
        """Looks up every device that is named after an @.

        Raises:
            UsageError: There is none of that name.
        """
        for name in names:
            if device := split(name)[1]:
                find_device(device, self._home)

    def complete(self, result: TrialResult) -> TrialResult:
        """The result with carbon and money where energy or time and the rate are known."""
        price = self.tariff.price
        return dataclasses.replace(
            result, training=price(result.training), prediction=price(result.prediction), spent=price(result.spent)
        )

    def on_device(self, work: Work, device: str) -> PriceTag:
        """What one prediction costs on a device of the catalogue.

        Raises:
            UsageError: There is no such device.
        """
        tag = price_on(find_device(device, self._home), work, home=self._home)
        # The rent that was given is this machine's; a device's own rent includes its power.
        power = dataclasses.replace(self.tariff, usd_per_h=None)
        return power.price(tag) | tag

    def misfit(self, work: Work, device: str) -> str:
        """Why the model cannot run on a device, in a sentence; empty when it can, or nobody knows."""
        return misfit(find_device(device, self._home), work)

    def figures(self, result: TrialResult, score: str) -> NamedFigures:
        """All that is known of a trial, by name."""
        last = result.history[-1] if result.history else {}
        metrics = {name.removeprefix("val_"): value for name, value in last.items() if name.startswith("val_")}
        if result.score is not None:
            metrics[score] = result.score
        work = result.work
        on_device = None if work is None else lambda device: self.on_device(work, device)
        return NamedFigures(metrics, result.training, result.prediction, self._predictions, on_device)
