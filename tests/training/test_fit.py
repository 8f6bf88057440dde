from __future__ import annotations

import dataclasses
import json
import signal

import pytest
import torch
from torch import nn

from automl.training.fit import evaluate, run_trial
from automl.training.parts import load_model
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
    assert result.prediction["flops"].value == forward
    # Backward: gradients of both weights, and of the hidden layer; the input wants none.
    assert result.training["flops"].value == 3 * 64 * (2 * forward + 2 * 8 * 2)
    assert result.spent["flops"].value == result.training["flops"].value + 3 * 32 * forward
    assert result.spent["wall_s"].method == "measured"


def test_metrics_come_by_epoch(spec, tmp_path):
    told = []
    result = run_trial(spec, tmp_path, lambda epoch, metrics: told.append((epoch, metrics)))
    assert [epoch for epoch, _ in told] == [1, 2, 3]
    assert [metrics for _, metrics in told] == result.history
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

    def interrupt(epoch, metrics):
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
