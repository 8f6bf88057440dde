"""The space ``recorded``: whatever the benchmark of the data tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.parts import Config, DataSpec, RecordedSpace, Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.parts import Dimension, Trial
    from automl_replay.opening import Benchmark


class Recorded(RecordedSpace):
    """The candidates of a recorded benchmark; the data says which (``--data lcbench:3945``)."""

    name = "recorded"
    summary = "candidates of a recorded benchmark, looked up and not trained; --data names it"
    tasks = ("recorded",)
    default_data = "nas-bench-201"

    def dimensions(self, spec: DataSpec) -> tuple[Dimension, ...]:
        """Those of the benchmark."""
        return _benchmark(spec).dimensions

    def suggest(self, trial: Trial, spec: DataSpec) -> Config:
        """A point, or the recorded candidate next to it where the benchmark is a sample of its space."""
        return _benchmark(spec).settle(super().suggest(trial, spec))

    def landmarks(self, spec: DataSpec) -> Sequence[Config]:
        """The cheap end, as far as it is known without training."""
        return _benchmark(spec).landmarks()

    def epochs(self, spec: DataSpec) -> tuple[int, ...]:
        """Those of the benchmark."""
        return _benchmark(spec).epochs

    def look_up(self, config: Config, spec: DataSpec, epochs: int) -> Recording:
        """What was recorded."""
        return _benchmark(spec).look_up(config, epochs)

    def before(self, config: Config, spec: DataSpec) -> Recording | None:
        """What a model is and what a prediction costs, where it was recorded."""
        return _benchmark(spec).before(config)


def _benchmark(spec: DataSpec) -> Benchmark:
    from automl_replay.opening import open_benchmark
    from automl_replay.sources import stem_of

    return open_benchmark(spec.source, stem_of(spec.source))
