"""Every figure known of a candidate under one name, so that any of them can be a goal or a constraint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from automl.price.tag import UNITS, PriceTag, lifetime

SHORT = {name: f"prediction_{name}" for name in ("parameters", "model_bytes", "activation_bytes")}
LATENCY_MS = "latency_ms"
LIVES = ("training", "prediction", "lifetime")
MS_PER_S = 1000

PRICES = (LATENCY_MS, *SHORT, *(f"{life}_{quantity}" for life in LIVES for quantity in UNITS))
"""Every price figure; one that does not begin with ``training`` may be followed by ``@DEVICE``."""


def split(name: str) -> tuple[str, str]:
    """The figure and the device of ``figure@device``; the device is empty for the machine at hand."""
    figure, _, device = name.partition("@")
    return figure, device


def is_price(name: str) -> bool:
    """Whether `name` is a figure of the price tag, on a device perhaps, and not a metric of the task."""
    return split(name)[0] in PRICES


def needs_rate(name: str) -> str:
    """``"carbon"`` or ``"money"`` where the figure is energy converted by a rate, else nothing."""
    figure = split(name)[0]
    return next((what for what, end in (("carbon", "_carbon_g"), ("money", "_money_usd")) if figure.endswith(end)), "")


class NamedFigures(Mapping[str, float]):
    """The figures of one candidate, by the names that objectives use (see `automl.parts.Objective`).

    Looking up what is not known raises KeyError: unknown is absent, never 0.

    Args:
        metrics: What the task logged on the validation split, without the ``val_`` before it.
        training: Price of training the model once.
        prediction: Price of one prediction on the machine at hand.
        predictions: Predictions in the model's life.
        on_device: Price of one prediction on a device, by its name.
    """

    def __init__(
        self,
        metrics: Mapping[str, float],
        training: PriceTag,
        prediction: PriceTag,
        predictions: int,
        on_device: Callable[[str], PriceTag] | None = None,
    ) -> None:
        self._metrics = metrics
        self._training = training
        self._prediction = prediction
        self._predictions = predictions
        self._on_device = on_device

    def __getitem__(self, name: str) -> float:
        figure, device = split(name)
        if figure in self._metrics and not device:
            return self._metrics[figure]
        if figure not in PRICES:
            raise KeyError(name)
        if device and self._on_device is None:
            raise KeyError(name)
        prediction = self._on_device(device) if device and self._on_device else self._prediction
        if figure == LATENCY_MS:
            return self._amount(prediction, "wall_s", name) * MS_PER_S
        life, _, quantity = SHORT.get(figure, figure).partition("_")
        if life == "lifetime":
            tag = lifetime(self._training, prediction, self._predictions)
        else:
            tag = self._training if life == "training" else prediction
        return self._amount(tag, quantity, name)

    def __iter__(self) -> Iterator[str]:
        yield from self._metrics
        yield from (name for name in PRICES if self._known(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _known(self, name: str) -> bool:
        try:
            self[name]
        except KeyError:
            return False
        return True

    @staticmethod
    def _amount(tag: PriceTag, quantity: str, name: str) -> float:
        if quantity not in tag:
            raise KeyError(name)
        return tag[quantity].value
