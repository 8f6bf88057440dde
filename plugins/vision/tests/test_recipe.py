"""The recipe: its dimensions, and what the classifier makes of them."""

from __future__ import annotations

import dataclasses
from importlib.metadata import EntryPoint

import pytest
import torch
from automl_vision.classification import ImageClassification
from automl_vision.classifier import Classifier
from automl_vision.digits import Digits
from automl_vision.optimizers import RMSPROP_EPS, make_optimizer
from automl_vision.recipe import OPTIMIZERS, described, recipe
from torch.nn import functional

from automl.engine.narrow import parse_narrowing
from automl.errors import UsageError
from automl.hookspecs import hookimpl
from automl.host import Host, use_host
from automl.parts import Normalizer
from automl.price.flops import count
from automl.testing.toy import toy_plugin
from automl.training.fit import run_trial
from automl.training.trial import TrialSpec

SPEC = Digits().spec()
TINY = {
    "phi": -26.0, "width": 1.1**-26, "depth": 1.2**-26, "resolution_px": 4, "normalizer": "bn",
    "learning_rate": 0.02, "weight_decay": 0.05, "drop_rate": 0.0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def host():
    """These plugins, whatever is installed."""
    names = ("automl_vision", "automl_norms", "automl_losses")
    with use_host(Host([EntryPoint(name, name, "automl") for name in names])) as host:
        yield host


def named(*args, **kwargs):
    return {dimension.name: dimension for dimension in recipe(*args, **kwargs)}


class TestDimensions:
    def test_their_order_and_what_is_searched(self):
        found = named(SPEC)
        assert list(found) == [
            "normalizer", "loss", "optimizer", "learning_rate", "momentum", "weight_decay", "drop_rate",
            "drop_path_rate",
        ]  # fmt: skip
        assert [name for name, dimension in found.items() if dimension.fixed] == [
            "optimizer", "momentum", "drop_path_rate",
        ]  # fmt: skip
        assert found["optimizer"].limits == OPTIMIZERS

    def test_what_models_lack_is_left_out(self):
        assert named(SPEC, normalizer=False, drop_rate=False, drop_path_rate=False).keys() == {
            "loss", "optimizer", "learning_rate", "momentum", "weight_decay",
        }  # fmt: skip

    def test_what_no_plugin_brings_is_left_out(self):
        with use_host(Host([])):
            assert named(SPEC).keys().isdisjoint({"normalizer", "loss"})

    def test_normalizers_that_want_larger_maps_are_left_to_who_asks(self):
        assert "frn" not in named(SPEC, last_map_px=1)["normalizer"].choices
        assert "frn" in named(SPEC, last_map_px=1)["normalizer"].limits
        assert "frn" in named(SPEC, last_map_px=2)["normalizer"].choices
        assert "frn" in named(SPEC)["normalizer"].choices

    def test_rarer_normalizers_are_left_to_who_asks(self, host):
        assert set(named(SPEC)["normalizer"].choices) == {"bn", "frn", "gn"}
        assert {"ln", "in"} <= set(named(SPEC)["normalizer"].limits)
        mine = type("Mine", (Normalizer,), {"name": "mine", "summary": "mine", "layer": lambda *_: None})
        with use_host(Host([])) as other:
            other.register(
                type("Plugin", (), {"automl_normalizers": staticmethod(hookimpl(lambda: [mine()]))})(), name="mine"
            )
            assert named(SPEC)["normalizer"].choices == ("mine",)

    def test_losses_are_those_of_the_task_and_variants_can_be_asked_for(self):
        loss = named(SPEC)["loss"]
        assert (loss.choices, loss.default) == (("cross-entropy", "label-smoothing"), "cross-entropy")
        wish = parse_narrowing({"loss": "label-smoothing:0.2"}, [loss], "any")["loss"]
        assert wish.values == ("label-smoothing:0.2",)
        assert "loss" not in named(dataclasses.replace(SPEC, task="other"))

    def test_the_learning_rate_is_the_space_s(self):
        rate = named(SPEC, learning_rate=(1e-4, 1e-2, 1e-3))["learning_rate"]
        assert (rate.low, rate.high, rate.default) == (1e-4, 1e-2, 1e-3)


def parameters():
    generator = torch.Generator().manual_seed(0)
    made = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((3, 2), (4,))]
    for parameter in made:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    return made


