"""The shape of what a study keeps, checked before any of it is used: numbers that name folders are numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from automl.training.trial import CHANNELS_LAST, FULL_PRECISION, MemoryFormat, Precision

Whole = Annotated[int, pydantic.Field(ge=0, lt=2**53)]
Place = Annotated[int, pydantic.Field(ge=0, lt=1_000_000)]
"""A number that becomes part of a path."""

Amount = Annotated[float, pydantic.Field(ge=0)]


class _Shape(pydantic.BaseModel):
    """JSON as it must be: no text for a number, nothing that is not finite. What is not named here is not looked at."""

    model_config = pydantic.ConfigDict(strict=True, allow_inf_nan=False)


class _Figure(_Shape):
    value: Amount
    method: str
    how: str
    without: list[str] = []
    years: list[int] | None = None


class _Count(_Shape):
    flops: Amount
    moved_bytes: Amount = 0.0
    activation_bytes: Amount = 0.0
    by_operator: dict[str, Amount]
    uncounted: list[str]
    profile: list[Annotated[list[Amount], pydantic.Field(min_length=3, max_length=3)]]


class _Work(_Shape):
    prediction: _Count
    training: _Count
    update: _Count
    parameters: Whole
    model_bytes: Amount
    how: str


class Data(_Shape):
    """A `DataSpec`."""

    source: str
    task: str
    input_shape: list[Annotated[int, pydantic.Field(ge=1, lt=2**31)]]
    classes: list[str]
    train_size: Whole
    val_size: Whole
    test_size: Whole
    mean: list[float] = []
    std: list[float] = []
    class_sizes: list[Whole] = []
    split_hashes: list[str] = []


class Spec(_Shape):
    """A `TrialSpec`."""

    study: str
    number: Place
    space: str
    config: dict[str, Any]
    data: Data
    epochs: Annotated[int, pydantic.Field(ge=1, lt=1_000_000)]
    batch_size: Annotated[int, pydantic.Field(ge=1, lt=2**31)]
    seed: Whole
    threads: Annotated[int, pydantic.Field(ge=1, le=4096)]
    rung: Place | None = None
    from_rung: Place | None = None
    precision: Precision = FULL_PRECISION
    memory_format: MemoryFormat = CHANNELS_LAST


class Step(_Shape):
    """A `Step` of the engine."""

    trial: Place
    point: dict[str, str | int | float | bool | None]
    rung: Place
    from_rung: Place | None = None


class _Result(_Shape):
    number: Place
    status: Literal["complete", "failed"]
    score: float | None
    history: list[dict[str, float]]
    training: dict[str, _Figure]
    prediction: dict[str, _Figure]
    spent: dict[str, _Figure]
    work: _Work | None
    trained_examples: Whole = 0
    steps: Whole = 0
    cause: str = ""


class Record(_Shape):
    """A finished step."""

    spec: Spec
    result: _Result
    values: list[float] | None
    label: str
    step: Step
    price: Amount


class _Goal(_Shape):
    metric: str
    direction: Literal["maximize", "minimize"]
    log: bool


class _Own(_Shape):
    settings: dict[str, Any]
    data: Data
    goals: Annotated[list[_Goal], pydantic.Field(min_length=1)]
    score: str
    created: str


class _Test(_Shape):
    scores: dict[str, float]
    opened: list[str]


class _Expected(_Shape):
    trials: Whole
    tag: dict[str, _Figure]
    low_s: Amount
    high_s: Amount
    before: dict[str, _Figure]


class Attributes(_Shape):
    """What is kept of a study as a whole."""

    automl: _Own
    bill: dict[str, _Figure] = {}
    test: _Test | None = None
    unpaid: dict[str, Whole] = {}
    expected: _Expected | None = None
    stopped: str = ""
    mlflow_run: str = ""


def check(shape: type[_Shape], data: Any) -> Any:
    """`data` as it is, when it has the shape.

    Raises:
        ValueError: It has not; the message names the place.
    """
    try:
        shape.model_validate(data)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}") from None
    return data
