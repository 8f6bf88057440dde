"""A training that stops at rungs gives what one gives that never stopped."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from automl.hookspecs import hookimpl
from automl.host import use_host
from automl.parts import Integer, Space
from automl.parts.recorded import RecordedSpace, Recording
from automl.price.tag import Figure, PriceTag
from automl.testing.toy import ToyData, toy_host
from automl.training.checkpoint import identity
from automl.training.fit import evaluate, run_trial
from automl.training.trial import TrialSpec, checkpoint_path

EPOCHS = 6
RUNGS = (1, 3, EPOCHS)


class Shuffled(LightningDataModule):
    """Batches drawn by a sampler within a sampler, with a generator of its own or the global one; noisy inputs."""

    def __init__(self, seed, own):
        super().__init__()
        self.seed, self.own = seed, own

    def train_dataloader(self):
        generator = torch.Generator().manual_seed(self.seed) if self.own else None
        order = BatchSampler(RandomSampler(range(64), generator=generator), 16, drop_last=True)
        return DataLoader(_Noisy(_points(0)), sampler=order, batch_size=None)

    def val_dataloader(self):
        torch.rand(3)  # a loader may draw while it is made
        return DataLoader(_points(1), 16, shuffle=True)


class _Noisy(TensorDataset):
    def __init__(self, whole):
        super().__init__(*whole.tensors)

    def __getitem__(self, index):
        points, labels = super().__getitem__(index)
        return points + 0.01 * torch.randn(points.shape), labels


def _points(seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(64) % 2
    return TensorDataset(torch.randn(64, 4, generator=generator) + labels.unsqueeze(1), labels)


class OwnOrder(ToyData):
    name = "own-order"

    def datamodule(self, spec, *, batch_size, seed):
        return Shuffled(seed, own=True)


class GlobalOrder(ToyData):
    name = "global-order"

    def datamodule(self, spec, *, batch_size, seed):
        return Shuffled(seed, own=False)


class Noisy(Space):
    """Dropout draws from the global generator; batch normalization has running averages."""

    name = "noisy"
    summary = "dropout and running averages"
    tasks = ("toy-classification",)

    def dimensions(self, spec):
        return (Integer("width", 1, 8, 4),)

    def build(self, config, spec):
        width = config["width"]
        return torch.nn.Sequential(
            torch.nn.Linear(4, width), torch.nn.BatchNorm1d(width), torch.nn.Dropout(0.3), torch.nn.Linear(width, 2)
        )


class Looked(RecordedSpace):
    """Two epochs of one candidate."""

    name = "looked"
    summary = "one candidate, recorded"
    tasks = ("toy-classification",)

    def dimensions(self, spec):
        return (Integer("width", 1, 8, 4),)

    def epochs(self, spec):
        return (1, 3)

    def look_up(self, config, spec, epochs):
        if config["width"] != 4:
            raise KeyError(4)
        training = PriceTag({"wall_s": Figure(10.0 * epochs, "measured", "long ago")})
        return Recording({"accuracy": 0.2 * epochs}, training, PriceTag(), {"accuracy": 0.1 * epochs})


class Plugin:
    @hookimpl
    def automl_spaces(self):
        return [Noisy(), Looked()]

    @hookimpl
    def automl_data_sources(self):
        return [OwnOrder(), GlobalOrder()]


@pytest.fixture(autouse=True)
def host():
    known = toy_host()
    known.register(Plugin(), name="resume")
    with use_host(known):
        yield


def spec_of(source, **more):
    data = dataclasses.replace(ToyData().spec(), source=source)
    return TrialSpec("s", 3, "noisy", {"width": 4}, data, EPOCHS, 16, seed=5, threads=1, **more)


def steps(spec):
    """The specs of a training that stops at each rung."""
    starts = (None, *RUNGS)
    for start, rung in zip(starts, RUNGS, strict=False):
        yield dataclasses.replace(spec, rung=rung if rung < spec.epochs else None, from_rung=start)


@pytest.fixture(params=["toy", "own-order", "global-order"])
def spec(request):
    return spec_of(request.param)


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def test_in_steps_or_in_one_go_the_bytes_are_the_same(spec, tmp_path):
    whole = run_trial(spec, tmp_path / "whole")
    assert not whole.cause
    results = []
    for step in steps(spec):
        torch.rand(17)  # whatever happens between two steps
        results.append(run_trial(step, tmp_path / f"{step.last_epoch}", checkpoints=tmp_path / "kept"))
        assert not results[-1].cause
    assert weights(tmp_path / f"{EPOCHS}") == weights(tmp_path / "whole")
    assert weights(tmp_path / "3") != weights(tmp_path / "whole")
    assert results[-1].history == whole.history
    assert [len(result.history) for result in results] == list(RUNGS)
    assert (results[-1].steps, results[-1].trained_examples) == (whole.steps, whole.trained_examples)
    assert results[-1].training["flops"] == whole.training["flops"]


def test_a_step_pays_for_itself_alone(tmp_path):
    spec = spec_of("toy")
    results = [run_trial(step, tmp_path / f"{step.last_epoch}", checkpoints=tmp_path / "kept") for step in steps(spec)]
    work = results[0].work
    batch = spec.batch_size
    for result, before in zip(results[1:], results, strict=False):
        examples = result.trained_examples - before.trained_examples
        trained = work.training_tag(examples, result.steps - before.steps, batch)["flops"].value
        assert trained < result.spent["flops"].value < 3 * trained
        assert result.training["wall_s"].value > before.training["wall_s"].value
        assert result.training["flops"].value > before.training["flops"].value


def test_another_process_goes_on_alike(tmp_path):
    spec = spec_of("toy")
    run_trial(spec, tmp_path / "whole")
    first, _, last = steps(spec)
    run_trial(first, tmp_path / "1", checkpoints=tmp_path / "kept")
    last = dataclasses.replace(last, from_rung=1)
    code = (
        "import sys, json, pathlib; sys.path.insert(0, sys.argv[1]); from test_resume import *; k = toy_host();"
        "k.register(Plugin(), name='resume'); c = use_host(k); c.__enter__();"
        "p = pathlib.Path(sys.argv[2]); s = TrialSpec.from_json(json.loads(sys.argv[3]));"
        "print(run_trial(s, p / 'last', checkpoints=p / 'kept').cause)"
    )
    import json
    import pathlib

    words = [sys.executable, "-c", code, str(pathlib.Path(__file__).parent), str(tmp_path), json.dumps(last.to_json())]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert weights(tmp_path / "last") == weights(tmp_path / "whole")


def test_without_a_whole_checkpoint_of_its_own_a_step_begins_from_scratch_to_the_same_model(tmp_path, caplog):
    first, second, _ = steps(spec_of("toy"))
    run_trial(first, tmp_path / "1", checkpoints=tmp_path / "kept")
    file = checkpoint_path(tmp_path / "kept", 1)
    whole = file.read_bytes()
    right = run_trial(second, tmp_path / "right", checkpoints=tmp_path / "kept")
    flipped = bytearray(whole)
    # In the numbers themselves, where torch.load sees nothing.
    flipped[len(whole) // 2] ^= 0xFF
    other = run_trial(dataclasses.replace(first, seed=6), tmp_path / "other", checkpoints=tmp_path / "foreign")
    assert not other.cause
    foreign = checkpoint_path(tmp_path / "foreign", 1).read_bytes()
    cases = [(None, "no checkpoint"), (whole[:100], "damaged"), (b"", "damaged"), (bytes(flipped), "damaged")]
    for number, (content, word) in enumerate([*cases, (foreign, "another candidate")]):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        caplog.clear()
        result = run_trial(second, tmp_path / f"again-{number}", checkpoints=tmp_path / "kept")
        assert word in caplog.text
        assert (result.cause, result.score, result.history) == ("", right.score, right.history)
        assert weights(tmp_path / f"again-{number}") == weights(tmp_path / "right")
        # What was lost is paid for again, and on the bill.
        assert result.spent["flops"].value > right.spent["flops"].value
        assert result.training["flops"].value == right.training["flops"].value


def test_a_step_that_was_cut_off_is_done_again(tmp_path):
    spec = spec_of("toy")
    run_trial(spec, tmp_path / "whole")
    first, second, last = steps(spec)
    run_trial(first, tmp_path / "1", checkpoints=tmp_path / "kept")

    def stop(epoch, *_news):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(second, tmp_path / "3", stop, checkpoints=tmp_path / "kept")
    for step in (second, last):
        assert not run_trial(step, tmp_path / f"{step.last_epoch}", checkpoints=tmp_path / "kept").cause
    assert weights(tmp_path / f"{EPOCHS}") == weights(tmp_path / "whole")


def test_a_spec_of_earlier_days_is_a_full_training():
    old = spec_of("toy").to_json()
    del old["rung"], old["from_rung"]
    assert TrialSpec.from_json(old).last_epoch == EPOCHS


def test_a_checkpoint_of_earlier_days_belongs_to_its_candidate():
    spec = spec_of("toy")
    assert not {"precision", "memory_format"} & set(identity(spec))
    others = [dataclasses.replace(spec, precision="bf16-mixed"), dataclasses.replace(spec, memory_format="contiguous")]
    assert all(identity(other) != identity(spec) for other in others)


def test_a_recorded_training_is_looked_up(tmp_path):
    spec = dataclasses.replace(spec_of("toy"), space="looked", epochs=3, rung=1)
    first = run_trial(spec, tmp_path / "a")
    last = run_trial(dataclasses.replace(spec, rung=None, from_rung=1), tmp_path / "b")
    assert (first.score, last.score) == pytest.approx((0.2, 0.6))
    assert (first.spent["wall_s"].value, last.spent["wall_s"].value) == (10.0, 20.0)
    assert last.training["wall_s"].value == 30.0
    assert evaluate(spec, tmp_path / "a") == {"test_accuracy": 0.1}
    assert not any(tmp_path.iterdir())
    missing = run_trial(dataclasses.replace(spec, config={"width": 5}), tmp_path / "c")
    assert (missing.status, missing.cause) == ("failed", "this candidate was never recorded")
