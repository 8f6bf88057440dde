"""Command-line options made from the settings, so that every setting has one and they cannot drift apart."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from automl.engine.narrow import split_assignments
from automl.engine.settings import RATES, Settings, load_file

MULTIPLE = (dict[str, str], tuple[str, ...])
"""Types of settings that an option gives a bit at a time."""

METAVARS = {"narrow": "NAME=VALUE", "goals": "METRIC:max|min", "budget": "AMOUNT", "time": "TIME", "trials": "N|+N"}
"""What the value of an option looks like, where its type does not say it."""

F = TypeVar("F", bound=Callable[..., Any])


def settings_options(function: F) -> F:
    """Adds an option for each setting; each is None when neither the command line nor the environment gives it."""
    for name, field in reversed(Settings.model_fields.items()):
        public = (field.alias or name).replace("_", "-")
        multiple = field.annotation in MULTIPLE
        text = field.description or ""
        if field.default not in (None, (), False) and not field.is_required() and not multiple:
            text += f" [default: {field.default}]"
        option = click.option(
            f"--{public}",
            name,
            type=_type(field.annotation),
            default=None,
            multiple=multiple,
            is_flag=field.annotation is bool,
            envvar=f"AUTOML_{public.upper().replace('-', '_')}",
            metavar=METAVARS.get(name),
            help=text,
        )
        function = option(function)
    return function


def rate_options(function: F) -> F:
    """Adds the options that turn energy and time into carbon and money, under the names `price.tariff.tariff` takes."""
    for name in reversed(RATES):
        public = name.replace("_", "-")
        field = Settings.model_fields[name]
        option = click.option(
            f"--{public}",
            "usd_per_h" if name == "usd_per_hour" else name,
            type=str if name == "country" else click.FloatRange(min=0),
            default=None,
            envvar=f"AUTOML_{public.upper().replace('-', '_')}",
            help=field.description,
        )
        function = option(function)
    return function


def gather(given: dict[str, Any], config: Path | None) -> Settings:
    """The settings in force: command line over environment over file over default.

    Args:
        given: By name of the field, None or empty where the user gave nothing.
        config: A YAML file.

    Raises:
        UsageError: Anything in it is unknown or out of range.
    """
    values = load_file(config) if config else {}
    wishes = dict(values.pop("set", None) or values.pop("narrow", None) or {})
    wishes |= split_assignments(given.get("narrow") or ())
    # Goals take the place of an objective and an objective that of goals: what was typed wins over what a file says.
    if given.get("goals") or given.get("objective"):
        for name in ("goal", "goals", "objective"):
            values.pop(name, None)
    values |= {name: value for name, value in given.items() if value not in (None, ()) and name != "narrow"}
    return Settings.checked({**values, "narrow": wishes})


def _type(annotation: Any) -> Any:
    if annotation in MULTIPLE:
        return str
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    if str in kinds:
        return str
    for kind in (float, bool, int, Path):
        if kind in kinds:
            return click.Path(path_type=Path, file_okay=False) if kind is Path else kind
    return str
