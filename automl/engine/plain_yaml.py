"""YAML as settings need it: plain values, no aliases, of a size that a person could have typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from automl.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 1_000_000
"""A settings file has some hundred."""


class _Plain(yaml.SafeLoader):
    """Without aliases: ten lines of them stand for a billion values, which any message about them would write out."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not taken", event.start_mark)
        return super().compose_node(parent, index)


def read(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        UsageError: The file is missing, too large, or no YAML, or uses what settings have no need of.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"The settings file {path} cannot be read: {error}.") from error
    if len(data) > MOST_BYTES:
        raise UsageError(f"The settings file {path} has more than {MOST_BYTES} bytes, which no settings take.")
    try:
        # Its constructors make plain values alone, as those of `yaml.safe_load` do.
        return yaml.load(text, _Plain)  # noqa: S506
    except RecursionError as error:
        raise UsageError(f"The settings file {path} is nested too deeply.") from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        # A number of too many digits, or the thirteenth month, is an error of Python's and not of YAML's.
        cause = " ".join(str(error).split())[:300]
        raise UsageError(f"The settings file {path} is not valid YAML: {cause}.") from error
