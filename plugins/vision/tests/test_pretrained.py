"""Weights from a file as a model's beginning."""

from __future__ import annotations

import dataclasses
import os
import pickle
import socket
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest
import timm
import torch
from automl_vision.digits import Digits
from automl_vision.pretrained import read_weights
from automl_vision.timm_space import Timm
from safetensors.torch import save_file

from automl.engine.narrow import NarrowedTrial, parse_narrowing
from automl.errors import UsageError
from automl.host import Host, get_host, use_host
from automl.parts import Space
from automl.testing.hostile import Payload, unexecuted
from automl.testing.spaces import SpaceSuite

NAME = "test_resnet"
GREY = Digits().spec()
COLOUR = dataclasses.replace(
    GREY, input_shape=(3, 8, 8), classes=("a", "b", "c"), mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0)
)


@pytest.fixture(scope="module")
def original():
    torch.manual_seed(1)
    return timm.create_model(NAME)


@pytest.fixture(scope="module")
def files(original, tmp_path_factory):
    """The same weights in each format."""
    folder = tmp_path_factory.mktemp("weights")
    state = {name: tensor.clone() for name, tensor in original.state_dict().items()}
    save_file(state, folder / "plain.safetensors")
    torch.save(state, folder / "plain.pth")
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": t for name, t in state.items()}}, folder / "training.pth")
    return folder


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def space(path, name=NAME):
    return Timm().variant(f"{name}@{path}")


def suggested(part, spec=GREY, **wishes):
    import optuna

    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    narrowing = parse_narrowing({"resolution_px": "32", **wishes}, part.dimensions(spec), part.name)
    return part.suggest(NarrowedTrial(trial, narrowing), spec)


class TestPretrained(SpaceSuite):
    part = Timm()
    data = Digits()
    cheap: ClassVar = {"resolution_px": "32"}

    @pytest.fixture(autouse=True)
    def _part(self, files):
        type(self).part = space(files / "plain.safetensors")


@pytest.mark.parametrize("name", ["plain.safetensors", "plain.pth", "training.pth"])
def test_a_model_starts_from_the_weights(files, original, name):
    part = space(files / name)
    model = part.build(suggested(part, COLOUR), COLOUR)[1]
    ours, theirs = model.state_dict(), original.state_dict()
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == ["fc.weight", "fc.bias"]
    assert model.fc.weight.shape[0] == 3
    assert "state_dict" not in model.pretrained_cfg


def test_as_many_classes_keep_the_classifier(tmp_path):
    torch.manual_seed(2)
    tuned = timm.create_model(NAME, num_classes=3)
    save_file(tuned.state_dict(), tmp_path / "tuned.safetensors")
    part = space(tmp_path / "tuned.safetensors")
    assert torch.equal(part.build(suggested(part, COLOUR), COLOUR)[1].fc.weight, tuned.fc.weight)


def test_one_channel_takes_the_sum_over_three(files, original):
    part = space(files / "plain.pth")
    ours = next(part.build(suggested(part), GREY)[1].parameters())
    theirs = next(original.parameters())
    torch.testing.assert_close(ours, theirs.sum(dim=1, keepdim=True))


def test_pixels_are_standardised_as_the_weights_want_it(files, original):
    part = space(files / "plain.pth")
    pixels = part.build(suggested(part, COLOUR), COLOUR)[0]
    assert pixels.mean.flatten().tolist() == pytest.approx(original.pretrained_cfg["mean"])
    assert pixels.std.flatten().tolist() == pytest.approx(original.pretrained_cfg["std"])
    grey = part.build(suggested(part), GREY)[0]
    assert grey.mean.flatten().tolist() == pytest.approx([sum(original.pretrained_cfg["mean"]) / 3])


def test_the_config_holds_the_hash_and_another_file_is_not_taken(tmp_path, original):
    path = tmp_path / "w.safetensors"
    save_file(original.state_dict(), path)
    part = space(path)
    config = suggested(part)
    assert len(config["weights_sha256"]) == 64
    torch.manual_seed(5)
    save_file(timm.create_model(NAME).state_dict(), path)
    os.utime(path, ns=(1, 1))
    assert suggested(part)["weights_sha256"] != config["weights_sha256"]
    with pytest.raises(UsageError, match="not those that this candidate started from"):
        part.build(config, GREY)


