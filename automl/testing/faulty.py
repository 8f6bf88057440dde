"""A space whose candidates go wrong in training, each in a way of its own: for tests of executors.

``AUTOML_PLUGINS=automl.testing.faulty`` lets the processes that an executor starts know it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.hookspecs import hookimpl
from automl.parts import Categorical, Config, DataSpec, Dimension, Space
from automl.testing.toy import TASK

if TYPE_CHECKING:
    import torch

FAULTS = ("none", "raise", "nan", "inf", "shape", "memory", "cuda", "segfault", "kill", "exit", "hang", "hoard", "once")

ONCE = "AUTOML_FAULTY_ONCE"
"""Environment variable that names a file: who is to hang once makes it, and goes well where it is there already."""


class FaultySpace(Space):
    """A perceptron that does what its config says when it is first trained; on the meta device nothing happens."""

    name = "faulty"
    summary = "a perceptron that goes wrong in training as its config says"
    tasks = (TASK,)
    default_data = "toy"

    def dimensions(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """What goes wrong."""
        return (Categorical("fault", FAULTS, "none", summary="what happens in training"),)

    def build(self, config: Config, spec: DataSpec) -> torch.nn.Module:
        """From points ``(batch, 4)`` to logits ``(batch, 2)``."""
        from automl.testing.faulty_training import Faulty

        return Faulty(config["fault"], spec.input_shape[0], len(spec.classes))


@hookimpl
def automl_spaces() -> list[Space]:
    """The space ``faulty``."""
    return [FaultySpace()]