class TestOptimizers:
    def step(self, name, momentum=0.9, steps=1):
        """Weights before, gradients, and weights after steps at 0.1 with decay 0.01."""
        made = parameters()
        before, gradients = [p.detach().clone() for p in made], [p.grad.clone() for p in made]
        optimizer = make_optimizer(name, made, learning_rate=0.1, weight_decay=0.01, momentum=momentum)
        for _ in range(steps):
            optimizer.step()
        return before, gradients, [p.detach() for p in made]

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_decay_is_decoupled_and_spares_vectors(self, name):
        made = parameters()
        for parameter in made:
            parameter.grad.zero_()
        before = [p.detach().clone() for p in made]
        make_optimizer(name, made, learning_rate=0.1, weight_decay=0.01, momentum=0.9).step()
        torch.testing.assert_close(made[0].detach(), before[0] * (1 - 0.1 * 0.01))
        assert torch.equal(made[1].detach(), before[1])

    def test_sgd_has_nesterov_s_momentum(self):
        before, gradients, after = self.step("sgd", steps=2)
        # v = g, then 1.9 g; a step goes along g + 0.9 v.
        torch.testing.assert_close(after[1], before[1] - 0.1 * gradients[1] * (1 + 0.9 + 1 + 0.9 * 1.9))
        before, gradients, after = self.step("sgd", momentum=0.0)
        torch.testing.assert_close(after[1], before[1] - 0.1 * gradients[1])

    def test_rmsprop_is_tensorflow_s(self):
        before, gradients, after = self.step("rmsprop")
        mean = 0.9 + 0.1 * gradients[1] ** 2
        torch.testing.assert_close(after[1], before[1] - 0.1 * gradients[1] / (mean + RMSPROP_EPS).sqrt())

    def test_frozen_parameters_are_left_out(self):
        made = parameters()
        made[0].requires_grad_(False)
        groups = make_optimizer("sgd", made, learning_rate=0.1, weight_decay=0.0, momentum=0.9).param_groups
        assert [len(group["params"]) for group in groups] == [0, 1]

    def test_an_unknown_one_is_told(self):
        with pytest.raises(UsageError, match=r"no optimizer named 'adam'.*'adamw'"):
            make_optimizer("adam", parameters(), learning_rate=0.1, weight_decay=0.0, momentum=0.9)

    @pytest.mark.parametrize(
        ("config", "flops"),
        [
            # As its one operator is counted, with decay; and a counter of steps for each of the two tensors.
            ({"optimizer": "adamw"}, 13 * 24 + 20 + 2),
            # Decay, momentum (2), Nesterov's (2), step (2); decay by nothing is a product too.
            ({"optimizer": "sgd"}, 7 * 24),
            ({"optimizer": "sgd", "momentum": 0.0}, 3 * 24),
            # Mean of squares (4), root with epsilon (2), momentum (1), quotient (3), step (1); decay, counters.
            ({"optimizer": "rmsprop"}, 11 * 24 + 20 + 2),
        ],
    )
    def test_their_work_is_counted(self, config, flops):
        def build():
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(5, 4))

        spec = dataclasses.replace(SPEC, input_shape=(1, 1, 5), classes=tuple("abcd"))
        task = ImageClassification()
        work = count(build, spec.input_shape, module=lambda model: task.module(model, config, spec))
        assert work.update.uncounted == ()
        assert "does not run" not in work.how
        assert work.update.flops == flops


def fit(tmp_path, steps=(None,), **config):
    """The weights after a training of two epochs in steps."""
    spec = TrialSpec("s", 0, "efficientnet", {**TINY, **config}, SPEC, 2, 256, 0, 1)
    start = None
    for rung in steps:
        folder = tmp_path / f"{rung}"
        result = run_trial(dataclasses.replace(spec, rung=rung, from_rung=start), folder, checkpoints=tmp_path / "kept")
        assert result.status == "complete", result.cause
        start = rung
    return (folder / "model.safetensors").read_bytes()