def test_reading_a_file_first_or_again_draws_the_same_weights(tmp_path, original):
    path = tmp_path / "w.safetensors"
    save_file(original.state_dict(), path)
    heads = []
    for _ in range(2):  # read anew, then from memory
        torch.manual_seed(0)
        heads.append(space(path).build({"model": NAME, "resolution_px": 32}, GREY)[1].fc.weight)
    assert torch.equal(*heads)


def test_pricing_reads_no_file(files, tmp_path):
    part = space(tmp_path / "gone.pth")
    with torch.device("meta"):
        part.build({"model": NAME, "resolution_px": 32, "weights_sha256": "0" * 64}, GREY)


def test_the_host_finds_it_by_its_name(files):
    with use_host(Host([EntryPoint("vision", "automl_vision", "automl")])):
        part = get_host().part(Space, f"timm:{NAME}@{files / 'plain.pth'}")
    assert part.name == f"timm:{NAME}@{files / 'plain.pth'}"
    [model, *_] = part.dimensions(GREY)
    assert (model.choices, model.limits) == ((NAME,), (NAME,))


def test_known_weights_get_lower_learning_rates(files):
    rates = [
        next(d for d in part.dimensions(GREY) if d.name == "learning_rate")
        for part in (Timm(), space(files / "plain.pth"))
    ]
    assert rates[1].default < rates[0].default


@pytest.mark.parametrize("text", ["resnet18", "resnet18@", "@w.pth", "", "/tmp/w.pth"])
def test_other_variants_are_refused(text):
    with pytest.raises(UsageError, match="timm:MODEL@FILE"):
        Timm().variant(text)


class TestFilesThatAreNot:
    def refused(self, path, words, name=NAME):
        with pytest.raises(UsageError, match=words):
            space(path, name).dimensions(GREY)

    def test_missing_or_no_file(self, tmp_path):
        self.refused(tmp_path / "gone.pth", "gone.pth cannot be read: No such file")
        self.refused(tmp_path, "are no file")
        os.mkfifo(tmp_path / "pipe.pth")
        self.refused(tmp_path / "pipe.pth", "are no file")

    def test_an_unknown_architecture(self, files):
        self.refused(files / "plain.pth", "no architecture of timm named 'tset_resnet'", "tset_resnet")
        self.refused(files / "plain.pth", "no architecture of timm named 'hf-hub:evil/model'", "hf-hub:evil/model")

    @pytest.mark.parametrize("suffix", ["safetensors", "pth"])
    @pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04" + bytes(60), b"\xff" * 64])
    def test_rubbish(self, tmp_path, suffix, content):
        (tmp_path / f"w.{suffix}").write_bytes(content)
        self.refused(tmp_path / f"w.{suffix}", "cannot be read as weights")

    def test_half_a_file(self, files, tmp_path):
        for name in ("plain.safetensors", "plain.pth"):
            whole = (files / name).read_bytes()
            (tmp_path / name).write_bytes(whole[: len(whole) // 2])
            self.refused(tmp_path / name, "cannot be read as weights")

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.bin"])
    def test_a_payload(self, tmp_path, name):
        with unexecuted(tmp_path) as marker:
            for save in (torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))):
                for thing in (Payload(marker), {"state_dict": Payload(marker)}, {"fc.weight": Payload(marker)}):
                    save(thing, tmp_path / name)
                    self.refused(tmp_path / name, "cannot be read as weights")

    @pytest.mark.parametrize("thing", [[torch.zeros(2)], {"a": 1.0}, {1: torch.zeros(2)}, {"state_dict": {"a": "b"}}])
    def test_other_things_than_tensors_by_name(self, tmp_path, thing):
        torch.save(thing, tmp_path / "w.pth")
        self.refused(tmp_path / "w.pth", "cannot be read as weights|other things than tensors")

    def test_weights_of_another_model(self, files, tmp_path):
        self.refused(files / "plain.pth", "does not hold the weights of timm's test_vit", "test_vit")
        torch.save({"a": torch.zeros(2)}, tmp_path / "w.pth")
        self.refused(tmp_path / "w.pth", "does not hold the weights")

    def test_weights_of_a_model_with_other_widths(self, original, tmp_path):
        state = original.state_dict()
        state["layer1.0.conv1.weight"] = torch.zeros(1, 2, 3, 3)
        torch.save(state, tmp_path / "w.pth")
        self.refused(tmp_path / "w.pth", "does not hold the weights")


def test_the_hash_is_that_of_the_file(files):
    import hashlib

    path = files / "plain.pth"
    assert read_weights(path, NAME).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_weights(path, NAME).classes == 1000
