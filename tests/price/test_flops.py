"""Whole models, counted before they exist, against counts by hand."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.nn import functional

from automl.errors import UsageError
from automl.price.flops import count, count_call, multiply_add_flops
from automl.testing.toy_training import ToyModule, perceptron

ADAMW = 13
"""FLOPs a weight and step: two means (3, and 1 + 3), root, correction, epsilon, and the step itself (3)."""


class Regressor(LightningModule):
    """A module whose optimizer is a parameter of the test."""

    def __init__(self, model, optimizers):
        super().__init__()
        self.model, self._make = model, optimizers

    def training_step(self, batch, batch_idx):
        loss = functional.mse_loss(self.model(batch[0]), batch[1])
        self.log("train_loss", loss)
        self.log_dict({"steps": self.trainer.estimated_stepping_batches})
        return {"loss": loss}

    def configure_optimizers(self):
        return self._make(self.parameters())


def regression(optimizers, width=3):
    return count(
        lambda: nn.Linear(5, width),
        (5,),
        module=lambda model: Regressor(model, optimizers),
        targets=lambda batch: torch.zeros(batch, width, device="meta"),
    )


def test_a_linear_layer_by_hand():
    work = count(lambda: nn.Linear(5, 3), (5,))
    assert work.prediction.flops == 2 * 5 * 3 + 3
    assert work.prediction.by_operator == {"addmm": 30, "bias": 3}
    assert work.prediction.moved_bytes == 4 * (5 + 15 + 3 + 3)
    assert work.prediction.activation_bytes == 4 * 3
    assert (work.parameters, work.model_bytes) == (18, 72)
    # The backward pass makes the weight's gradient; the input wants none. Sums: of the outputs, and of the bias.
    assert work.training.flops == 2 * (2 * 5 * 3) + 3 + 2 * 3
    assert multiply_add_flops(work.training) == 2 * (2 * 5 * 3)


def test_a_training_step_by_hand():
    work = regression(lambda parameters: torch.optim.SGD(parameters, lr=0.1))
    # An example: two products, a bias and its gradient, mean squared error (2 + 1) and its derivative (3).
    assert work.training.flops == 2 * 30 + 3 + 3 + 3 * 3 + 3 * 3
    assert "task's own step" in work.how


@pytest.mark.parametrize(
    ("decay", "each"), [(0.0, ADAMW), (0.1, ADAMW + 1)], ids=["without decay", "with weight decay"]
)
@pytest.mark.parametrize("fused", [True, False, None])
def test_an_adamw_step_by_hand(decay, each, fused):
    work = regression(lambda parameters: torch.optim.AdamW(parameters, fused=fused, weight_decay=decay))
    assert work.update.flops == 18 * each + 2  # and the step of each of the two tensors
    if fused:
        # Weight, gradient, mean and mean square are read; all but the gradient are written. And the two step counters.
        assert work.update.moved_bytes == 7 * 4 * 18 + 2 * 4 + 2 * 2 * 4


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    ("options", "each"),
    [({}, 2), ({"momentum": 0.9}, 4), ({"momentum": 0.9, "nesterov": True}, 6), ({"weight_decay": 0.1}, 4)],
)
def test_a_step_of_gradient_descent_by_hand(options, each, fused):
    work = regression(lambda parameters: torch.optim.SGD(parameters, lr=0.1, fused=fused, **options))
    assert work.update.flops == 18 * each


def test_several_optimizers_are_summed():
    one = regression(lambda parameters: torch.optim.SGD(parameters, lr=0.1)).update.flops
    both = regression(lambda parameters: ([torch.optim.SGD([each], lr=0.1) for each in parameters], [])).update.flops
    assert one == both == 36


def test_a_step_that_needs_numbers_is_replaced_and_said_so():
    class Curious(ToyModule):
        def training_step(self, batch, batch_idx):
            return self(batch[0]).sum() * self(batch[0]).max().item()

    work = count(lambda: perceptron(4, 8, 2, "relu"), (4,), module=lambda model: Curious(model, 0.1))
    plain = count(lambda: perceptron(4, 8, 2, "relu"), (4,))
    assert work.training.flops == plain.training.flops
    assert "sum of the outputs" in work.how
    assert "does not run without data" in work.how
    assert work.update.flops == 2 * work.parameters


def test_an_optimizer_without_a_formula_is_named():
    work = regression(torch.optim.LBFGS)
    assert work.update.uncounted == ("optimizer step",)
    assert "optimizer" in work.how


def test_the_toy_task_is_counted_by_its_own_step():
    work = count(lambda: perceptron(4, 8, 2, "relu"), (4,), module=lambda model: ToyModule(model, 0.1))
    forward = (2 * 4 * 8 + 8 + 8) + (2 * 8 * 2 + 2)
    assert work.prediction.flops == forward
    backward = 2 * 4 * 8 + 8 + 8 + 2 * (2 * 8 * 2) + 2  # weight; bias, relu; weight, input, bias
    loss = (5 * 2 + 2) + (4 * 2 + 1)
    assert work.training.flops == forward + backward + loss
    assert work.training.uncounted == ()


def test_memory_of_a_perceptron_by_hand():
    work = count(lambda: nn.Sequential(nn.Linear(10, 100), nn.Tanh(), nn.Linear(100, 20)), (10,))
    # Two layers' results live at one time; of the first and the second, and of the second and the third, the larger.
    assert work.prediction.activation_bytes == 4 * (100 + 100)
    # A backward pass needs what tanh gave; what the first layer gave is gone. Outputs (2 x 20) and their sum live too.
    assert work.training.activation_bytes == pytest.approx(4 * (2 * (100 + 20) + 1) / 2, abs=4 * 20)


def test_tied_weights_count_once():
    def build():
        model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8))
        model[1].weight = model[0].weight
        return model

    work = count(build, (8,))
    assert work.parameters == 64 + 16
    assert work.model_bytes == 4 * (64 + 16 + 16) + 8


def test_nothing_is_allocated():
    seen = []

    def build():
        model = nn.Linear(100_000, 100_000)
        seen.append(model.weight.device.type)
        return model

    assert count(build, (100_000,)).parameters == 100_000 * 100_001
    assert seen == ["meta"]
    assert torch.get_default_device().type == "cpu"


def test_batch_normalization_on_a_single_pixel_can_be_counted():
    assert count(lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)), (1, 3, 3)).training.flops > 0


def test_models_of_indices_are_counted():
    work = count(lambda: nn.Sequential(nn.Embedding(50, 8), nn.Linear(8, 3)), (6,))
    assert work.prediction.flops == 6 * (2 * 8 * 3 + 3)


def test_outputs_of_any_shape_have_a_loss():
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4, bias=False)

        def forward(self, x):
            return {"a": self.layer(x), "b": (self.layer(x), x.long())}

    work = count(Many, (4,))
    assert multiply_add_flops(work.training) == 2 * (2 * 32)


def test_a_model_that_needs_numbers_is_a_clear_error():
    class Greedy(nn.Module):
        def forward(self, x):
            return x[: int(x.sum().item())]

    with pytest.raises(UsageError, match=r"formula of its own, in `flops`"):
        count(Greedy, (4,))


def test_parameters_stay_trainable():
    models = []
    count(lambda: models.append(nn.Linear(4, 4)) or models[0], (4,))
    assert all(parameter.requires_grad for parameter in models[0].parameters())


def test_profile_sums_to_the_totals():
    work = count(
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4)),
        (3, 8, 8),
    )
    for part in (work.prediction, work.training):
        assert sum(load.flops for load in part.profile) == pytest.approx(part.flops)
        assert sum(load.moved_bytes for load in part.profile) == pytest.approx(part.moved_bytes)
        assert sum(part.by_operator.values()) == pytest.approx(part.flops)
    assert sum(load.calls for load in work.prediction.profile) == 3  # convolution with its normalization, relu, linear


def test_an_unknown_operator_is_named_and_never_free():
    @torch.library.custom_op("pricetest::halve", mutates_args=())
    def halve(x: torch.Tensor) -> torch.Tensor:
        return x / 2

    halve.register_fake(torch.empty_like)
    counted = count_call(lambda: halve(torch.ones(4)) + 1)
    assert counted.uncounted == ("pricetest::halve",)
    assert counted.flops == 4
    assert count_call(lambda: torch.linalg.inv(torch.eye(3))).uncounted == (
        "aten::_linalg_check_errors",
        "aten::linalg_inv_ex",
    )
