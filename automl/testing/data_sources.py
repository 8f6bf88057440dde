"""What holds for every data source; a plugin author subclasses the suite."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

import pytest
import torch

from automl.errors import UsageError
from automl.parts import DataSpec
from automl.testing.parts import PartSuite

if TYPE_CHECKING:
    from pathlib import Path

    from automl.parts import DataSource

SPLITS = ("train", "val", "test")
BATCH = 16


class DataSourceSuite(PartSuite):
    """Tests that every data source of classified examples passes.

    Attributes:
        part: The data source under test.
        repeats: Examples that stand in two splits because the data itself repeats them.
        tolerance: Largest difference, in standard deviations, of a channel's mean and deviation from the spec's.
    """

    part: ClassVar[DataSource]
    repeats: ClassVar[int] = 0
    tolerance: ClassVar[float] = 1e-3

    def test_the_spec_is_plain_and_always_the_same(self) -> None:
        """It survives JSON."""
        spec = self.part.spec()
        assert spec == self.part.spec(), "two calls give two specs"
        assert DataSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec, "the spec does not survive JSON"
        assert spec.source == self.part.name, f"the spec says it is of {spec.source}"
        assert len(set(spec.classes)) == len(spec.classes), f"a class stands twice in {spec.classes}"

    def test_what_the_spec_tells_of_its_contents_is_so(self) -> None:
        """Sizes of the classes, hashes of the splits, remarks; each may be left out."""
        spec = self.part.spec()
        assert len(spec.split_hashes) in {0, len(SPLITS)}, f"{len(spec.split_hashes)} hashes for {len(SPLITS)} splits"
        assert len(set(spec.split_hashes)) == len(spec.split_hashes), "two splits have the same hash"
        if spec.class_sizes:
            sizes = self._epoch()[1].bincount(minlength=len(spec.classes)).tolist()
            assert list(spec.class_sizes) == sizes, (
                f"the spec tells of {spec.class_sizes} examples a class, not {sizes}"
            )
        assert all(remark.strip() for remark in self.part.remarks(spec)), "a remark says nothing"

    def test_data_that_has_changed_is_not_trained_on(self) -> None:
        """Where the spec tells hashes: loaders of other contents are refused."""
        spec = self.part.spec()
        if spec.split_hashes:
            other = dataclasses.replace(spec, split_hashes=("", *spec.split_hashes[1:]))
            with pytest.raises(UsageError):
                self.part.datamodule(other, batch_size=BATCH, seed=0)

    def test_batches_are_as_the_spec_says(self) -> None:
        """Shapes, types, class indices, sizes of the splits."""
        spec = self.part.spec()
        sizes = {"val": spec.val_size, "test": spec.test_size}
        for split in SPLITS:
            inputs, targets = self._all(split)
            assert targets.shape == inputs.shape[:1], f"{split} has targets of shape {tuple(targets.shape)}"
            assert inputs.shape[1:] == spec.input_shape, f"{split} has examples of shape {tuple(inputs.shape[1:])}"
            assert inputs.dtype == torch.float32, f"{split} has inputs of {inputs.dtype}"
            assert inputs.isfinite().all(), f"{split} has inputs that are not finite"
            assert targets.dtype == torch.int64, f"{split} has targets of {targets.dtype}"
            assert targets.min() >= 0, f"{split} has a class below 0"
            assert targets.max() < len(spec.classes), f"{split} has a class the spec does not name"
            assert len(inputs) == sizes.get(split, len(inputs)), f"{split} has {len(inputs)} examples"
        trained = len(self._all("train")[0])
        # A last batch that is not full may be left out.
        fits = 0 < trained <= spec.train_size < trained + BATCH
        assert fits, f"an epoch has {trained} of {spec.train_size} examples"

    def test_mean_and_deviation_are_those_of_the_training_split(self) -> None:
        """Where the spec gives them, models are standardised by them."""
        spec = self.part.spec()
        assert len(spec.mean) == len(spec.std), f"{len(spec.mean)} means but {len(spec.std)} deviations"
        if not spec.mean:
            return
        assert len(spec.mean) == spec.input_shape[0], f"{len(spec.mean)} means for {spec.input_shape[0]} channels"
        channels = self._epoch()[0].double().transpose(0, 1).flatten(1)
        for channel, mean, std in zip(channels, spec.mean, spec.std, strict=True):
            assert std > 0, f"a deviation is {std}"
            true, spread = float(channel.mean()), float(channel.std())
            assert abs(mean - true) <= self.tolerance * std, f"the spec has mean {mean:.6g}, the data {true:.6g}"
            assert abs(std - spread) <= self.tolerance * std, f"the spec has deviation {std:.6g}, the data {spread:.6g}"

    def test_no_example_is_in_two_splits(self) -> None:
        """What is tested was never trained on."""
        counts: Counter[bytes] = Counter()
        for split in SPLITS:
            inputs = self._epoch()[0] if split == "train" else self._all(split)[0]
            counts.update({example.numpy().tobytes() for example in inputs})
        shared = sum(count > 1 for count in counts.values())
        assert shared <= self.repeats, f"{shared} examples stand in more than one split"

    def test_the_seed_decides_the_order_alone(self) -> None:
        """The same seed gives the same order, another seed another of the same; val and test do not depend on it."""
        one, same, other = (self._all("train", seed)[0] for seed in (1, 1, 2))
        assert torch.equal(one, same), "the same seed gives another order"
        assert not torch.equal(one, other), "another seed gives the same order"
        whole = (self._epoch(seed) for seed in (1, 2))
        bags = [Counter((x.numpy().tobytes(), int(y)) for x, y in zip(*epoch, strict=True)) for epoch in whole]
        assert bags[0] == bags[1], "another seed gives other training examples, not just another order"
        for split in ("val", "test"):
            pairs = zip(self._all(split, 1), self._all(split, 2), strict=True)
            assert all(torch.equal(ours, theirs) for ours, theirs in pairs), f"{split} depends on the seed"

    def test_bad_files_are_told(self, tmp_path: Path) -> None:
        """A missing file and rubbish are the user's errors, not a crash."""
        rubbish = tmp_path / "rubbish.bin"
        rubbish.write_bytes(b"\0rubbish\xff" * 9)
        for path in (tmp_path / "missing.png", rubbish):
            with pytest.raises(UsageError):
                self.part.read(path, self.part.spec())

    def _epoch(self, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """All training examples: in one batch none is left out."""
        return self._all("train", seed, self.part.spec().train_size)

    def _all(self, split: str, seed: int = 0, batch_size: int = BATCH) -> tuple[torch.Tensor, torch.Tensor]:
        module = self.part.datamodule(self.part.spec(), batch_size=batch_size, seed=seed)
        batches = list(getattr(module, f"{split}_dataloader")())
        return torch.cat([inputs for inputs, _ in batches]), torch.cat([targets for _, targets in batches])
