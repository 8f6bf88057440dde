"""What holds for every space; a plugin author subclasses the suite and names data to build for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import optuna
import torch

from automl.engine.narrow import NarrowedTrial, parse_narrowing
from automl.parts import Categorical
from automl.price.flops import count
from automl.testing.parts import PartSuite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.parts import Config, DataSource, DataSpec, Dimension, Space

DRAWS = 5
LONGEST_DESCRIPTION = 80


class _Listener:
    """Passes questions on to a trial and notes their names."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial
        self.asked: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        ask = getattr(self._trial, name)

        def noted(dimension: str, *args: Any, **kwargs: Any) -> Any:
            self.asked.add(dimension)
            return ask(dimension, *args, **kwargs)

        return noted


class SpaceSuite(PartSuite):
    """Tests that every space passes.

    Attributes:
        part: The space under test.
        data: A data source whose examples its models take.
        spec: What the models are built for; when None, the spec of `data`.
        cheap: Dimensions to fix, as ``--set`` would, so that building is quick.
        may_lack_gradient: Endings of the names of parameters that need not take part in every model.
    """

    part: ClassVar[Space]
    data: ClassVar[DataSource]
    spec: ClassVar[DataSpec | None] = None
    cheap: ClassVar[dict[str, str]] = {}
    may_lack_gradient: ClassVar[tuple[str, ...]] = ()

    def test_dimensions_are_sound(self) -> None:
        """Names are unique, ranges not empty, defaults inside, limits around."""
        dimensions = self._dimensions()
        names = [dimension.name for dimension in dimensions]
        assert len(set(names)) == len(names), f"a name stands twice in {names}"
        for dimension in dimensions:
            name = dimension.name
            if isinstance(dimension, Categorical):
                allowed = dimension.limits or dimension.choices
                assert set(dimension.choices) <= set(allowed), f"{name} searches what its limits forbid"
                assert dimension.default in dimension.choices, f"the default of {name} is none of its choices"
            else:
                low, high = dimension.limits or (dimension.low, dimension.high)
                assert dimension.low <= dimension.high, f"the range of {name} is empty"
                inside = low <= dimension.low <= dimension.default <= dimension.high <= high
                assert inside, f"{name}: default, range and limits do not lie within each other"
                assert not dimension.log or low > 0, f"{name} is logarithmic but reaches {low}"

    def test_configs_are_plain_data(self) -> None:
        """A config survives JSON and holds each dimension that was asked for; only listed ones are asked for."""
        listed = {dimension.name for dimension in self._dimensions()}
        for seed in range(DRAWS):
            config, asked = self._draw(seed)
            # What JSON does not know becomes a string here, and so differs.
            assert json.loads(json.dumps(config, default=repr)) == config, f"{config} does not survive JSON"
            assert asked <= listed, f"{asked - listed} is asked for but not listed"
            assert asked <= set(config), f"{asked - set(config)} is asked for but not in the config"

    def test_the_same_draws_give_the_same_config(self) -> None:
        """Nothing but the trial decides."""
        assert self._draw(1)[0] == self._draw(1)[0], "the same draws give another config"

    def test_wishes_are_honoured(self) -> None:
        """Each dimension can be fixed: to its default, and to any end or choice."""
        for dimension in self._dimensions():
            ends = dimension.choices if isinstance(dimension, Categorical) else (dimension.low, dimension.high)
            for value in (dimension.default, *ends):
                narrowing = parse_narrowing({dimension.name: str(value)}, [dimension], self.part.name)
                config = self.part.suggest(NarrowedTrial(_random_trial(0), narrowing), self._spec())
                if dimension.name in config:
                    assert config[dimension.name] == value, f"{dimension.name} does not keep to its one value {value}"

    def test_landmarks_lie_in_the_space(self) -> None:
        """What to try first names known dimensions and values within range."""
        known = {dimension.name: dimension for dimension in self._dimensions()}
        for landmark in self.part.landmarks(self._spec()):
            for name, value in landmark.items():
                assert name in known, f"landmark {landmark} names {name}, which is no dimension"
                dimension = known[name]
                fits = (
                    value in dimension.choices
                    if isinstance(dimension, Categorical)
                    else dimension.low <= value <= dimension.high
                )
                assert fits, f"landmark {landmark} is out of range in {name}"

    def test_a_config_and_the_spec_are_enough_to_build(self) -> None:
        """The model takes a batch of examples and gives finite outputs; the same seed gives the same weights."""
        config, spec = json.loads(json.dumps(self._draw(2)[0])), self._spec()
        models = []
        for _ in range(2):
            torch.manual_seed(0)
            models.append(self.part.build(config, spec).eval())
        outputs = models[0](torch.rand(2, *spec.input_shape))
        assert len(outputs) == 2, f"two examples give an output of shape {tuple(outputs.shape)}"  # noqa: PLR2004
        assert outputs.isfinite().all(), "outputs are not finite"
        one, other = (model.state_dict() for model in models)
        assert one.keys() == other.keys(), "two models of one config have other weights"
        assert all(torch.equal(one[name], other[name]) for name in one), "the same seed gives other weights"

    def test_state_round_trip(self) -> None:
        """A state dict carries all that a prediction depends on: it is what is saved."""
        config, spec = self._draw(2)[0], self._spec()
        model, fresh = (self.part.build(config, spec) for _ in range(2))
        x = torch.rand(4, *spec.input_shape)
        model.train()(x)  # moves what training moves besides the weights
        fresh.load_state_dict(model.state_dict(), strict=True)
        assert torch.equal(fresh.eval()(x), model.eval()(x)), "the state dict does not hold the whole model"

    def test_the_price_can_be_counted(self) -> None:
        """The model builds on the meta device without allocating anything, and costs something."""
        config, spec = self._draw(2)[0], self._spec()
        with torch.device("meta"):
            model = self.part.build(config, spec)
        tensors = [*model.named_parameters(), *model.named_buffers()]
        real = [name for name, tensor in tensors if not tensor.is_meta]
        assert not real, f"{', '.join(real)} is not on the meta device"
        own = self.part.flops(config, spec)
        work = own or count(lambda: self.part.build(config, spec), spec.input_shape)
        assert work.prediction.flops > 0, "a prediction counts as free"
        assert work.training.flops > work.prediction.flops, "a training step counts as no more than a prediction"
        unknown = sorted({*work.prediction.uncounted, *work.training.uncounted})
        assert not unknown, f"there is no formula for {', '.join(unknown)}; let the space bring its own `flops`"

    def test_gradients_reach_every_parameter(self) -> None:
        """What is paid for is trained."""
        config, spec = self._draw(2)[0], self._spec()
        model = self.part.build(config, spec).train()
        model(torch.rand(4, *spec.input_shape)).square().sum().backward()
        idle = [
            name
            for name, parameter in model.named_parameters()
            if parameter.grad is None and not name.endswith(self.may_lack_gradient or ("\0",))
        ]
        assert not idle, f"no gradient reaches {idle}"

    def test_the_description_is_a_few_words(self) -> None:
        """One short line."""
        words = self.part.describe(self._draw(2)[0])
        assert words.strip(), "the description is empty"
        assert "\n" not in words, f"{words!r} is more than one line"
        assert len(words) <= LONGEST_DESCRIPTION, f"{words!r} is longer than {LONGEST_DESCRIPTION} characters"

    def _spec(self) -> DataSpec:
        return self.spec or self.data.spec()

    def _dimensions(self) -> Sequence[Dimension]:
        return self.part.dimensions(self._spec())

    def _draw(self, seed: int) -> tuple[Config, set[str]]:
        narrowing = parse_narrowing(self.cheap, self._dimensions(), self.part.name)
        listener = _Listener(NarrowedTrial(_random_trial(seed), narrowing))
        return self.part.suggest(listener, self._spec()), listener.asked


def _random_trial(seed: int) -> optuna.Trial:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()