class Before(Classifier):
    """The classifier before it took a recipe."""

    def training_step(self, batch, batch_idx):
        loss = functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[1]))
        return loss

    def configure_optimizers(self):
        groups = [
            {"params": [p for p in self.parameters() if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in self.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=int(self.trainer.estimated_stepping_batches)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class TestClassifier:
    def test_the_default_trains_to_the_bytes_it_did_before(self, tmp_path, monkeypatch):
        default = fit(tmp_path / "default")
        named = {"loss": "cross-entropy", "optimizer": "adamw", "momentum": 0.9, "drop_path_rate": 0.0}
        assert fit(tmp_path / "named", **named) == default
        monkeypatch.setattr("automl_vision.classifier.Classifier", Before)
        assert fit(tmp_path / "before") == default

    @pytest.mark.parametrize("config", [{"optimizer": "rmsprop"}, {"optimizer": "sgd", "momentum": 0.0}])
    def test_a_training_in_steps_gives_the_same_bytes(self, tmp_path, config):
        assert fit(tmp_path / "one", **config) == fit(tmp_path / "two", (1, None), **config)

    def test_whatever_is_made_small_cross_entropy_is_reported(self):
        module = ImageClassification().module(torch.nn.Flatten(), {"loss": "label-smoothing:0.9"}, SPEC)
        logged = {}
        module.log_dict = lambda values, **_: logged.update(values)
        module._trainer = type("Trainer", (), {"is_last_batch": True})()
        logits, labels = torch.randn(5, 10, 1, 1), torch.arange(5)
        smoothed = module.training_step((logits, labels), 0)
        module.on_train_batch_end({"loss": smoothed}, (logits, labels), 0)
        module.validation_step((logits, labels), 0)
        module.on_validation_epoch_end()
        module.test_step((logits, labels), 0)
        module.on_test_epoch_end()
        cross_entropy = functional.cross_entropy(logits.flatten(1), labels)
        torch.testing.assert_close(logged["train_loss"], smoothed)
        torch.testing.assert_close(
            smoothed, functional.cross_entropy(logits.flatten(1), labels, label_smoothing=0.9), msg="not smoothed"
        )
        assert logged["val_loss"] == logged["test_loss"]
        torch.testing.assert_close(logged["val_loss"], cross_entropy)

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_the_rate_warms_up_and_momentum_stays(self, name):
        module = Classifier(
            torch.nn.Linear(2, 2), classes=2, learning_rate=0.5, weight_decay=0.0, optimizer=name, momentum=0.7
        )
        module._trainer = type("Trainer", (), {"estimated_stepping_batches": 100})()
        configured = module.configure_optimizers()
        optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
        rates = []
        for _ in range(100):
            rates.append(optimizer.param_groups[0]["lr"])
            if name != "adamw":
                assert optimizer.param_groups[0]["momentum"] == 0.7
            optimizer.step()
            if len(rates) < 100:
                schedule.step()
        assert rates[0] == pytest.approx(0.5 / 25)
        assert max(rates) == rates[29] == pytest.approx(0.5)
        assert rates[-1] == pytest.approx(0.5 / 250_000)

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"loss": "cross-entrpy"}, "no loss named 'cross-entrpy'.*'cross-entropy'"),
            ({"loss": "label-smoothing:2"}, "from 0 up to"),
            ({"optimizer": "evil"}, "no optimizer named 'evil'"),
        ],
    )
    def test_what_nobody_brings_is_told(self, config, words):
        def configured():
            module = ImageClassification().module(torch.nn.Linear(2, 2), config, SPEC)
            module._trainer = type("Trainer", (), {"estimated_stepping_batches": 100})()
            module.configure_optimizers()

        with pytest.raises(UsageError, match=words):
            configured()

    def test_a_loss_of_another_task_is_refused(self, host):
        from automl_losses.losses import CrossEntropy

        plugin, loss = toy_plugin(), CrossEntropy()
        loss.name, loss.tasks = "other", ("regression",)
        plugin.automl_losses = hookimpl(lambda: [loss])
        host.register(plugin, name="mine")
        with pytest.raises(UsageError, match="'other' is for regression, not for image-classification"):
            ImageClassification().module(torch.nn.Linear(2, 2), {"loss": "other"}, SPEC)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"learning_rate": 0.0251}, ["lr 0.025"]),
        ({"loss": "cross-entropy", "optimizer": "adamw", "learning_rate": 0.1}, ["lr 0.1"]),
        (
            {"loss": "label-smoothing:0.2", "optimizer": "sgd", "learning_rate": 0.1},
            ["label-smoothing:0.2", "sgd", "lr 0.1"],
        ),
        ({}, []),
    ],
)
def test_a_description_names_what_is_not_usual(config, words):
    assert described(config) == words
