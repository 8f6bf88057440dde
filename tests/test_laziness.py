"""What is imported when, and that the host knows no plugin by name."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import automl
from automl.cli import COMMANDS
from automl.host import HEAVY

PACKAGE = Path(automl.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
NO_COMMAND = "assert not [name for name in sys.modules if name.startswith('automl.cli.')]"
PRESENT = [name for name in COMMANDS if importlib.util.find_spec(f"automl.cli.{name}")]


def imported_by(code):
    """Top-level modules in `sys.modules` of a fresh process after `code`."""
    lines = f"import sys, json\n{code}\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["plugins"],
        ["plugins", "--json"],
        ["completion", "bash"],
        *([name, "--help"] for name in PRESENT),
    ],
    ids=" ".join,
)
def test_commands_that_need_nothing_heavy_import_nothing_heavy(words):
    loaded = imported_by(f"from automl.cli import run\nassert run({words!r}) == 0")
    assert loaded & set(HEAVY) == set()


def test_help_lists_commands_without_importing_them():
    code = f"from automl.cli import run\nrun(['--help'])\n{NO_COMMAND}"
    assert "rich" not in imported_by(code)


def test_completion_of_a_command_imports_no_command():
    code = """
import os
os.environ.update(_AUTOML_COMPLETE="bash_complete", COMP_WORDS="automl s", COMP_CWORD="1")
from automl.cli import run
assert run([]) == 0
"""
    imported_by(code + NO_COMMAND)


def test_import_automl_costs_nothing():
    loaded = imported_by("import automl") - imported_by("import __future__, typing, importlib")
    assert loaded == {"automl"}


def test_a_plugin_module_needs_little():
    loaded = imported_by("import automl\nautoml.hookimpl, automl.Space, automl.DataSpec, automl.UsageError")
    assert loaded & {*HEAVY, "pydantic", "rich", "click"} == set()


def test_every_public_name_is_there():
    for name in automl.__all__:
        assert getattr(automl, name) is not None
        assert name in dir(automl)
    with pytest.raises(AttributeError, match="has no attribute 'nonesuch'"):
        automl.nonesuch  # noqa: B018


def test_search_stays_a_function_after_the_engine_is_imported():
    import automl.engine.run

    assert callable(automl.search)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_host_names_no_plugin(path):
    text = path.read_text()
    assert not [name for name in ("automl_vision", "automl_norms", "automl_green") if name in text]
    plugins_own = {"timm", "sklearn", "torchvision"}
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not plugins_own & {name.partition(".")[0] for name in names}, f"line {node.lineno}"
