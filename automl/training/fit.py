"""Runs one trial, start to end: counts its price, trains it, scores it, leaves its folder."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from automl.errors import TrialError
from automl.files import NO_ROOM, write_bytes, write_json
from automl.host import get_host
from automl.parts import Space, Task
from automl.parts.recorded import RecordedSpace
from automl.price.meter import Meter
from automl.price.tag import SUMS, Figure, PriceTag
from automl.training.latency import HOW as LATENCY
from automl.training.latency import time_prediction
from automl.training.lightning import make_trainer, prepared
from automl.training.parts import build_datamodule, build_model, build_module, count_work, load_model
from automl.training.recorded import replay_test, replay_trial
from automl.training.trial import WEIGHTS, TrialResult, TrialSpec, checkpoint_path

if TYPE_CHECKING:
    from pathlib import Path

    from lightning.pytorch import LightningModule

    from automl.price.work import Work
    from automl.training.callbacks import Diary

_logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, dict[str, float], PriceTag], None]
"""Called after each epoch with its number, from 1, its metrics, and what the trial has cost so far."""


def run_trial(
    spec: TrialSpec, folder: Path, on_epoch: OnEpoch | None = None, checkpoints: Path | None = None
) -> TrialResult:
    """Trains one candidate as far as its spec says and scores it on the validation split.

    Leaves ``spec.json``, ``result.json`` and, when it succeeds, ``model.safetensors`` in `folder`. An exception in
    the candidate's own work makes a failed result with its cause and what was spent until then. A training that stops
    at a rung and goes on from there gives the very same bytes as one that never stopped.

    Where the space looks its trainings up, nothing is trained and nothing is left.

    Args:
        spec: The candidate.
        folder: The step's own folder; made if it is missing.
        on_epoch: Told after each epoch.
        checkpoints: The trial's folder of checkpoints, one for each rung; none is ever removed here. None keeps none,
            so that a training that stops at a rung cannot go on.

    Raises:
        KeyboardInterrupt: The user stopped it; nothing but ``spec.json`` is left.
        OSError: The folder cannot be written, or there is no room for what the training writes.
    """
    space = get_host().part(Space, spec.space)
    if isinstance(space, RecordedSpace):
        return replay_trial(space, spec)
    from safetensors.torch import save

    from automl.training.callbacks import contiguous_state

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "spec.json", spec.to_json())
    with Meter() as meter:
        run = _Run(spec, meter, on_epoch, checkpoints)
        try:
            module = run.fit()
        except Exception as error:
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                # No fault of the candidate's, nor would the next one fare better.
                raise
            _logger.debug("trial %d failed", spec.number, exc_info=True)
            result = run.failure(f"{type(error).__name__}: {error}")
        else:
            result = run.result
            write_bytes(folder / WEIGHTS, save(contiguous_state(module)))
    write_json(folder / "result.json", result.to_json())
    return result


def evaluate(spec: TrialSpec, folder: Path) -> dict[str, float]:
    """Metrics of a trained trial on the test split; to be called once, when the search is over."""
    space = get_host().part(Space, spec.space)
    if isinstance(space, RecordedSpace):
        return replay_test(space, spec)
    module = build_module(spec, load_model(spec, folder))
    with prepared(spec):
        metrics = make_trainer(spec, []).test(module, datamodule=build_datamodule(spec), verbose=False)[0]
    return {name: float(value) for name, value in metrics.items()}


def time_step(spec: TrialSpec, steps: int) -> float:
    """Seconds a training step of a candidate takes, by the clock, with all that Lightning does around it.

    Args:
        spec: The candidate; nothing of it is kept.
        steps: Steps to take, at least 2.
    """
    import torch

    from automl.training.callbacks import Stopwatch

    watch = Stopwatch()
    # Epochs enough for the steps where the data gives few in one.
    short = dataclasses.replace(spec, epochs=steps)
    with torch.random.fork_rng(devices=[]), prepared(short):
        module = build_module(short, build_model(short))
        trainer = make_trainer(short, [watch], max_steps=steps, limit_val_batches=0)
        trainer.fit(module, datamodule=build_datamodule(short))
    return watch.step_s()


class _Run:
    """One training and its bill.

    Args:
        spec: The candidate.
        meter: Open, for the trial as a whole.
        on_epoch: Told after each epoch.
        checkpoints: Where the step before has left what it takes to go on, and where this one leaves it.
    """

    def __init__(self, spec: TrialSpec, meter: Meter, on_epoch: OnEpoch | None, checkpoints: Path | None) -> None:
        from automl.training.callbacks import Diary

        self._spec = spec
        self._meter = meter
        self._on_epoch = on_epoch
        self._checkpoints = checkpoints
        self._diary = Diary(self._epoch, spec.rung)
        self._before = _Counts()
        self._paid = PriceTag()
        self._work: Work | None = None
        self._timed_examples = 0

    def fit(self) -> LightningModule:
        """Counts, trains, scores and times the candidate; afterwards `result` is there."""
        spec, diary = self._spec, self._diary
        self._work = work = count_work(spec)
        with prepared(spec):
            module = build_module(spec, build_model(spec))
            with Meter() as training:
                keep = self._train(module)
            measured = training.tag()
            # Metered is this step alone; what the steps before have taken stands in the checkpoint.
            whole = self._paid + measured if self._paid else measured
            keep(whole)
            score = _score(spec, diary)
            running = self._running(module, measured)
        trained = work.training_tag(diary.trained_examples, diary.steps, spec.batch_size) | whole
        prediction = work.prediction_tag() | running
        self.result = self._result("complete", score=score, training=trained, prediction=prediction)
        return module

    def _train(self, module: LightningModule) -> Callable[[PriceTag], None]:
        """Trains; returns what writes the checkpoint, once the price from the very beginning is known."""
        from automl.training import checkpoint
        from automl.training.callbacks import UnbiasedRunningAverages
        from automl.training.resume import Resume

        spec, diary = self._spec, self._diary
        datamodule = build_datamodule(spec)
        resume = Resume(spec, diary, checkpoint.Randomness(datamodule))
        trainer = make_trainer(spec, [diary, UnbiasedRunningAverages(), resume])
        try:
            start = checkpoint.found(self._checkpoints, spec)
            if start is not None:
                self._paid = resume.read(start)
                self._before = _Counts(diary.trained_examples, diary.steps, diary.validated_examples)
        except TrialError as error:
            # The same spec gives the same model: what was lost is paid for once more, and nothing else.
            _logger.warning("trial %d is trained from scratch: %s", spec.number, error)
            start = None
        try:
            trainer.fit(module, datamodule=datamodule, ckpt_path=start, weights_only=True)
        except SystemExit:
            if diary.interrupted:
                raise KeyboardInterrupt from None
            raise
        resume.note()

        def keep(paid: PriceTag) -> None:
            if spec.rung is not None and self._checkpoints is not None:
                resume.paid = paid
                checkpoint.save(trainer, checkpoint_path(self._checkpoints, spec.rung))

        return keep

    def _running(self, module: LightningModule, training: PriceTag) -> PriceTag:
        """What a prediction costs by the clock; too little for an energy meter, so the training's power tells."""
        import torch

        model = module.model
        assert isinstance(model, torch.nn.Module)
        try:
            seconds, self._timed_examples = time_prediction(model, self._spec.data.input_shape)
        except Exception:
            _logger.debug("trial %d cannot be timed", self._spec.number, exc_info=True)
            return PriceTag()
        figures = {"wall_s": Figure(seconds, "measured", LATENCY)}
        if "energy_wh" in training and training["wall_s"].value > 0:
            per_s = training["energy_wh"].value / training["wall_s"].value
            how = f"{training['energy_wh'].how}; of a prediction: mean power of the training x latency"
            figures["energy_wh"] = Figure(per_s * seconds, "estimated", how)
        return PriceTag(figures)

    def failure(self, cause: str) -> TrialResult:
        """What to say of a training that went wrong."""
        prediction = self._work.prediction_tag() if self._work else PriceTag()
        return self._result("failed", prediction=prediction, cause=" ".join(cause.split()))

    def _result(self, status: Literal["complete", "failed"], **more: Any) -> TrialResult:
        return TrialResult(
            number=self._spec.number,
            status=status,
            history=self._diary.history,
            work=self._work,
            trained_examples=self._diary.trained_examples,
            steps=self._diary.steps,
            spent=self._spent(),
            **{"score": None, "training": PriceTag(), **more},
        )

    def _epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        if self._on_epoch is not None:
            self._on_epoch(epoch, metrics, self._spent())

    def _spent(self) -> PriceTag:
        """The price of the trial so far."""
        measured = self._meter.tag()
        if self._work is None:
            # Without a count the model was never built, so nothing of it was computed.
            return measured | PriceTag({"flops": Figure(0.0, "counted")})
        diary, before = self._diary, self._before
        trained = self._work.training_tag(
            diary.trained_examples - before.trained, diary.steps - before.steps, self._spec.batch_size
        )
        validated = diary.validated_examples - before.validated
        predicted = self._work.prediction_tag() * (validated + self._timed_examples)
        return (trained + predicted).only(SUMS) | measured


@dataclasses.dataclass(frozen=True)
class _Counts:
    """Examples and steps of the steps before this one."""

    trained: int = 0
    steps: int = 0
    validated: int = 0


def _score(spec: TrialSpec, diary: Diary) -> float:
    name = f"val_{get_host().part(Task, spec.data.task).score}"
    if not diary.history or name not in diary.history[-1]:
        raise TrialError(f"task {spec.data.task} logged no finite {name}")
    return diary.history[-1][name]
