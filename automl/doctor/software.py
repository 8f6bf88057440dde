"""Checks of Python, the packages, what they require of each other, and the plugins."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING

from automl.doctor.check import Check, installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from automl.host import Host

NEEDED = ("torch", "lightning", "optuna", "mlflow")
OPTIONAL = ("torchvision", "timm", "onnxruntime")


def python() -> Iterator[Check]:
    """The interpreter."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def packages() -> Iterator[Check]:
    """Versions of the libraries the work rests on."""
    for name in ("automl-host", *NEEDED, *OPTIONAL):
        version = installed(name)
        if version:
            yield Check(name, "ok", version)
        elif name in OPTIONAL:
            yield Check(name, "ok", "not installed; plugins or exports that use it need it")
        else:
            yield Check(name, "fail", "not installed", f"pip install -c constraints.txt {name}")


def requirements(distributions: Iterable[str]) -> Iterator[Check]:
    """Whether what the host and its plugins ask for is there, in the versions they ask for."""
    try:
        from packaging.requirements import Requirement
    except ImportError:  # comes with nearly everything, but with nothing of ours
        return
    wrong, right = [], 0
    for distribution in dict.fromkeys(distributions):
        if not installed(distribution):
            continue
        for text in importlib.metadata.requires(distribution) or []:
            wanted = Requirement(text)
            if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
                continue
            have = installed(wanted.name)
            if have and wanted.specifier.contains(have, prereleases=True):
                right += 1
            else:
                wrong.append(f"{distribution} needs {wanted.name}{wanted.specifier}, found {have or 'none'}")
    if wrong:
        yield Check("requirements", "fail", "; ".join(wrong), "pip install -c constraints.txt -r requirements.txt")
    else:
        yield Check("requirements", "ok", f"{right} of {right} are met")


def plugins(host: Host) -> Iterator[Check]:
    """What the host has to say of each plugin."""
    if host.plugins:
        yield Check("plugins", "ok", ", ".join(str(plugin.source) for plugin in host.plugins))
    else:
        yield Check("plugins", "warn", "none is loaded", "" if host.disabled else "pip install 'automl-host[all]'")
    for problem in host.problems:
        source = problem.source
        name, found = f"plugin {source.plugin}", f"{source}: {problem.cause}"
        if problem.fatal:
            remedy = f"update {source.distribution}, or: export AUTOML_DISABLE_PLUGINS={source.plugin}"
            yield Check(name, "fail", found, remedy)
        else:
            yield Check(name, "warn", found, f"tell the authors of {source.distribution}")
