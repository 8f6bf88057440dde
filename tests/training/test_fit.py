from __future__ import annotations

import dataclasses
import json
import signal

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from automl.price.energy import use_reader
from automl.price.flops import multiply_add_flops
from automl.price.work import Count, Work
from automl.testing.toy import ToySpace
from automl.testing.toy_training import ToyModule
from automl.training.fit import evaluate, run_trial
from automl.training.lightning import prepared
from automl.training.parts import build_module, load_model
from automl.training.trial import TrialResult, TrialSpec

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def spec():
    from automl.testing.toy import ToyData

    config = {"width": 8, "learning_rate": 0.1, "activation": "relu"}
    return TrialSpec("s", 0, "toy", config, ToyData().spec(), epochs=3, batch_size=16, seed=5, threads=1)


def test_spec_and_result_survive_json(spec, tmp_path):
    result = run_trial(spec, tmp_path)
    assert TrialSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert TrialResult.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_the_same_spec_gives_the_same_model(spec, tmp_path):
    one, other = run_trial(spec, tmp_path / "a"), run_trial(spec, tmp_path / "b")
    assert one.history == other.history
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


def test_a_training_computes_in_the_precision_of_its_spec(spec, tmp_path, monkeypatch):
    seen = []
    before = ToyModule.forward
    monkeypatch.setattr(ToyModule, "forward", lambda self, x: seen.append(before(self, x)) or seen[-1])
    for precision in ("32-true", "bf16-mixed"):
        assert not run_trial(dataclasses.replace(spec, precision=precision), tmp_path / precision).cause
    assert [output.dtype for output in seen[:: len(seen) - 1]] == [torch.float32, torch.bfloat16]
    weights = load_file(tmp_path / "bf16-mixed" / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_weights_lie_in_memory_as_the_spec_says(spec, layout):
    model = nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)
    module = build_module(dataclasses.replace(spec, memory_format=layout), model)
    assert module.model.weight.is_contiguous() is (layout == "contiguous")


def test_nothing_is_filled_before_it_is_written_and_the_process_is_left_as_it_was(spec):
    from torch.utils import deterministic

    assert deterministic.fill_uninitialized_memory
    with prepared(spec):
        assert not deterministic.fill_uninitialized_memory
    assert deterministic.fill_uninitialized_memory


def test_another_seed_gives_another_model(spec, tmp_path):
    run_trial(spec, tmp_path / "a")
    run_trial(dataclasses.replace(spec, seed=6), tmp_path / "b")
    assert (tmp_path / "a/model.safetensors").read_bytes() != (tmp_path / "b/model.safetensors").read_bytes()


def test_the_score_is_that_of_the_model_left_behind(spec, tmp_path):
    from automl.testing.toy_training import ToyDataModule

    result = run_trial(spec, tmp_path)
    model = load_model(spec, tmp_path)
    points, labels = next(iter(ToyDataModule(4, 64, 32, 16, 0).val_dataloader()))
    accuracy = (model(points).argmax(dim=1) == labels).float().mean().item()
    assert result.score == pytest.approx(accuracy)
    points, labels = next(iter(ToyDataModule(4, 64, 32, 16, 0).test_dataloader()))
    accuracy = (model(points).argmax(dim=1) == labels).float().mean().item()
    assert evaluate(spec, tmp_path)["test_accuracy"] == pytest.approx(accuracy)


def test_the_price_counts_training_and_validation(spec, tmp_path):
    result = run_trial(spec, tmp_path)
    forward = 2 * (4 * 8 + 8 * 2)
    work = result.work
    assert multiply_add_flops(work.prediction) == forward
    # Backward: gradients of both weights, and of the hidden layer; the input wants none.
    assert multiply_add_flops(work.training) == 2 * forward + 2 * 8 * 2
    assert (result.trained_examples, result.steps) == (3 * 64, 3 * 4)
    assert result.training["flops"].value == 3 * 64 * work.training.flops + 3 * 4 * work.update.flops
    predicted = (result.spent["flops"].value - result.training["flops"].value) / work.prediction.flops
    assert predicted == pytest.approx(round(predicted)), "validation and timing are whole predictions"
    assert predicted > 3 * 32
    assert result.spent["wall_s"].method == "measured"


def test_a_trial_tells_what_a_prediction_takes_by_the_clock(spec, tmp_path, energy_reader):
    with use_reader(energy_reader):
        result = run_trial(spec, tmp_path)
    latency, energy = result.prediction["wall_s"], result.prediction["energy_wh"]
    assert latency.method == "measured"
    assert 0 < latency.value < result.spent["wall_s"].value
    power = result.training["energy_wh"].value / result.training["wall_s"].value
    assert energy.value == pytest.approx(power * latency.value)
    assert energy.method == "estimated"


def test_a_space_s_own_formula_goes_before_counting(spec, tmp_path, monkeypatch):
    own = Work(Count(5.0), Count(11.0), Count(1.0), how="by hand")
    monkeypatch.setattr(ToySpace, "flops", lambda *_: own)
    result = run_trial(spec, tmp_path)
    assert result.work == own
    assert result.training["flops"].value == 3 * 64 * 11 + 3 * 4 * 1
    assert result.training["flops"].how == "by hand"


def test_metrics_come_by_epoch(spec, tmp_path):
    told = []
    result = run_trial(spec, tmp_path, lambda *news: told.append(news))
    assert [epoch for epoch, _, _ in told] == [1, 2, 3]
    assert [metrics for _, metrics, _ in told] == result.history
    bills = [spent["flops"].value for _, _, spent in told]
    assert bills == sorted(bills)
    assert 0 < bills[0] < bills[-1] < result.spent["flops"].value
    assert set(result.history[0]) == {"train_loss", "val_loss", "val_accuracy"}


def test_a_failure_has_a_cause_and_a_price(spec, tmp_path):
    config = {**spec.config, "learning_rate": 1e30}
    result = run_trial(dataclasses.replace(spec, config=config), tmp_path)
    assert result.status == "failed"
    assert "loss became" in result.cause
    assert result.spent["flops"].value > 0
    assert json.loads((tmp_path / "result.json").read_text())["status"] == "failed"


def test_ctrl_c_is_no_failure_and_leaves_the_handler(spec, tmp_path):
    before = signal.getsignal(signal.SIGINT)

    def interrupt(epoch, metrics, spent):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(spec, tmp_path, interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert not (tmp_path / "result.json").exists()


def test_running_averages_do_not_remember_their_arbitrary_start():
    from lightning.pytorch import LightningModule, Trainer
    from torch.utils.data import DataLoader, TensorDataset

    from automl.training.callbacks import UnbiasedRunningAverages

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(1)

        def training_step(self, batch, batch_idx):
            return self.norm(batch[0]).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.0)

    batches = torch.arange(8.0).repeat_interleave(4) * 100 + torch.tensor([-1.0, 1.0, -1.0, 1.0] * 8)
    module = Module()
    trainer = Trainer(
        max_epochs=1, callbacks=[UnbiasedRunningAverages()], logger=False, accelerator="cpu",
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader(TensorDataset(batches.unsqueeze(1)), 4))
    assert module.norm.running_mean.item() == pytest.approx(350.0)
    assert module.norm.momentum == 0.1
