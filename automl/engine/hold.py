"""One driver a study: the second is told who holds it. A hold goes with its process, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
from typing import TYPE_CHECKING

from automl.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import sqlalchemy

    from automl.engine.study import Study

LONGEST_NAME = 63
"""Letters of a PostgreSQL connection's name that others see; MySQL takes 64 for a lock's."""


@contextlib.contextmanager
def held(study: Study) -> Iterator[None]:
    """Holds a study for this process: in its folder, and in its database where that is a server.

    Raises:
        StudyError: Another process holds it; the message says which.
    """
    with held_folder(study.folder), _held_in_database(study):
        yield


@contextlib.contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Holds a study by its folder alone, which is made when it is not there.

    Raises:
        StudyError: Another process holds it; the message says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise _taken(folder.name, file.read().strip()) from error
        file.truncate(0)
        file.write(_me())
        file.flush()
        yield
        file.truncate(0)


@contextlib.contextmanager
def _held_in_database(study: Study) -> Iterator[None]:
    """Machines without a common folder meet in the database: a lock of the session, held by a connection of its own."""
    import sqlalchemy

    if not study.database.is_server:
        yield
        return
    engine = sqlalchemy.create_engine(str(study.database.url), poolclass=sqlalchemy.NullPool)
    lock = {"postgresql": _lock_postgresql, "mysql": _lock_mysql, "mariadb": _lock_mysql}.get(engine.dialect.name)
    with engine.connect() as connection:
        if lock is not None:
            holder = lock(connection.execution_options(isolation_level="AUTOCOMMIT"), study.name)
            if holder is not None:
                raise _taken(study.name, holder)
        yield


def _lock_postgresql(connection: sqlalchemy.Connection, name: str) -> str | None:
    """Takes the lock, or says who has it."""
    import sqlalchemy

    digest = hashlib.sha256(f"automl study {name}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    connection.execute(sqlalchemy.text("SELECT set_config('application_name', :me, false)"), {"me": _me()})
    if connection.scalar(sqlalchemy.text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
        return None
    # The view shows the key in two halves.
    high, low = (key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF
    query = """SELECT activity.application_name FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND classid = :high AND objid = :low"""
    return str(connection.scalar(sqlalchemy.text(query), {"high": high, "low": low}) or "")


def _lock_mysql(connection: sqlalchemy.Connection, name: str) -> str | None:
    """Takes the lock, or says who has it."""
    import sqlalchemy

    key = {"key": f"automl {hashlib.sha256(name.encode()).hexdigest()}"[:LONGEST_NAME]}
    if connection.scalar(sqlalchemy.text("SELECT GET_LOCK(:key, 0)"), key):
        return None
    holder = connection.scalar(sqlalchemy.text("SELECT IS_USED_LOCK(:key)"), key)
    query = sqlalchemy.text("SELECT host FROM information_schema.processlist WHERE id = :id")
    return f"connection {holder} from {connection.scalar(query, {'id': holder})}"


def _me() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"[:LONGEST_NAME]


def _taken(name: str, holder: str) -> StudyError:
    return StudyError(f"Study {name!r} is being searched by {holder or 'another process'}; wait for it or stop it.")
