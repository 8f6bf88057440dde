"""``automl ui``: MLflow's pages on the studies of a home."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

import click

from automl.cli.arguments import home_option

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "127.0.0.1"


@click.command("ui")
@home_option
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port to listen on.")
@click.option("--tracking-uri", envvar="AUTOML_TRACKING_URI", help="Another store than the home's mlflow.db.")
def command(home: Path, port: int, tracking_uri: str | None) -> None:
    """Open MLflow's pages on the studies of a home; on this machine only, until Ctrl-C."""
    from automl.cli.console import stderr_console
    from automl.errors import UsageError
    from automl.tracking.quiet import quiet

    database = home.expanduser().resolve() / "mlflow.db"
    if tracking_uri is None and not database.is_file():
        raise UsageError(f"There is no {database} yet: run `automl search` first, or name another --home.")
    if not _free(port):
        raise UsageError(f"Port {port} is taken; {_free_port()} is free: --port {_free_port()}.")
    quiet()
    store = tracking_uri or f"sqlite:///{database}"
    stderr_console().print(f"MLflow is at http://{ADDRESS}:{port} (Ctrl-C ends it).", highlight=False, soft_wrap=True)
    server = [sys.executable, "-m", "mlflow", "server", "--host", ADDRESS, "--port", str(port)]
    server += ["--backend-store-uri", store, "--workers", "1"]
    # In the place of this process, so that signals reach the server and nothing is left behind.
    os.execv(server[0], server)  # noqa: S606 - no shell is wanted


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port
