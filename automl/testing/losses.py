"""What holds for every loss.

A plugin author subclasses the suite::

    class TestMine(LossSuite):
        part = Mine()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
import torch

from automl.errors import UsageError
from automl.price.counting.mode import counting
from automl.testing.parts import PartSuite

if TYPE_CHECKING:
    from automl.parts import Loss

BATCH, CLASSES = 6, 5

EXTREME = 1e4
"""A logit far beyond what exp can take, and within what half precision can."""

Batch = tuple[torch.Tensor, torch.Tensor]


class LossSuite(PartSuite):
    """Tests that every loss passes.

    Those of a task other than classification override `batch` and `right`.

    Attributes:
        part: The loss under test.
    """

    part: ClassVar[Loss]

    def batch(self) -> Batch:
        """Outputs as of an untrained model, float32, and targets: logits ``(batch, classes)`` and class indices."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(BATCH, CLASSES, generator=generator), torch.arange(BATCH) % CLASSES

    def right(self, targets: torch.Tensor) -> torch.Tensor:
        """Outputs that fit the targets: logits that are sure of the labels, but not overly so."""
        return 4.0 * torch.nn.functional.one_hot(targets, CLASSES).float()

    def test_there_is_a_task_for_it(self) -> None:
        """Else no space ever offers it."""
        assert self.part.tasks, "the loss is for no task"

    def test_one_finite_number_a_batch(self) -> None:
        """A scalar, in the data type of the outputs."""
        outputs, targets = self.batch()
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            loss = self.part.module()(outputs.to(dtype), targets)
            assert loss.shape == (), f"a batch gives a loss of shape {tuple(loss.shape)}"
            assert loss.dtype == dtype, f"outputs of {dtype} give a loss of {loss.dtype}"
            assert loss.isfinite(), f"the loss is {loss.item()}"

    def test_it_is_a_mean(self) -> None:
        """Over examples: the size of the batch does not decide how large a step is."""
        module, (outputs, targets) = self.part.module(), self.batch()
        alone = torch.stack([module(outputs[i : i + 1], targets[i : i + 1]) for i in range(len(targets))])
        torch.testing.assert_close(module(outputs, targets), alone.mean(), msg=lambda text: f"no mean: {text}")

    def test_outputs_that_fit_lose_less(self) -> None:
        """Than the same outputs to the targets of other examples."""
        module, targets = self.part.module(), self.batch()[1]
        right = self.right(targets)
        fits, fails = module(right, targets), module(right.roll(1, dims=0), targets)
        assert fits < fails, f"outputs that fit lose {fits:.3g}, others {fails:.3g}"

    def test_a_step_down_the_gradient_lowers_it(self) -> None:
        """And every example's outputs get a gradient."""
        module, (outputs, targets) = self.part.module(), self.batch()
        outputs.requires_grad_()
        loss = module(outputs, targets)
        (gradient,) = torch.autograd.grad(loss, outputs)
        assert gradient.flatten(1).any(dim=1).all(), "some example's outputs get no gradient"
        after = module(outputs - 1e-2 * gradient, targets)
        assert after < loss, f"the loss goes from {loss:.6g} to {after:.6g} down its gradient"

    def test_gradients_are_right(self) -> None:
        """They agree with finite differences in double precision."""
        module, (outputs, targets) = self.part.module().double(), self.batch()
        torch.autograd.gradcheck(lambda x: module(x, targets), outputs.double().requires_grad_())  # raises

    @pytest.mark.parametrize("scale", [EXTREME, -EXTREME], ids=["right", "wrong"])
    def test_extreme_outputs_give_finite_numbers(self, scale: float) -> None:
        """Where a model is sure beyond all measure, be it right or wrong."""
        module, targets = self.part.module(), self.batch()[1]
        outputs = (scale * self.right(targets).sign()).requires_grad_()
        loss = module(outputs, targets)
        (gradient,) = torch.autograd.grad(loss, outputs)
        assert loss.isfinite(), f"outputs of {scale:g} lose {loss.item()}"
        assert gradient.isfinite().all(), f"outputs of {scale:g} get a gradient that is not finite"

    def test_its_price_can_be_counted(self) -> None:
        """It runs on the meta device, forward and backward, by operators that have a formula."""
        outputs, targets = (tensor.to("meta") for tensor in self.batch())
        with torch.device("meta"):
            module = self.part.module().to("meta")
        with counting(folds=False) as mode:
            module(outputs.requires_grad_(), targets).backward()
        count = mode.count()
        assert count.flops > 0, "the loss counts as free"
        assert not count.uncounted, f"there is no formula for {', '.join(count.uncounted)}"

    def test_nothing_is_kept_between_batches(self) -> None:
        """The same batch loses the same, from the same module and from another."""
        module, (outputs, targets) = self.part.module(), self.batch()
        losses = [module(outputs, targets), module(outputs, targets), self.part.module()(outputs, targets)]
        assert all(torch.equal(loss, losses[0]) for loss in losses), f"one batch loses {[x.item() for x in losses]}"

    def test_variants_are_losses_of_their_own_name(self) -> None:
        """Each that is listed can be asked for by ``NAME:VARIANT``, and is for the same tasks."""
        for text in self.part.variants:
            found = self.part.variant(text)
            wanted = f"{self.part.name.partition(':')[0]}:{text}"
            assert found.name == wanted, f"variant {text!r} is named {found.name!r}, not {wanted!r}"
            assert found.tasks == self.part.tasks, f"{found.name} is for {found.tasks}, not {self.part.tasks}"
            assert found.module()(*self.batch()).isfinite(), f"{found.name} is not finite"

    def test_an_unknown_variant_is_told(self) -> None:
        """As the user's error."""
        with pytest.raises(UsageError):
            self.part.variant("no such variant")
