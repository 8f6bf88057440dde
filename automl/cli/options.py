"""Command-line options made from the settings, so that every setting has one and they cannot drift apart."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from automl.engine.narrow import split_assignments
from automl.engine.settings import Settings, load_file

F = TypeVar("F", bound=Callable[..., Any])


def settings_options(function: F) -> F:
    """Adds an option for each setting; each is None when neither the command line nor the environment gives it."""
    for name, field in reversed(Settings.model_fields.items()):
        public = (field.alias or name).replace("_", "-")
        multiple = field.annotation == dict[str, str]
        text = field.description or ""
        if field.default is not None and not field.is_required() and not multiple:
            text += f" [default: {field.default}]"
        option = click.option(
            f"--{public}",
            name,
            type=_type(field.annotation),
            default=None,
            multiple=multiple,
            envvar=f"AUTOML_{public.upper().replace('-', '_')}",
            metavar="NAME=VALUE" if multiple else None,
            help=text,
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
    values |= {name: value for name, value in given.items() if value is not None and name != "narrow"}
    return Settings.checked({**values, "narrow": wishes})


def _type(annotation: Any) -> Any:
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    for kind in (int, Path):
        if kind in kinds:
            return click.Path(path_type=Path, file_okay=False) if kind is Path else int
    return str
