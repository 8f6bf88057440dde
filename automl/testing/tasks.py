"""What holds for every task; a plugin author subclasses the suite and names a space and data to learn with."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, ClassVar

import torch

from automl.host import get_host
from automl.parts import Space, Task
from automl.testing.parts import PartSuite
from automl.training.fit import evaluate, run_trial
from automl.training.parts import build_model
from automl.training.trial import TrialSpec

if TYPE_CHECKING:
    from pathlib import Path

    from automl.parts import Config, DataSource

EPOCHS = 3


class TaskSuite(PartSuite):
    """Tests that every task passes; the plugins of the space, the task and the data must be in the host.

    Attributes:
        part: The task under test.
        data: A data source that poses it.
        space: Name of a space for it.
        config: A candidate of that space, quick to train.
    """

    part: ClassVar[Task]
    data: ClassVar[DataSource]
    space: ClassVar[str]
    config: ClassVar[Config]

    def test_the_score_has_a_name_and_a_direction(self) -> None:
        """Without them nothing can be ranked."""
        assert self.part.score, "the score has no name"
        assert self.part.direction in {"maximize", "minimize"}, f"{self.part.direction!r} is no direction"

    def test_training_logs_what_it_must_and_learns(self, tmp_path: Path) -> None:
        """Losses and scores by epoch, finite; the loss falls; the test split has its score."""
        result = run_trial(self._trial(), tmp_path)
        assert result.status == "complete", result.cause
        wanted = {"train_loss", "val_loss", f"val_{self.part.score}"}
        for row in result.history:
            assert wanted <= set(row), f"an epoch logs {sorted(row)}, not {sorted(wanted)}"
            assert all(map(math.isfinite, row.values())), f"an epoch logs {row}"
        first, last = result.history[0]["train_loss"], result.history[-1]["train_loss"]
        assert last < first, f"the loss goes from {first:.3g} to {last:.3g}"
        tested = evaluate(self._trial(), tmp_path).get(f"test_{self.part.score}")
        assert tested is not None, "the test logs no score"
        assert math.isfinite(tested), f"the test logs a score of {tested}"

    def test_the_same_seed_gives_the_same_score(self, tmp_path: Path) -> None:
        """Training is a function of its spec."""
        one, other = (run_trial(self._trial(), tmp_path / name) for name in "ab")
        for result in (one, other):
            assert result.status == "complete", result.cause
        assert one.history == other.history, "two trainings of one spec differ"

    def test_the_bare_model_stays_in_reach(self) -> None:
        """It is what is saved."""
        model = build_model(self._trial())
        module = self.part.module(model, self.config, self.data.spec())
        held = getattr(module, "model", None)
        kept = set(map(id, held.parameters())) if isinstance(held, torch.nn.Module) else set()
        assert kept == set(map(id, model.parameters())), "module.model is not the model"

    def test_outputs_become_words(self) -> None:
        """One JSON-able dict an example."""
        spec = self.data.spec()
        outputs = build_model(self._trial()).eval()(torch.rand(3, *spec.input_shape))
        words = self.part.decode(outputs.detach(), spec)
        assert len(words) == 3, f"three examples give {len(words)} answers"  # noqa: PLR2004
        assert all(isinstance(answer, dict) for answer in words), f"{words} are not all dicts"
        # What JSON does not know becomes a string here, and so differs.
        assert json.loads(json.dumps(words, default=repr)) == words, f"{words} does not survive JSON"

    def _trial(self) -> TrialSpec:
        get_host().part(Space, self.space)
        return TrialSpec("suite", 0, self.space, self.config, self.data.spec(), EPOCHS, 32, 0, 1)
