"""What a person watches while a search runs: a live table and a progress bar on stderr."""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING, Any

from automl.engine.observer import Observer
from automl.report.units import si

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType

    from automl.engine.estimate import Estimate
    from automl.engine.record import Record
    from automl.engine.study import Study
    from automl.parts import DataSpec
    from automl.training.trial import TrialSpec

LINES_AROUND = 8
"""Lines of the screen that the table leaves to its heading, the bar and the shell."""


def views() -> list[Observer]:
    """A live view when stderr is a terminal, nothing otherwise."""
    if not sys.stderr.isatty():
        return []
    from automl.cli.console import stderr_console

    return [LiveView(stderr_console())]


def estimate_sentence(expected: Estimate) -> str:
    """What the search will cost, in a sentence."""
    low, high = si(expected.low_s, "s"), si(expected.high_s, "s")
    flops = si(expected.tag["flops"].value, "FLOPs")
    return (
        f"Expected price of {expected.trials} trials: about {si(expected.tag['wall_s'].value, 's')} "
        f"({low} to {high}), {flops} (estimated: {expected.tag['wall_s'].how})."
    )


def data_sentence(data: DataSpec) -> str:
    """What the search learns from, in a sentence."""
    shape = "x".join(map(str, data.input_shape))
    sizes = f"{data.train_size:,} training, {data.val_size:,} validation and {data.test_size:,} test examples"
    sentence = f"Data {data.source}: {sizes} of shape {shape}"
    if data.classes:
        sentence += f", {len(data.classes)} classes"
    if data.class_sizes:
        low, high = min(data.class_sizes), max(data.class_sizes)
        sentence += f" of {f'{low:,} to ' * (low != high)}{high:,} training examples"
    return f"{sentence}."


@dataclasses.dataclass
class Step:
    """A step under way.

    Attributes:
        spec: What is trained, and how far.
        label: The candidate in a few words.
        epochs: Epochs of this step that are over.
    """

    spec: TrialSpec
    label: str
    epochs: int = 0


class LiveView(Observer):
    """The last trials as a table, the running one as a bar, and the time left.

    Args:
        console: Where to draw; a terminal.
        clock: Returns seconds.
    """

    def __init__(self, console: Console, clock: Any = time.monotonic) -> None:
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = console
        self._clock = clock
        self._progress = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task("", total=None, count="", left="")
        self._note = "Counting and timing a few candidates ..."
        self._wish = ""
        self._study: Study | None = None
        self._total = 0
        self._begun = 0
        self._under_way: dict[int, Step] = {}
        self._epochs_before = 0
        self._expected_epochs = 1.0
        self._started = 0.0
        self._expected_s: float | None = None
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=4, transient=True)
        self._live.start()

    def chosen(self, study: Study, told: Sequence[str]) -> None:
        """Says so."""
        for sentence in told:
            self._console.print(sentence)

    def prepared(self, study: Study, estimate: Estimate | None, remaining: int) -> None:
        """Says what it will cost."""
        from rich.text import Text

        self._study = study
        self._total = remaining
        full = study.settings.epochs or 1
        self._expected_epochs = max(1.0, remaining * full * (estimate.share if estimate else 1.0))
        settings = study.settings
        past = f", going on after {study.trial_count} trials" if study.records else ""
        told = f": space {settings.space}, objective {settings.objective}, data {settings.data}{past}"
        self._console.print(Text.assemble((study.name, "bold"), told))
        self._console.print(data_sentence(study.data))
        if estimate is not None:
            self._console.print(estimate_sentence(estimate))
            self._expected_s = estimate.tag["wall_s"].value
        self._started = self._clock()
        self._note = ""
        self._advance()

    def trial_started(self, spec: TrialSpec, label: str) -> None:
        """Names the running trials."""
        self._under_way[spec.number] = Step(spec, label)
        if not spec.from_rung:
            self._begun += 1
            # A budget may go further than was expected.
            self._total = max(self._total, self._begun)
        self._name()
        self._advance()

    def epoch_finished(self, spec: TrialSpec, epoch: int, metrics: dict[str, float]) -> None:
        """Moves the bar."""
        self._under_way[spec.number].epochs = epoch - (spec.from_rung or 0)
        self._advance()

    def trial_finished(self, study: Study, record: Record) -> None:
        """Adds a row."""
        self._under_way.pop(record.number, None)
        self._epochs_before += record.spec.last_epoch - (record.spec.from_rung or 0)
        self._name()
        self._advance()

    def stopping(self) -> None:
        """Says what the first Ctrl-C does. The screen is drawn by a thread of its own: nothing is drawn from here."""
        self._wish = "Finishing what is under way; Ctrl-C again ends it now."

    def waiting(self, cause: str) -> None:
        """Why nothing moves."""
        self._console.print(f"Waiting for {cause}.", markup=False)

    def testing(self, study: Study, count: int) -> None:
        """The bar is full; one more thing is done."""
        self._note = f"Opening the test split for the {count} trials of the front of {study.name} ..."

    def finished(self, study: Study, reason: str) -> None:
        """Leaves the whole table on the screen."""
        if reason:
            self._console.print(f"Stopped early: {reason}.")
        self._note = "Writing tables, pictures and models ..."

    def close(self) -> None:
        """Gives the terminal back, with every row on it."""
        self._live.stop()
        if self._study is not None and self._study.records:
            self._console.print(self._table(len(self._study.records)))

    def _advance(self) -> None:
        # How many trials go on from their rungs shows only as it happens: until the end the bar is never full.
        done = self._epochs_before + sum(step.epochs for step in self._under_way.values())
        share = min(0.99, done / self._expected_epochs) if self._total else 1.0
        elapsed = self._clock() - self._started
        left = ""
        if share > 0 and self._total:
            # The pace seen so far counts for more the further the search is; until then, the estimate.
            pace = elapsed / share
            expected = pace if self._expected_s is None else share * pace + (1 - share) * self._expected_s
            left = f"about {si(max(0.0, expected * (1 - share)), 's')} left"
        self._progress.update(
            self._task, total=1.0, completed=share, count=f"{self._begun} of {self._total} trials", left=left
        )

    def _name(self) -> None:
        """Says what is under way, a line a trial."""
        self._note = "\n".join(
            f"trial {step.spec.number} to {step.spec.last_epoch} of {step.spec.epochs} epochs: {step.label}"
            for step in self._under_way.values()
        )

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        from automl.cli.console import Printable

        rows: list[RenderableType] = []
        if self._study is not None and self._study.records:
            rows.append(self._table(max(3, self._console.height - LINES_AROUND - len(self._under_way))))
        if self._note:
            rows.append(Text(self._note, style="dim", no_wrap=True, overflow="ellipsis"))
        if self._wish:
            rows.append(Text(self._wish, style="bold"))
        # Rich draws what is live past the hook through which all else goes.
        return Printable(Group(*rows, self._progress))

    def _table(self, most: int) -> RenderableType:
        from automl.engine.record import verdict
        from automl.report.tables import live_table, trial_row

        assert self._study is not None
        records, goals = self._study.records, self._study.goals
        rows = [trial_row(record, goals, verdict(record, records, goals)) for record in records[-most:]]
        return live_table(rows, goals)
