"""Runs one trial, start to end: counts its price, trains it, scores it, leaves its folder."""

from __future__ import annotations

import dataclasses
import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from automl.errors import TrialError
from automl.files import write_bytes, write_json
from automl.host import get_host
from automl.parts import Task
from automl.price.flops import HOW, Work
from automl.price.meter import Meter
from automl.price.tag import Figure, PriceTag
from automl.training.parts import WEIGHTS, build_datamodule, build_model, build_module, count_work, load_model
from automl.training.trial import TrialResult, TrialSpec

if TYPE_CHECKING:
    from pathlib import Path

    from lightning.pytorch import Callback, LightningModule, Trainer

    from automl.training.callbacks import Diary

_logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, dict[str, float]], None]


def run_trial(spec: TrialSpec, folder: Path, on_epoch: OnEpoch | None = None) -> TrialResult:
    """Trains one candidate and scores it on the validation split.

    Leaves ``spec.json``, ``result.json`` and, when it succeeds, ``model.safetensors`` in `folder`. An exception in
    the candidate's own work makes a failed result with its cause and what was spent until then.

    Args:
        spec: The candidate.
        folder: The trial's own folder; made if it is missing.
        on_epoch: Called after each epoch with its number, from 1, and its metrics.

    Raises:
        KeyboardInterrupt: The user stopped it; nothing but ``spec.json`` is left.
        OSError: The folder cannot be written.
    """
    from safetensors.torch import save

    from automl.training.callbacks import Diary, contiguous_state

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "spec.json", spec.to_json())
    diary = Diary(on_epoch)
    work: Work | None = None
    with Meter() as meter:
        try:
            work = count_work(spec)
            module = _fit(spec, diary)
            score = _score(spec, diary)
        except Exception as error:
            _logger.debug("trial %d failed", spec.number, exc_info=True)
            result = _result(spec, diary, work, meter, cause=f"{type(error).__name__}: {error}")
        else:
            result = _result(spec, diary, work, meter, score=score)
            write_bytes(folder / WEIGHTS, save(contiguous_state(module)))
    write_json(folder / "result.json", result.to_json())
    return result


def evaluate(spec: TrialSpec, folder: Path) -> dict[str, float]:
    """Metrics of a trained trial on the test split; to be called once, when the search is over."""
    module = build_module(spec, load_model(spec, folder))
    with _prepared(spec):
        metrics = _trainer(spec, []).test(module, datamodule=build_datamodule(spec), verbose=False)[0]
    return {name: float(value) for name, value in metrics.items()}


def time_step(spec: TrialSpec, steps: int) -> float:
    """Seconds a training step of a candidate takes, by the clock, with all that Lightning does around it.

    Args:
        spec: The candidate; nothing of it is kept.
        steps: Steps to take, at least 2.
    """
    from automl.training.callbacks import Stopwatch

    watch = Stopwatch()
    # Epochs enough for the steps where the data gives few in one.
    short = dataclasses.replace(spec, epochs=steps)
    with _prepared(short):
        module = build_module(short, build_model(short))
        trainer = _trainer(short, [watch], max_steps=steps, limit_val_batches=0)
        trainer.fit(module, datamodule=build_datamodule(short))
    return watch.step_s()


def _fit(spec: TrialSpec, diary: Diary) -> LightningModule:
    from automl.training.callbacks import UnbiasedRunningAverages

    with _prepared(spec):
        module = build_module(spec, build_model(spec))
        trainer = _trainer(spec, [diary, UnbiasedRunningAverages()])
        try:
            trainer.fit(module, datamodule=build_datamodule(spec))
        except SystemExit:
            if diary.interrupted:
                raise KeyboardInterrupt from None
            raise
    return module


def _score(spec: TrialSpec, diary: Diary) -> float:
    name = f"val_{get_host().part(Task, spec.data.task).score}"
    if not diary.history or name not in diary.history[-1]:
        raise TrialError(f"task {spec.data.task} logged no finite {name}")
    return diary.history[-1][name]


def _result(
    spec: TrialSpec, diary: Diary, work: Work | None, meter: Meter, *, score: float | None = None, cause: str = ""
) -> TrialResult:
    trained = work.training(diary.trained_examples) if work else PriceTag()
    # Without a count the model was never built, so nothing of it was computed.
    flops = trained["flops"].value + work.prediction_flops * diary.validated_examples if work else 0.0
    spent = PriceTag({**meter.tag(), "flops": Figure(flops, "counted", HOW)})
    return TrialResult(
        number=spec.number,
        status="failed" if score is None else "complete",
        score=score,
        history=diary.history,
        training=PriceTag() if score is None else PriceTag({**trained, **_seconds(spent)}),
        prediction=work.prediction() if work else PriceTag(),
        spent=spent,
        parameters=work.parameters if work else None,
        cause=" ".join(cause.split()),
    )


def _seconds(tag: PriceTag) -> dict[str, Figure]:
    return {name: tag[name] for name in ("wall_s", "cpu_s")}


@contextmanager
def _prepared(spec: TrialSpec) -> Iterator[None]:
    """Seeds and threads as the spec says; Lightning quiet; the Ctrl-C handler as it was, afterwards."""
    import torch
    from lightning.pytorch import seed_everything

    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(spec.threads)
    seed_everything(spec.seed, workers=True, verbose=False)
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        # Lightning ignores further Ctrl-C after the first, for good.
        if main and handler is not None:
            signal.signal(signal.SIGINT, handler)


def _trainer(spec: TrialSpec, callbacks: list[Callback], **limits: Any) -> Trainer:
    from lightning.pytorch import Trainer

    return Trainer(
        max_epochs=spec.epochs,
        accelerator="auto",
        devices=1,
        callbacks=callbacks,
        deterministic="warn",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **limits,
    )
