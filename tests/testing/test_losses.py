"""The suite of losses catches those that are wrong."""

from __future__ import annotations

import ast
import inspect
from typing import ClassVar

import pytest
import torch
from torch import nn

from automl.errors import UsageError
from automl.hookspecs import hookimpl
from automl.host import Host, use_host
from automl.parts import Loss
from automl.testing import losses
from automl.testing.losses import LossSuite


class Plain(Loss):
    """A right one; what is wrong below differs from it in one thing."""

    name = "plain"
    summary = "cross-entropy"
    tasks = ("toy-classification",)
    made: type[nn.Module] = nn.CrossEntropyLoss

    def module(self):
        return self.made()


class Summed(nn.CrossEntropyLoss):
    def __init__(self):
        super().__init__(reduction="sum")


class Each(nn.CrossEntropyLoss):
    def __init__(self):
        super().__init__(reduction="none")


class Wide(nn.CrossEntropyLoss):
    def forward(self, outputs, targets):
        return super().forward(outputs.double(), targets)


class Upside(nn.CrossEntropyLoss):
    def forward(self, outputs, targets):
        return super().forward(-outputs, targets)


class Detached(nn.CrossEntropyLoss):
    """Its second half gets no gradient."""

    def forward(self, outputs, targets):
        half = len(outputs) // 2
        return super().forward(torch.cat([outputs[:half], outputs[half:].detach()]), targets)


class Backwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx, outputs):
        return outputs

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class Doubled(nn.CrossEntropyLoss):
    def forward(self, outputs, targets):
        return super().forward(Backwards.apply(outputs), targets)


class Naive(nn.Module):
    """Logarithm after softmax, which underflows."""

    def forward(self, outputs, targets):
        return -outputs.softmax(dim=1).gather(1, targets[:, None]).log().mean()


class Counting(nn.CrossEntropyLoss):
    """Looks at a value, which the meta device does not have."""

    def forward(self, outputs, targets):
        return super().forward(outputs, targets) * (1.0 if outputs.max() > 0 else 0.5)


class Moody(nn.CrossEntropyLoss):
    def forward(self, outputs, targets):
        return super().forward(outputs, targets) * (1 + torch.rand(()))


class Idle(Plain):
    tasks = ()


class Misnamed(Plain):
    variants: ClassVar = {"2": "twice"}

    def variant(self, text):
        if text != "2":
            raise UsageError(text)
        return Plain()


@pytest.mark.parametrize(
    ("wrong", "test"),
    [
        (Summed, "test_it_is_a_mean"),
        (Each, "test_one_finite_number_a_batch"),
        (Wide, "test_one_finite_number_a_batch"),
        (Upside, "test_outputs_that_fit_lose_less"),
        (Detached, "test_a_step_down_the_gradient_lowers_it"),
        (Moody, "test_nothing_is_kept_between_batches"),
        (Idle, "test_there_is_a_task_for_it"),
        (Misnamed, "test_variants_are_losses_of_their_own_name"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_what_is_wrong_is_caught(wrong, test):
    getattr(suite(Plain()), test)()
    with pytest.raises(AssertionError):
        getattr(suite(made(wrong)), test)()


def test_a_gradient_that_is_wrong_is_caught():
    suite(Plain()).test_gradients_are_right()
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        suite(made(Doubled)).test_gradients_are_right()


def test_what_overflows_is_caught():
    suite(Plain()).test_extreme_outputs_give_finite_numbers(-losses.EXTREME)
    with pytest.raises(AssertionError, match="lose inf"):
        suite(made(Naive)).test_extreme_outputs_give_finite_numbers(-losses.EXTREME)


def test_what_cannot_be_counted_is_caught():
    suite(Plain()).test_its_price_can_be_counted()
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        suite(made(Counting)).test_its_price_can_be_counted()


def test_a_loss_is_found_by_name_and_a_near_name_is_told():
    host = Host([])
    host.register(type("Plugin", (), {"automl_losses": staticmethod(hookimpl(lambda: [Plain()]))})(), name="mine")
    with use_host(host):
        assert host.part(Loss, "plain").name == "plain"
        with pytest.raises(UsageError, match=r"no loss named 'plane'.* mean 'plain'"):
            host.part(Loss, "plane")


def test_every_assert_carries_its_message():
    asserts = [node for node in ast.walk(ast.parse(inspect.getsource(losses))) if isinstance(node, ast.Assert)]
    assert [node.lineno for node in asserts if node.msg is None] == []


def suite(part):
    return type("Suite", (LossSuite,), {"part": part})()


def made(wrong):
    return wrong() if issubclass(wrong, Loss) else type("Wrong", (Plain,), {"made": wrong})()
