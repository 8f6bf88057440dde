"""Examines what a study's folder holds beside its trials: settings, steps under way, the copy of the study."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from automl.doctor.case import Case, put_aside
from automl.engine.copies import STUDY, keep_study
from automl.engine.study import IN_FLIGHT
from automl.errors import StudyError
from automl.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl.doctor.check import Check
    from automl.engine.study import Study

SETTINGS = "settings.yaml"


def settings(case: Case, study: Study) -> Iterator[Check]:
    """Whether the settings can be read and are those that the study was made with."""
    path, right = study.folder / SETTINGS, study.settings.to_yaml()
    try:
        found = _but_home(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fault = "missing"
    except (OSError, ValueError, yaml.YAMLError):
        fault = "torn"
    else:
        fault = "" if found == _but_home(right) else "not what the study was made with"
    if not fault:
        return

    def mend() -> str:
        kept = "" if fault == "missing" else f"; the old file is {put_aside(path).name}"
        write_text(path, right)
        return f"written again from the database{kept}"

    # Whoever edits the file for a search of their own does no harm to this one.
    edited = fault.startswith("not")
    text = f"{path} is {fault}; the search goes by the database"
    yield case.damage(SETTINGS, text, mend, status="warn" if edited else "fail")


def _but_home(text: str) -> dict[str, Any]:
    """Settings without the home, which is written as whoever made the study called it.

    Raises:
        ValueError: They are none.
    """
    values = yaml.safe_load(text)
    if not isinstance(values, dict):
        raise ValueError("no mapping")  # noqa: TRY004 - caught as torn YAML is
    return {name: value for name, value in values.items() if name != "home"}


def in_flight(case: Case, study: Study) -> Iterator[Check]:
    """Whether the steps that were under way when the search was killed are known."""
    try:
        _ = study.in_flight
    except StudyError:
        path = study.folder / IN_FLIGHT
        text = f"{path} is torn: `automl resume` cannot tell what was under way"
        yield case.damage(
            IN_FLIGHT, text, lambda: f"moved aside to {put_aside(path).name}; the search asks for those steps again"
        )


def copy_of_study(case: Case, study: Study) -> Iterator[Check]:
    """Whether the database could be made again from this folder."""
    path, right = study.folder / STUDY, study.optuna.user_attrs["automl"]
    try:
        found = json.loads(path.read_bytes())
        fault = "" if found["automl"] == right else "not what the database says"
    except FileNotFoundError:
        fault = "missing"
    except (OSError, ValueError, KeyError, TypeError):
        fault = "torn"
    if not fault:
        return

    def mend() -> str:
        kept = "" if fault == "missing" else f"; the old file is {put_aside(path).name}"
        keep_study(study)
        return f"written again from the database{kept}"

    text = f"{path} is {fault}: without it the database could not be made again from this folder"
    yield case.damage(STUDY, text, mend, status="warn" if fault == "missing" else "fail")
