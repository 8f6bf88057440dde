"""What all of the host's tests share: the toy plugin, and nothing of the user's environment."""

from __future__ import annotations

import os

import pytest

from automl.host import use_host
from automl.testing.toy import toy_host


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    """Settings of the person who runs the tests must not reach them."""
    for name in list(os.environ):
        if name.startswith("AUTOML_"):
            monkeypatch.delenv(name)


@pytest.fixture
def toys():
    """A host with the toy plugin, in force for the test."""
    with use_host(toy_host()) as host:
        yield host
