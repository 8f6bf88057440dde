"""What holds for a part of any kind: its plugin brings it, it has a name and a summary, and listing it is cheap.

A suite is a class of tests that a plugin author subclasses; pytest collects the subclass and its inherited tests::

    class TestMine(PartSuite):
        part = Mine()
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from automl.parts import Part

LONGEST_SUMMARY = 120

_PROBE = """
import json, sys
from importlib.metadata import EntryPoint
from automl.host import HEAVY, HOOKS, Host

host = Host([EntryPoint("plugin", sys.argv[1], "automl")], clock=lambda: 0.0)
found = {
    "problems": [problem.cause for problem in host.problems],
    "parts": [[part.kind, part.name, part.summary] for kind in HOOKS.values() for part in host.parts(kind)],
    "heavy": [name for name in HEAVY if name in sys.modules],
}
print(json.dumps(found))
"""
"""Lists a plugin's parts as the host does; the clock stands still, since how long an import takes is no test."""


class PartSuite:
    """Tests that every part passes.

    Attributes:
        part: The part under test.
        plugin: What the plugin's entry point names, ``"module"`` or ``"module:object"``. When empty, the top package of
            the part's class.
    """

    part: ClassVar[Part]
    plugin: ClassVar[str] = ""

    def test_name(self) -> None:
        """The name is lower case, its words joined by hyphens."""
        # An objective may be a variant of one: of that it bears the name, a colon and words of its own.
        name = self.part.name.partition(":")[0]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), f"{name!r} is not of the form 'two-words'"

    def test_summary(self) -> None:
        """The summary is one short line without a full stop."""
        summary = self.part.summary
        assert summary, "there is no summary"
        assert summary == summary.strip(), f"{summary!r} has space around it"
        assert "\n" not in summary, f"{summary!r} is more than one line"
        assert not summary.endswith("."), f"{summary!r} ends in a full stop"
        assert len(summary) <= LONGEST_SUMMARY, f"{summary!r} is longer than {LONGEST_SUMMARY} characters"

    def test_plugin_brings_the_part(self) -> None:
        """The plugin loads without complaint, and its hooks return the part."""
        listing = _listing(self._plugin())
        assert not listing["problems"], f"the host reports: {'; '.join(listing['problems'])}"
        wanted = [self.part.kind, self.part.name.partition(":")[0], self.part.summary]
        assert wanted in listing["parts"], f"{self._plugin()} brings {listing['parts']}, not {wanted}"

    def test_listing_imports_nothing_heavy(self) -> None:
        """Importing the plugin, making its parts and reading their names and summaries leaves torch and such alone."""
        heavy = _listing(self._plugin())["heavy"]
        assert not heavy, f"listing {self._plugin()} imports {', '.join(heavy)}"

    def _plugin(self) -> str:
        return self.plugin or type(self.part).__module__.partition(".")[0]


@functools.cache
def _listing(plugin: str) -> dict[str, Any]:
    """What a fresh process finds when it lists the parts of `plugin`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", _PROBE, plugin]
    probe = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert probe.returncode == 0, f"{plugin} cannot be listed:\n{probe.stderr}"
    found: dict[str, Any] = json.loads(probe.stdout.splitlines()[-1])
    return found
