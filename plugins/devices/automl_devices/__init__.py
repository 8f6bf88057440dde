"""A catalogue of devices, to price a model on hardware one does not own."""

from __future__ import annotations

import automl
from automl_devices.catalogue import devices

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_devices() -> list[automl.Device]:
    """Every row of the catalogue."""
    return devices()
