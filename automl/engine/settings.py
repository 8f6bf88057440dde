"""The settings of a search: every option, validated, printable as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pydantic
import yaml

from automl.engine import plain_yaml
from automl.engine.budget import parse_budget, parse_time_s
from automl.engine.outside import NAME
from automl.errors import UsageError, near_names
from automl.training.trial import MemoryFormat, Precision  # noqa: TC001 - pydantic reads them

RATES = ("country", "carbon_g_per_kwh", "usd_per_kwh", "usd_per_hour")
"""Settings that turn energy and time into carbon and money."""

LIMITS = ("max_params", "max_flops", "max_latency", "max_model_size")
"""Settings that limit what a model may cost to run."""

IDENTITY = (
    *("space", "objective", "goals", "data", "narrow", "epochs", "rungs", "batch_size", "predictions", "seed"),
    *RATES,
    *LIMITS,
)
"""Settings that say what a study is about. A study goes on only under the same; the others may change."""


EPOCHS = 25
"""Passes over the training split of a full training, when nothing else is said."""

TRIALS = 24
"""Candidates of a search that is told neither a number nor a budget."""

MOST_TRIALS = 100_000

LONGEST = 200
"""Characters of a value that a message shows."""


class Settings(pydantic.BaseModel):
    """What a search is told. None means: chosen for you, and stored with the study."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    space: str = pydantic.Field(description="Search space: which models may be tried (see `automl spaces`).")
    objective: str | None = pydantic.Field(None, description="What good means (see `automl plugins`).")
    goals: tuple[str, ...] = pydantic.Field(
        (),
        alias="goal",
        description="In the place of an objective: METRIC:max or METRIC:min, such as accuracy:max, latency_ms@t4:min. "
        "May be repeated.",
    )
    data: str | None = pydantic.Field(None, description="Data source; the space's own example when left out.")
    skip_bad: bool = pydantic.Field(
        False, description="Go on without files of the data that cannot be read; what is left out is named."
    )
    narrow: dict[str, str] = pydantic.Field(
        {},
        alias="set",
        description="Fix, narrow or widen a dimension: NAME=VALUE, NAME=A,B,C or NAME=LO..HI. May be repeated.",
    )
    trials: int | str | None = pydantic.Field(
        None,
        description="Candidates to begin, failed ones included; +N for N more than the study has. "
        f"{TRIALS} when left out, or what the budget affords.",
    )
    time: str | None = pydantic.Field(
        None, description="Wall time the study may take, such as 90s, 10m or 2h; the trial in flight is finished."
    )
    budget: tuple[str, ...] = pydantic.Field(
        (),
        description="What the study may cost: 5Wh, 2USD, 100gCO2e or 1e15FLOPs; the first limit reached ends it. "
        "May be repeated.",
    )
    strategy: str | None = pydantic.Field(
        None, description="How candidates are proposed and promoted (see `automl plugins`)."
    )
    epochs: int | None = pydantic.Field(
        None,
        ge=1,
        le=100_000,
        description=f"Passes over the training split of a full training; {EPOCHS}, or all that was recorded, when left "
        "out.",
    )
    rungs: str | None = pydantic.Field(
        None,
        description="Epochs at which candidates are compared and most of them stopped, such as 1,3,8,25; 'off' for "
        "full trainings only. Each a third of the next when left out.",
    )
    max_params: str | None = pydantic.Field(None, description="Most parameters a model may have, such as 500k or 5M.")
    max_flops: str | None = pydantic.Field(None, description="Most FLOPs a prediction may take, such as 10M or 2G.")
    max_latency: str | None = pydantic.Field(
        None, description="Most time a prediction may take on a device of the catalogue, such as 20ms@t4."
    )
    max_model_size: str | None = pydantic.Field(None, description="Most bytes a model may have, such as 10MB.")
    batch_size: int | None = pydantic.Field(
        None, ge=1, le=1_000_000, description="Examples in a training step; 128, or all there are, when left out."
    )
    predictions: int = pydantic.Field(
        1_000_000, ge=0, le=10**15, description="Predictions a model makes in its life; they enter its price."
    )
    seed: int = pydantic.Field(0, ge=0, lt=2**31, description="Seed of proposals, weights and order of examples.")
    threads: int | None = pydantic.Field(
        None, ge=1, le=4096, description="CPU threads; all cores, one for small examples, or by a probe when left out."
    )
    precision: Precision | None = pydantic.Field(
        None, description="Number format of trainings: 32-true or bf16-mixed; 32-true, or by a probe, when left out."
    )
    memory_format: MemoryFormat | None = pydantic.Field(
        None, description="channels_last or contiguous; channels_last, or by a probe, when left out."
    )
    jobs: int = pydantic.Field(1, ge=1, le=4096, description="Trials at a time; each has its share of the cores.")
    executor: str | None = pydantic.Field(
        None, description="Where trials run (see `automl plugins`); this process, or others when --jobs is above 1."
    )
    address: str | None = pydantic.Field(
        None,
        min_length=1,
        description="Address of a running cluster, such as ray://head:10001 or auto; the executor's own when left out.",
    )
    trial_timeout: str | None = pydantic.Field(
        None, description="Longest time a step of a trial may take, such as 90s or 10m; what takes longer has failed."
    )
    trial_memory: str | None = pydantic.Field(
        None, description="Most memory a trial may take, such as 2GB; what takes more has failed."
    )
    country: str | None = pydantic.Field(
        None, description="Where the electricity comes from, such as DE or Germany: its carbon and its price."
    )
    carbon_g_per_kwh: float | None = pydantic.Field(
        None, ge=0, le=10_000, description="Carbon of the electricity, gCO2e a kWh; instead of the country's."
    )
    usd_per_kwh: float | None = pydantic.Field(
        None, ge=0, le=1_000, description="Price of the electricity, US dollars a kWh; instead of the country's."
    )
    usd_per_hour: float | None = pydantic.Field(
        None, ge=0, le=1_000_000, description="Rent of the machine, US dollars an hour, its electricity included."
    )
    study: str | None = pydantic.Field(
        None,
        pattern=NAME,
        description="Name of the study; an unfinished study of that name and these settings goes on.",
    )
    home: Path = pydantic.Field(Path("runs"), description="Folder for studies, models and tracking.")
    storage: str | None = pydantic.Field(
        None,
        description="URL of the database for studies, such as postgresql://user@host/automl; study.db in the home when "
        "left out.",
    )
    tracking_uri: str | None = pydantic.Field(
        None, description="MLflow server or database; mlflow.db in the home when left out, 'off' for none."
    )

    @pydantic.field_validator("narrow", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        """Takes ``{name: value}`` as YAML gives it, and lists of choices."""
        if not isinstance(value, dict):
            return value
        return {name: ",".join(map(_text, v)) if isinstance(v, list | tuple) else _text(v) for name, v in value.items()}

    @pydantic.field_validator("trials", mode="before")
    @classmethod
    def _number_or_more(cls, value: Any) -> Any:
        """A whole number, or ``+N`` for N more, as a text."""
        more = isinstance(value, str) and value.strip().startswith("+")
        try:
            number = value if value is None or type(value) is int else int(str(value).strip())
        except ValueError:
            raise ValueError("input should be an integer, or +N for N more") from None
        if number is not None and not 1 <= number <= MOST_TRIALS:
            raise ValueError(f"input should be greater than or equal to 1 and at most {MOST_TRIALS}")
        return f"+{number}" if more else number

    @pydantic.field_validator("time", "trial_timeout")
    @classmethod
    def _a_time(cls, value: str | None) -> str | None:
        if value is not None:
            parse_time_s(value)
        return value

    @pydantic.field_validator("budget")
    @classmethod
    def _amounts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_budget(text)
        return value

    @pydantic.field_validator("trial_memory")
    @classmethod
    def _a_size(cls, value: str | None) -> str | None:
        from automl.engine.limits import parse_size

        if value is not None:
            parse_size(value)
        return value

    @pydantic.field_validator("storage")
    @classmethod
    def _a_database(cls, value: str | None) -> str | None:
        from automl.engine.database import check_url

        if value is not None:
            check_url(value)
        return value

    @pydantic.field_serializer("storage")
    def _without_password(self, value: str | None) -> str | None:
        from automl.engine.database import without_password

        return value and without_password(value)

    @pydantic.field_validator(*LIMITS)
    @classmethod
    def _limits(cls, value: str | None, info: pydantic.ValidationInfo) -> str | None:
        from automl.engine.limits import PARSERS

        if value is not None:
            PARSERS[str(info.field_name)](value)
        return value

    def most_trials(self, made: int) -> int:
        """Candidates the study may have in all, when it has `made` so many already."""
        if self.trials is None:
            return MOST_TRIALS if self.time or self.budget else TRIALS
        return made + int(self.trials) if isinstance(self.trials, str) else self.trials

    def new_trials(self) -> int | None:
        """Candidates of a new study; None where the budget alone ends it."""
        return None if self.trials is None and (self.time or self.budget) else self.most_trials(0)

    def identity(self) -> dict[str, Any]:
        """The settings that say what the study is about."""
        return self.model_dump(mode="json", include=set(IDENTITY))

    def to_yaml(self) -> str:
        """The settings as a file that `load_file` reads."""
        return yaml.safe_dump(self.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=False)

    @classmethod
    def checked(cls, values: dict[str, Any], where: str = "") -> Self:
        """Settings from plain values.

        Args:
            values: By name of the setting.
            where: Where they come from, to begin the message with.

        Raises:
            UsageError: A value is out of range or a key unknown; the message names each and the near names.
        """
        try:
            return cls(**values)
        except pydantic.ValidationError as error:
            raise UsageError(where + explain(error)) from None


def option_names() -> list[str]:
    """Names of all settings as they stand in a file."""
    return [field.alias or name for name, field in Settings.model_fields.items()]


def load_file(path: Path) -> dict[str, Any]:
    """The settings of a YAML file, each checked, as plain values by name.

    Raises:
        UsageError: The file is missing, is no YAML mapping, or holds an unknown key or a bad value.
    """
    values = plain_yaml.read(path)
    if values is None:
        values = {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise UsageError(f"The settings file {path} must map names to values, as in `trials: 24`.")
    # `space` may come from the command line instead; whatever stands in for it is not passed on.
    Settings.checked({"space": "any", **values}, where=f"In the settings file {path}: ")
    return values


def explain(error: pydantic.ValidationError) -> str:
    """Pydantic's findings in one paragraph, unknown keys with their near names."""
    return " ".join(_explain_one(dict(item)) for item in error.errors(include_url=False))


def _explain_one(item: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        near = near_names(name, option_names())
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(option_names())}."
        return f"There is no setting named {name!r}. {hint}"
    if item["type"] == "missing":
        return f"Setting {name!r} is missing."
    text = item["msg"].removeprefix("Value error, ")
    message = text[0].lower() + text[1:]
    return f"Setting {name!r} is {_shown(item['input'])}: {message}."


def _shown(value: Any) -> str:
    """A value as Python writes it, no longer than a line."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
