"""``automl ui``: MLflow's pages on the studies of a home."""

from __future__ import annotations

import errno
import os
import shlex
import socket
import sys
from pathlib import Path

import click

from automl.cli.arguments import home_option

ADDRESS = "127.0.0.1"
PAGE = "#/experiments?workflowType=machine_learning"
"""Without the last part the pages take a study for the evaluation of a chat agent and name everything accordingly."""

SQLITE = "sqlite:///"
HEADER = b"SQLite format 3\x00"


@click.command("ui")
@home_option
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port to listen on.")
@click.option("--tracking-uri", envvar="AUTOML_TRACKING_URI", help="Another store than the home's mlflow.db.")
def command(home: Path, port: int, tracking_uri: str | None) -> None:
    """Open MLflow's pages on the studies of a home; on this machine only, until Ctrl-C."""
    from automl.cli.console import stderr_console
    from automl.tracking.quiet import quiet

    store = _store(home, tracking_uri)
    _check_port(port)
    # A server has nobody else to tell its errors to.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    quiet()
    # Six more processes, for the evaluation of chat agents.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    text = f"MLflow will be at http://{ADDRESS}:{port}/{PAGE} in some seconds; Ctrl-C ends it."
    stderr_console().print(text, highlight=False, soft_wrap=True)
    server = [sys.executable, "-m", "mlflow", "server", "--host", ADDRESS, "--port", str(port), "--workers", "1"]
    server += ["--backend-store-uri", store, "--registry-store-uri", store]
    # What lies in the working directory, a study folder perhaps, is no part of the program: neither Python nor uvicorn,
    # which would put it first, is to import from there.
    os.environ["PYTHONSAFEPATH"] = "1"
    beside = shlex.quote(str(Path(click.__file__).parents[1]))
    server += ["--uvicorn-opts", f"--log-level warning --no-access-log --app-dir {beside}"]
    # In the place of this process, so that signals reach the server and nothing is left behind.
    os.execv(server[0], server)  # noqa: S606 - no shell is wanted


def _store(home: Path, uri: str | None) -> str:
    """URI of a store that is there.

    Raises:
        UsageError: It is not, or it has pages of its own.
    """
    from automl.errors import UsageError

    if uri and uri.startswith(("http://", "https://")):
        raise UsageError(f"{uri} is a server with pages of its own: open it in a browser.")
    # "off" is what `automl search` takes to do without tracking.
    local = uri is None or uri == "off"
    uri = f"{SQLITE}{home.expanduser().resolve() / 'mlflow.db'}" if uri is None or local else uri
    if not uri.startswith(SQLITE):
        return uri
    database = Path(uri.removeprefix(SQLITE).partition("?")[0])
    if not database.is_file():
        hint = "run `automl search` first, or name another --home" if local else "MLflow would make an empty one"
        raise UsageError(f"There is no {database} yet: {hint}.")
    with database.open("rb") as file:
        if file.read(len(HEADER)) != HEADER:
            raise UsageError(f"{database} is damaged or no database. Move it away; the next search makes a new one.")
    return uri


def _check_port(port: int) -> None:
    """Raises UsageError when nothing can listen on `port`, and says which port is free."""
    from automl.errors import UsageError

    cause = _refusal(port)
    if cause is None:
        return
    free = next((near for near in range(port + 1, min(port + 20, 65536)) if _refusal(near) is None), 0) or _any_port()
    reason = "is taken" if cause == errno.EADDRINUSE else f"cannot be used ({os.strerror(cause)})"
    raise UsageError(f"Port {port} {reason}; {free} is free: --port {free}.")


def _refusal(port: int) -> int | None:
    """Why nothing can listen on `port`, as an errno; None when it is free."""
    with socket.socket() as probe:
        # As the server does it: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            return error.errno
    return None


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port
