"""Real servers for tests and benchmarks: a PostgreSQL and an MLflow of their own, ended with the block."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from automl.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN = "/usr/lib/postgresql/*/bin"
START_S = 60
POLL_S = 0.2


class PostgreSQL:
    """A server with one database, reached through a socket in its own folder.

    Args:
        folder: Empty, and its user's.
        user: Who runs it; PostgreSQL refuses to be root.

    Attributes:
        url: For SQLAlchemy.
    """

    def __init__(self, folder: Path, user: str) -> None:
        self._folder, self._user = folder, user
        self.url = f"postgresql+psycopg://{user}@/postgres?host={folder}"

    def start(self) -> None:
        """Returns when it takes connections."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}'"
        self._run("pg_ctl", "-D", self._data, "-l", str(self._folder / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        """Ends it, whoever is connected."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def create(self) -> None:
        """Makes the database."""
        self._run("initdb", "-D", self._data, "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, *command: str) -> None:
        user = None if os.geteuid() else self._user
        done = subprocess.run(  # noqa: S603 - a server of our own
            [program(command[0]), *command[1:]],
            user=user,
            cwd=self._folder,
            # A server that is started keeps the pipe: whoever reads it to the end waits for the server to end.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise StorageError(f"{command[0]} ended with {done.returncode}")


def program(name: str) -> str:
    """Path of a program of PostgreSQL's.

    Raises:
        StorageError: It is not installed.
    """
    found = shutil.which(name) or max((str(path / name) for path in Path("/").glob(DEBIAN[1:])), default="")
    if not found:
        raise StorageError("PostgreSQL is not installed")
    return found


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A running server with an empty database.

    Raises:
        StorageError: None can be started here; the message says why.
    """
    program("initdb")
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="automl-pg-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            try:
                shutil.chown(folder, user)
            except LookupError as error:
                raise StorageError("PostgreSQL refuses to run as root, and there is no user postgres") from error
        server = PostgreSQL(folder, user)
        server.create()
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(StorageError):
                server.stop()


@contextlib.contextmanager
def mlflow_server(store: str, artifacts: Path, port: int | None = None) -> Iterator[str]:
    """URL of an MLflow server on 127.0.0.1 that keeps its runs in `store`.

    Raises:
        StorageError: It does not come up.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(artifacts), "--serve-artifacts"]
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(  # noqa: S603 - a server of our own
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/health", server)
            yield url
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, 15)
            server.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310
            return
        time.sleep(POLL_S)
    raise StorageError(f"{url} does not answer")
