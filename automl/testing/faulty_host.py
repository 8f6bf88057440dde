"""The toy and faulty plugins, here and in the processes that an executor starts."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from automl.host import use_host
from automl.testing import faulty
from automl.testing.toy import toy_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl.host import Host

VARIABLE = "AUTOML_PLUGINS"


@contextlib.contextmanager
def faulty_host(**plugins: Any) -> Iterator[Host]:
    """A host with both and with `plugins`, by name, in force within the block."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "automl.testing.toy:PLUGIN,automl.testing.faulty"
    host = toy_host()
    for name, plugin in {**plugins, "faulty": faulty}.items():
        host.register(plugin, name=name)
    with use_host(host):
        yield host
    if before is None:
        del os.environ[VARIABLE]
    else:
        os.environ[VARIABLE] = before
