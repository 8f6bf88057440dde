"""How candidates are proposed: Optuna's samplers, never the same candidate twice."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

from automl.engine.narrow import NarrowedTrial, Narrowing, starting_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

    from automl.parts import Config, DataSpec, Space

MAX_REPEATS = 100
"""Proposals in a row that were seen before, after which the space counts as exhausted."""

STARTUP_TRIALS = 8
"""Trials drawn at random before the sampler models what it has seen."""


def make_sampler(seed: int) -> optuna.samplers.BaseSampler:
    """Optuna's multivariate TPE, which on multi-objective studies repeats itself less than its default."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=STARTUP_TRIALS)


class Proposer:
    """Asks an Optuna study for candidates of a space.

    Args:
        study: The Optuna study.
        space: What is asked for.
        spec: The data it is asked for.
        narrowing: The user's wishes.
        seen: Configs tried before.
    """

    def __init__(
        self, study: optuna.Study, space: Space, spec: DataSpec, narrowing: Narrowing, seen: Sequence[Config]
    ) -> None:
        self._study = study
        self._space = space
        self._spec = spec
        self._narrowing = narrowing
        self._seen = {_key(config) for config in seen}

    def enqueue_landmarks(self) -> None:
        """Puts the space's landmarks first: without its cheap end a front begins in the middle."""
        dimensions = self._space.dimensions(self._spec)
        for landmark in self._space.landmarks(self._spec):
            point = starting_point(landmark, dimensions, self._narrowing)
            self._study.enqueue_trial(point, skip_if_exists=True)

    def ask(self) -> tuple[optuna.Trial, Config] | None:
        """The next candidate and the Optuna trial that goes with it; None when the space has no new one."""
        import optuna

        for _ in range(MAX_REPEATS):
            trial = self._study.ask()
            config = self._space.suggest(NarrowedTrial(trial, self._narrowing), self._spec)
            key = _key(config)
            if key not in self._seen:
                self._seen.add(key)
                return trial, config
            trial.set_user_attr("repeats", value=True)
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None


def _key(config: Config) -> str:
    return json.dumps(config, sort_keys=True)
