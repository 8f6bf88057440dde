"""Keeps libraries from calling home and from talking past this program."""

from __future__ import annotations

import logging
import os

DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Whatever MLflow logs as an error it raises as well; its tracebacks would tear the live table.
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    # It would stand in the midst of what --json prints.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def quiet() -> None:
    """Turns telemetry and chatter off where the user has not said otherwise; to be called before MLflow is imported."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.ERROR)
