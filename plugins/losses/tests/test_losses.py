"""The losses against the suite, and each against its own paper."""

from __future__ import annotations

import math

import pytest
import torch
from automl_losses.losses import CrossEntropy, LabelSmoothing
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.errors import UsageError
from automl.testing.losses import LossSuite


class TestCrossEntropy(LossSuite):
    part = CrossEntropy()


class TestLabelSmoothing(LossSuite):
    part = LabelSmoothing()


class TestMoreSmoothing(LossSuite):
    part = LabelSmoothing().variant("0.3")


amounts = st.floats(0.0, 0.99)


def loss_of(amount):
    return LabelSmoothing().variant(str(amount)).module()


def test_cross_entropy_by_hand():
    logits = torch.tensor([[math.log(3.0), 0.0]])
    assert CrossEntropy().module()(logits, torch.tensor([0])).item() == pytest.approx(math.log(4 / 3))
    assert CrossEntropy().module()(logits, torch.tensor([1])).item() == pytest.approx(math.log(4))


def test_sure_and_right_loses_nothing_unless_labels_are_smooth():
    sure = torch.tensor([[200.0, 0.0, 0.0]], dtype=torch.double)
    label = torch.tensor([0])
    assert CrossEntropy().module()(sure, label).item() == pytest.approx(0.0)
    assert LabelSmoothing().module()(sure, label).item() == pytest.approx(0.1 * 2 / 3 * 200)


@settings(max_examples=50, deadline=None)
@given(amounts, st.integers(2, 30), st.integers(0, 2**32))
def test_smoothing_is_the_cross_entropy_to_the_mixture(amount, classes, seed):
    logits = 3 * torch.randn(1, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    target = torch.full((classes,), amount / classes, dtype=torch.double)
    label = seed % classes
    target[label] += 1 - amount
    wanted = -(target * logits.log_softmax(dim=1)).sum()
    torch.testing.assert_close(loss_of(amount)(logits, torch.tensor([label])), wanted)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 0.99), st.integers(2, 30))
def test_the_least_loss_is_the_entropy_of_the_target_at_its_logarithm(amount, classes):
    target = torch.full((1, classes), amount / classes, dtype=torch.double)
    target[0, 0] += 1 - amount
    logits = target.log().requires_grad_()
    loss = loss_of(amount)(logits, torch.tensor([0]))
    assert loss.item() == pytest.approx(-(target * target.log()).sum().item())
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


def test_no_smoothing_is_cross_entropy():
    logits, labels = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0])
    assert torch.equal(loss_of(0)(logits, labels), CrossEntropy().module()(logits, labels))


def test_a_variant_is_called_as_it_was_typed():
    assert LabelSmoothing().variant("0.20").name == "label-smoothing:0.20"
    assert LabelSmoothing().name == "label-smoothing"


@pytest.mark.parametrize("text", ["", "much", "1", "1.5", "-0.1", "nan", "inf"])
def test_other_amounts_are_refused(text):
    with pytest.raises(UsageError, match="label-smoothing"):
        LabelSmoothing().variant(text)


def test_cross_entropy_has_no_variants():
    with pytest.raises(UsageError, match="has no variant"):
        CrossEntropy().variant("0.1")
