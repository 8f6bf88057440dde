"""What Lightning and all that hangs on it cost: a trial's training against a loop written by hand.

Both train the same candidate on the same batches, with the same optimizer and schedule, and validate once an epoch.
They take turns, each in seconds of CPU; the least of each is compared.

Example::

    python benchmarks/training/overhead.py --data digits --phi -8
    AUTOML_DATA_DIR=... python benchmarks/training/overhead.py --data fashion-mnist --phi -8 --examples 6400
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import optuna
import torch
from torch.nn import functional

from automl.host import get_host
from automl.parts import DataSource, Space
from automl.training.callbacks import Diary, UnbiasedRunningAverages
from automl.training.lightning import make_trainer, prepared
from automl.training.parts import build_datamodule, build_model, build_module
from automl.training.trial import TrialSpec


def spec_of(data: str, phi: float, epochs: int) -> TrialSpec:
    space, source = get_host().part(Space, "efficientnet"), get_host().part(DataSource, data)
    point = {dimension.name: dimension.default for dimension in space.dimensions(source.spec())} | {"phi": phi}
    config = space.suggest(optuna.trial.FixedTrial(point), source.spec())
    return TrialSpec("benchmark", 0, space.name, config, source.spec(), epochs, batch_size=128, seed=0, threads=1)


def datamodule_of(spec: TrialSpec, examples: int | None) -> Any:
    datamodule: Any = build_datamodule(spec)
    if examples:
        datamodule.splits = {
            name: type(split)(split.images[:examples], split.labels[:examples])
            for name, split in datamodule.splits.items()
        }
    return datamodule


def with_lightning(spec: TrialSpec, examples: int | None) -> float:
    with prepared(spec):
        module, datamodule = build_module(spec, build_model(spec)), datamodule_of(spec, examples)
        trainer = make_trainer(spec, [Diary(), UnbiasedRunningAverages()])
        start = time.process_time()
        trainer.fit(module, datamodule=datamodule)
        return time.process_time() - start


def by_hand(spec: TrialSpec, examples: int | None) -> float:
    with prepared(spec):
        module, datamodule = build_module(spec, build_model(spec)), datamodule_of(spec, examples)
        start = time.process_time()
        train, val = datamodule.train_dataloader(), datamodule.val_dataloader()
        model, rate = module.model, spec.config["learning_rate"]
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=spec.config["weight_decay"], fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=spec.epochs * len(train))
        for _ in range(spec.epochs):
            model.train()
            for images, labels in train:
                loss = functional.cross_entropy(model(images), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            model.eval()
            right = 0
            with torch.inference_mode():
                for images, labels in val:
                    right += int((model(images).argmax(1) == labels).sum())
        return time.process_time() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default="digits", help="data source")
    options.add_argument("--phi", type=float, nargs="+", default=[-32.0, -8.0], help="compound coefficients")
    options.add_argument("--epochs", type=int, default=8)
    options.add_argument("--examples", type=int, help="take only so many of each split")
    options.add_argument("--repeats", type=int, default=5)
    given = options.parse_args()
    print("| data | phi | by hand, ms a step | Lightning, ms a step | throughput |\n|---|---|---|---|---|")
    for phi in given.phi:
        spec = spec_of(given.data, phi, given.epochs)
        steps = spec.epochs * (min(given.examples or spec.data.train_size, spec.data.train_size) // spec.batch_size)
        ways: tuple[Callable[[TrialSpec, int | None], float], ...] = (by_hand, with_lightning)
        for way in ways:
            way(dataclasses.replace(spec, epochs=1), given.examples)
        taken = [[way(spec, given.examples) for way in ways] for _ in range(given.repeats)]
        hand, lightning = (1000 * min(column) / steps for column in zip(*taken, strict=True))
        print(f"| {given.data} | {phi:g} | {hand:.2f} | {lightning:.2f} | {hand / lightning:.3f} |", flush=True)


if __name__ == "__main__":
    main()
