"""Where studies are kept: a file of the home, or a database server by URL; opened with errors a person can act on."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, TypeVar

from automl.engine.outside import check_home
from automl.engine.store import DATABASE, cause_of, database_error, missing_study, own_error, quiet_optuna
from automl.errors import StorageError, UsageError
from automl.files import alone_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import optuna

SQLITE = "sqlite"

BUSY_S = 1.0
"""How long SQLite itself waits for a lock; whoever writes to a study waits on, see `patiently`."""

PATIENCE_S = 300.0
"""How long a search waits for a database that is locked or does not answer."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0

EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
"""Extra of this distribution that brings the driver, by kind of database."""

Answer = TypeVar("Answer")


def check_url(url: str) -> None:
    """Raises ValueError when no database can be meant."""
    import sqlalchemy
    import sqlalchemy.exc

    try:
        made = sqlalchemy.make_url(url)
        made.get_dialect()
    except sqlalchemy.exc.NoSuchModuleError:
        kinds = "postgresql://user@host/name, mysql+pymysql://user@host/name or sqlite:////folder/file.db"
        raise ValueError(f"no database is of that kind; use {kinds}") from None
    except sqlalchemy.exc.ArgumentError:
        raise ValueError("should be the URL of a database, as postgresql://user@host/name") from None
    except ImportError:
        pass  # that the driver is missing is told where it is needed
    if "{" in url or "}" in url:
        raise ValueError("braces cannot be part of it")


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    import sqlalchemy

    return sqlalchemy.make_url(url).render_as_string(hide_password=True)


@dataclasses.dataclass(frozen=True)
class Database:
    """The database of a home's studies.

    Attributes:
        home: The folder of the studies.
        url: SQLAlchemy's, of a server or another file; None for ``study.db`` in the home.

    Raises:
        UsageError: The URL is none of a database.
    """

    home: Path
    url: str | None = None

    def __post_init__(self) -> None:
        try:
            check_url(self.url or f"{SQLITE}://")
        except ValueError as error:
            raise UsageError(f"--storage: {error}.") from None

    def __str__(self) -> str:
        """As it may be shown: without a password."""
        return without_password(self.url) if self.url else str(self.home / DATABASE)

    @property
    def is_server(self) -> bool:
        """Whether others answer, not a file."""
        return self.url is not None and not self.url.startswith(SQLITE)

    def open(self) -> optuna.storages.RDBStorage:
        """Optuna's storage, with its schema made if it is new.

        Raises:
            StudyError: A file is there but damaged, or no study database.
            StorageError: It cannot be opened for other reasons.
            UsageError: The driver that the URL needs is not installed.
        """
        import optuna
        import sqlalchemy.exc

        check_home(self.home)
        quiet_optuna()
        # A server drops connections that nobody used for hours.
        kwargs = {"pool_pre_ping": True} if self.is_server else {"connect_args": {"timeout": BUSY_S}}
        try:
            # Processes that make the schema of one new file at the same time break it.
            with alone_in(self.home) if self.url is None else contextlib.nullcontext():
                return self.patiently(
                    lambda: optuna.storages.RDBStorage(self.url or f"sqlite:///{self.home / DATABASE}", kwargs),
                    # Whoever has mistyped an address wants to know at once.
                    passing=self._is_locked,
                )
        except (sqlalchemy.exc.DatabaseError, RuntimeError, AssertionError) as error:
            raise self.error(error) from error
        except ImportError as error:
            raise UsageError(f"{self} cannot be opened: {' '.join(str(error).split())} {self._mend()}") from error

    def load(self, name: str) -> optuna.Study:
        """A study of that name.

        Raises:
            StudyError: There is none, or the database is damaged.
            StorageError: The database does not answer.
        """
        import optuna
        import sqlalchemy.exc

        if self.url is None and not (self.home / DATABASE).is_file():
            raise missing_study(name, [], self.home)
        storage = self.open()
        try:
            return optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            where = self if self.url else None
            raise missing_study(name, optuna.study.get_all_study_names(storage), self.home, where) from None
        except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DatabaseError) as error:
            raise self.error(error) from error

    def names(self) -> list[str]:
        """Names of the studies it holds.

        Raises:
            StudyError: The database is damaged.
            StorageError: It does not answer.
        """
        import optuna
        import sqlalchemy.exc

        if self.url is None and not (self.home / DATABASE).is_file():
            return []
        storage = self.open()
        try:
            return list(optuna.study.get_all_study_names(storage))
        except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DatabaseError) as error:
            raise self.error(error) from error

    def error(self, error: Exception) -> Exception:
        """What an error of the database means for a person."""
        if self.is_server:
            return StorageError(f"The study database {self} cannot be used: {cause_of(error)}.")
        return database_error(str(self), error)

    def patiently(
        self,
        call: Callable[[], Answer],
        *,
        passing: Callable[[Exception], bool] | None = None,
        heard: Callable[[str], None] = lambda _cause: None,
    ) -> Answer:
        """What `call` gives, which is called again, with longer and longer pauses, while the database is not there.

        Args:
            call: May be called several times, also when an earlier call was carried out but not confirmed.
            passing: Whether an error may pass by itself; that the file is locked or that a server does not answer
                when left out.
            heard: Told why it waits, once.
        """
        import optuna
        import sqlalchemy.exc

        until, pause_s = time.monotonic() + PATIENCE_S, FIRST_PAUSE_S
        while True:
            try:
                return call()
            except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DBAPIError) as error:
                if not (passing or self._is_passing)(error) or time.monotonic() > until:
                    raise
                if pause_s == FIRST_PAUSE_S:
                    heard(f"{self}: {cause_of(error)}; trying again for {PATIENCE_S / 60:g} minutes")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _is_passing(self, error: Exception) -> bool:
        import sqlalchemy.exc

        lost = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
        return isinstance(own_error(error), lost) if self.is_server else self._is_locked(error)

    def _is_locked(self, error: Exception) -> bool:
        return not self.is_server and "locked" in cause_of(error)

    def _mend(self) -> str:
        extra = next((extra for kind, extra in EXTRAS.items() if (self.url or "").startswith(kind)), "")
        return f"pip install 'automl-host[{extra}]'" if extra else ""
