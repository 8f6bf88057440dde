"""Lightning as this program wants it: seeded, silent, and leaving Ctrl-C as it was."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightning.pytorch import Callback, Trainer

    from automl.training.trial import TrialSpec


@contextmanager
def prepared(spec: TrialSpec) -> Iterator[None]:
    """Seeds and threads as the spec says; Lightning quiet; the Ctrl-C handler as it was, afterwards."""
    import torch
    from lightning.pytorch import seed_everything
    from torch.utils import deterministic

    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(spec.threads)
    seed_everything(spec.seed, workers=True, verbose=False)
    # Deterministic algorithms fill whatever is allocated with NaN, for a twentieth of the time; nothing here reads it.
    fills = deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]
        # Lightning ignores further Ctrl-C after the first, for good.
        if main and handler is not None:
            signal.signal(signal.SIGINT, handler)


def make_trainer(spec: TrialSpec, callbacks: list[Callback], **limits: Any) -> Trainer:
    """A Lightning trainer that neither logs nor draws nor leaves files."""
    from lightning.pytorch import Trainer

    return Trainer(
        max_epochs=spec.epochs,
        accelerator="auto",
        devices=1,
        precision=spec.precision,
        callbacks=callbacks,
        deterministic="warn",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **limits,
    )
