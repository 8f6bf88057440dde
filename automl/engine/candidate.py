"""From what a person types to one candidate: a trial, a space, a model known by name, an exported file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from automl.engine import kept as shapes
from automl.engine.narrow import NarrowedTrial, parse_narrowing, starting_point
from automl.engine.pick import WAYS
from automl.engine.study import Study
from automl.errors import AutoMLError, UsageError, near_names
from automl.host import get_host
from automl.parts import Space
from automl.training.trial import TrialSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.engine.record import Record
    from automl.host import Host
    from automl.price.work import Work

SUFFIXES = (".safetensors", ".onnx")


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One model, perhaps not trained yet.

    Attributes:
        title: What it is, in a few words.
        spec: Builds it.
        record: The trial it was, with all that was measured of it; None when it is none.
    """

    title: str
    spec: TrialSpec
    record: Record | None = None


def find_candidate(
    text: str,
    *,
    home: Path,
    storage: str | None = None,
    narrow: Mapping[str, str] | None = None,
    data: str | None = None,
    resolution_px: int | None = None,
    host: Host | None = None,
) -> Candidate:
    """Finds the model that a person means.

    Args:
        text: ``STUDY/TRIAL`` with a number, ``7@3`` or ``best``, ``knee``, ``cheapest``; a space; a name that a space
            knows, such as ``resnet18``; or a file that ``automl export`` wrote.
        home: Folder of the studies.
        storage: URL of their database, where it is not the home's.
        narrow: For a space: values of dimensions; what is left out takes its default.
        data: For a space: the data source; the space's own example when None.
        resolution_px: For a name: the side of the images.
        host: Knows the spaces.

    Raises:
        UsageError: Nothing is called so, or an option does not go with it.
        StudyError: There is no such study.
    """
    host = host or get_host()
    space = next((space for space in host.parts(Space) if space.name == text), None)
    if space is not None:
        _refuse(resolution_px is not None, "--resolution goes with a model's name; a space takes --set")
        return _of_space(space, host, narrow or {}, data)
    _refuse(bool(narrow), f"--set goes with a search space, and {text!r} is none")
    _refuse(data is not None, f"--data goes with a search space, and {text!r} is none")
    if Path(text).suffix.lower() in SUFFIXES:
        _refuse(resolution_px is not None, "--resolution goes with a model's name; a file knows its own")
        return _of_file(Path(text))
    study, slash, trial = text.rpartition("/")
    if slash:
        _refuse(resolution_px is not None, "--resolution goes with a model's name; a trial knows its own")
        return _of_trial(Study.open(study, home, storage), trial)
    return _of_name(text, host, resolution_px)


def work_of(candidate: Candidate) -> Work:
    """What the model computes, as it was counted, or counted now.

    Raises:
        UsageError: It comes from a file or a study, and no model can be built of what that says.
    """
    from automl.training.parts import count_work

    if candidate.record and candidate.record.result.work:
        return candidate.record.result.work
    try:
        return count_work(candidate.spec)
    except AutoMLError:
        raise
    except Exception as error:
        if not candidate.spec.study:
            # A space that cannot build what it proposed itself: that is a bug, and is told as one.
            raise
        cause = f"{type(error).__name__}: {error}"
        raise UsageError(f"No model can be built of {candidate.title}: {cause}.") from error


def _of_space(space: Space, host: Host, narrow: Mapping[str, str], data: str | None) -> Candidate:
    import optuna

    from automl.engine.resolve import data_for

    source, spec = data_for(space, data, host)
    dimensions = space.dimensions(spec)
    narrowing = parse_narrowing(dict(narrow), dimensions, space.name)
    point = starting_point({}, dimensions, narrowing)
    config = space.suggest(NarrowedTrial(optuna.trial.FixedTrial(point), narrowing), spec)
    title = f"{space.name} on {source.name}: {space.describe(config)}"
    return Candidate(title, _untrained(space, config, spec))


def _of_file(path: Path) -> Candidate:
    from automl.training.export import read_spec

    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    spec = read_spec(path)
    try:
        shapes.check(shapes.Spec, spec.to_json())
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} does not say what model it holds: {error}.") from error
    return Candidate(f"{path.name}: trial {spec.number} of {spec.study}", spec)


def _of_trial(study: Study, trial: str) -> Candidate:
    record = study.pick(trial) if trial in WAYS else study.record(trial)
    return Candidate(f"trial {record.name} of {study.name}: {record.label}", record.spec, record)


def _of_name(name: str, host: Host, resolution_px: int | None) -> Candidate:
    for space in host.parts(Space):
        found = space.named(name, resolution_px=resolution_px)
        if found is not None:
            config, spec = found
            shape = " x ".join(map(str, spec.input_shape))
            return Candidate(f"{name}, input {shape}", _untrained(space, config, spec))
    spaces = [space.name for space in host.parts(Space)]
    near = near_names(name, spaces)
    hint = f" Did you mean the space {near[0]!r}?" if near else ""
    raise UsageError(
        f"Nothing is called {name!r}: no space ({', '.join(spaces) or 'none is installed'}), and no model that a space "
        f"knows by name. A trial is written STUDY/TRIAL, an exported file with its ending.{hint}"
    )


def _untrained(space: Space, config: dict[str, object], data: object) -> TrialSpec:
    from automl.engine.resolve import BATCH_SIZE
    from automl.parts import DataSpec

    assert isinstance(data, DataSpec)
    return TrialSpec("", 0, space.name, config, data, epochs=1, batch_size=BATCH_SIZE, seed=0, threads=1)


def _refuse(wrong: bool, text: str) -> None:
    if wrong:
        raise UsageError(f"{text}.")
