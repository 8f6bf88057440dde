"""The host: finds plugins by entry point, keeps a broken one from breaking the rest, and looks parts up by name."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.metadata
import os
import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from automl import hookspecs
from automl.errors import UsageError, unknown_name
from automl.parts import (
    Analysis,
    DataSource,
    Device,
    Executor,
    Loss,
    Normalizer,
    Objective,
    Part,
    Space,
    Strategy,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

P = TypeVar("P", bound=Part)

HOOKS: dict[str, type[Part]] = {
    "automl_data_sources": DataSource,
    "automl_tasks": Task,
    "automl_spaces": Space,
    "automl_normalizers": Normalizer,
    "automl_losses": Loss,
    "automl_objectives": Objective,
    "automl_devices": Device,
    "automl_strategies": Strategy,
    "automl_executors": Executor,
    "automl_analyses": Analysis,
}
"""The kind of part each hook returns."""

HEAVY = ("torch", "lightning", "optuna", "mlflow", "sklearn", "timm", "torchvision", "pandas")
"""Modules that a plugin must not import while it is listed; each costs everybody's `automl --help` a second."""

SLOW_IMPORT_S = 0.5
"""A plugin that takes longer than this to import is reported."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a plugin comes from.

    Attributes:
        plugin: Name of its entry point.
        distribution: Name of the distribution that brings it.
        version: Version of that distribution.
    """

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is wrong with a plugin, told once.

    Attributes:
        source: The plugin at fault.
        cause: What happened and, where it is known, what to do.
        fatal: Whether something of the plugin was left out; False for a warning.
    """

    source: Source
    cause: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"plugin {self.source.plugin} of {self.source}: {self.cause}"


@dataclasses.dataclass
class Plugin:
    """A loaded plugin and the parts that were taken from it."""

    source: Source
    parts: list[Part] = dataclasses.field(default_factory=list)
    import_s: float = 0.0


class Host:
    """All plugins, and their parts by kind and name.

    Making one reads the entry points of the environment and imports the plugins; that takes milliseconds unless a
    plugin misbehaves, in which case `problems` says so.
    """

    def __init__(
        self,
        entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
        *,
        disabled: Iterable[str] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Loads the plugins.

        Args:
            entry_points: What to load; the environment's entry-point group ``automl`` when None.
            disabled: Entry points or distributions to leave out, by name; ``*`` leaves out all.
            clock: Returns seconds; by it the import of a plugin is timed.
        """
        self.problems: list[Problem] = []
        self.plugins: list[Plugin] = []
        self.disabled: list[Source] = []
        self._clock = clock
        self._parts: dict[tuple[type[Part], str], tuple[Part, Source]] = {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        if entry_points is None:
            entry_points = importlib.metadata.entry_points(group=hookspecs.PROJECT)
        skip = {_canonical(name) for name in disabled}
        for source, entry_point in sorted(
            ((_source(entry_point), entry_point) for entry_point in entry_points),
            key=lambda pair: (pair[0].distribution, pair[0].plugin),
        ):
            if skip & {"*", _canonical(source.plugin), _canonical(source.distribution)}:
                self.disabled.append(source)
            else:
                self._load(source, entry_point.load)

    def register(self, plugin: object, *, name: str, distribution: str = "(this process)", version: str = "0") -> None:
        """Adds a plugin that is not installed, such as one made in a notebook or a test."""
        self._load(Source(name, distribution, version), lambda: plugin)

    def load(self, source: Source, entry_point: importlib.metadata.EntryPoint) -> None:
        """Adds a plugin by an entry point that no distribution declares; one that fails is reported."""
        self._load(source, entry_point.load)

    def parts(self, kind: type[P]) -> list[P]:
        """All parts of a kind, by name."""
        found = [part for (of, _), (part, _) in self._parts.items() if of is kind]
        return sorted((part for part in found if isinstance(part, kind)), key=lambda part: part.name)

    def part(self, kind: type[P], name: str) -> P:
        """The part of that kind and name, or the variant meant by ``NAME:TEXT``.

        Raises:
            UsageError: There is none; the message lists the near names.
        """
        for part in self.parts(kind):
            if part.name == name:
                return part
        stem, colon, text = name.partition(":")
        if colon and (kind, stem) in self._parts:
            found = self.part(kind, stem).variant(text)
            assert isinstance(found, kind)
            return found
        raise unknown_name(kind.kind, name, (part.name for part in self.parts(kind)))

    def preferred(self, kind: type[P]) -> P:
        """The part to take when the user names none: the only one, or the first that says it is preferred.

        Raises:
            UsageError: There is none, or nothing tells which.
        """
        found = self.parts(kind)
        chosen = found if len(found) == 1 else [part for part in found if part.preferred]
        if not chosen:
            names = ", ".join(part.name for part in found) or "none is installed"
            raise UsageError(f"Name the {kind.kind} to use ({names}).")
        return chosen[0]

    def source_of(self, part: Part) -> Source:
        """The plugin that brought `part`."""
        return next(source for known, source in self._parts.values() if known is part)

    def _load(self, source: Source, load: Callable[[], object]) -> None:
        before = set(sys.modules)
        start = self._clock()
        # A plugin that greets the world as it is imported must not end up in somebody's JSON.
        with contextlib.redirect_stdout(sys.stderr):
            try:
                module = load()
                self._check_version(module)
                self._manager.register(module, name=f"{source.distribution}:{source.plugin}")
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
                self._report(source, _cause(error))
                return
            plugin = Plugin(source)
            self.plugins.append(plugin)
            self._report_idle_hooks(source, module)
            for hook, kind in HOOKS.items():
                self._take(plugin, module, hook, kind)
        plugin.import_s = self._clock() - start
        heavy = [name for name in HEAVY if name in sys.modules and name not in before]
        if heavy:
            cause = f"imports {', '.join(heavy)} as it is listed; import heavy modules inside the methods that use them"
            self._report(source, cause, fatal=False)
        elif plugin.import_s > SLOW_IMPORT_S:
            cause = f"takes {plugin.import_s:.1f} s to import; every command waits for it"
            self._report(source, cause, fatal=False)

    def _check_version(self, plugin: object) -> None:
        wanted = getattr(plugin, "AUTOML_API_VERSION", hookspecs.API_VERSION)
        if not isinstance(wanted, int):
            raise TypeError(f"AUTOML_API_VERSION must be a whole number, not {wanted!r}")
        if wanted != hookspecs.API_VERSION:
            older = "automl-host" if wanted > hookspecs.API_VERSION else "the plugin"
            raise ImportError(
                f"is written for version {wanted} of the plugin contract, this host speaks {hookspecs.API_VERSION}; "
                f"update {older}"
            )

    def _report_idle_hooks(self, source: Source, module: object) -> None:
        """Warns of hooks that nobody will ever call: misspelt ones, and ones without the mark."""
        for name in dir(module):
            options = self._manager.parse_hookimpl_opts(module, name)
            hook = name if options is None else options["specname"] or name
            if options is not None and hook not in HOOKS:
                self._report(source, f"implements {hook}, which is no hook of this host", fatal=False)
            elif options is None and name in HOOKS:
                self._report(source, f"has {name}, but without @automl.hookimpl it is not called", fatal=False)

    def _take(self, plugin: Plugin, module: object, hook: str, kind: type[Part]) -> None:
        others = [other for other in self._manager.get_plugins() if other is not module]
        try:
            for answer in self._manager.subset_hook_caller(hook, others)():
                if isinstance(answer, list | tuple):
                    for part in answer:
                        self._add(plugin, hook, kind, part)
                else:
                    self._report(plugin.source, f"{hook} returned {type(answer).__name__}, not a list of {kind.kind}s")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            self._report(plugin.source, f"{hook} failed: {_cause(error)}")

    def _add(self, plugin: Plugin, hook: str, kind: type[Part], part: Any) -> None:
        if not isinstance(part, kind):
            self._report(plugin.source, f"{hook} returned {part!r}, which is no {kind.kind}")
        elif not (_is_text(part.name) and _is_text(part.summary)):
            self._report(plugin.source, f"{hook} returned {part!r}, which has no name or no summary")
        elif (kind, part.name) in self._parts:
            holder = self._parts[kind, part.name][1]
            self._report(plugin.source, f"its {kind.kind} {part.name!r} is left out: {holder} has that name already")
        else:
            self._parts[kind, part.name] = (part, plugin.source)
            plugin.parts.append(part)

    def _report(self, source: Source, cause: str, *, fatal: bool = True) -> None:
        self.problems.append(Problem(source, cause, fatal))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _canonical(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _source(entry_point: importlib.metadata.EntryPoint) -> Source:
    # A broken uninstallation leaves entry points behind that have neither name nor version.
    name, version = getattr(entry_point.dist, "name", None), getattr(entry_point.dist, "version", None)
    return Source(entry_point.name, name or "(unknown)", version or "0")


def _cause(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@functools.cache
def _environment_host() -> Host:
    """The host over this environment's plugins.

    AUTOML_DISABLE_PLUGINS names some to leave out (``*``: all), AUTOML_PLUGINS some that are not installed, as their
    entry points would (``module`` or ``module:object``): processes that the search starts know them too.
    """
    disabled = [name for name in os.environ.get("AUTOML_DISABLE_PLUGINS", "").split(",") if name.strip()]
    host = Host(disabled=disabled)
    for value in os.environ.get("AUTOML_PLUGINS", "").split(","):
        if value.strip():
            point = importlib.metadata.EntryPoint(value.strip(), value.strip(), hookspecs.PROJECT)
            host.load(Source(value.strip(), "(AUTOML_PLUGINS)", "0"), point)
    return host


_override: list[Host] = []


def get_host() -> Host:
    """The process's host; made on first use."""
    return _override[-1] if _override else _environment_host()


@contextlib.contextmanager
def use_host(host: Host) -> Iterator[Host]:
    """Makes `host` the process's host within the block."""
    _override.append(host)
    try:
        yield host
    finally:
        _override.remove(host)
