"""Connections to the database of a study: how it is opened, how transactions run, and what its errors mean.

SQLite files are written ahead (`journal_mode=WAL`, `synchronous=NORMAL`): a killed process loses nothing that was committed; a
power cut may lose the last moments, and does not damage the file. Such files cannot be shared over a network: there the slower
journal is used, and a note says so. PostgreSQL is the choice for several machines.
"""

import errno
import os
import shutil
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kerata.base.checks import message
from kerata.search.schema import import_sqlalchemy, tables

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy.engine import URL, Engine
    from sqlalchemy.engine import Connection as DatabaseConnection


NETWORK_FILES = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "fuse.sshfs",
    "9p",
    "afs",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "fuse.glusterfs",
    "virtiofs",
)
LOCK_SECONDS = 60.0


class Transaction(Protocol):
    """What runs statements of SQL, and gives their rows."""

    def execute(self, statement: object, rows: Sequence[Any] | None = None, /) -> Any: ...


class Connection:
    """A database, opened, with a study in it.

    Args:
        where: a path of an SQLite file, a URL of SQLAlchemy, or `None` for a database in memory.
        create: whether a file that is not there is made.

    Attributes:
        id: the key of the study that a locked transaction keeps others from; -1 before it is known.
        path: of an SQLite file; `None` for others.
    """

    def __init__(self, where: str | os.PathLike | None, create: bool = True):
        self._sa = import_sqlalchemy()
        self.url: URL = make_url(where)
        self.where = self.url.render_as_string(hide_password=True)
        self.path = Path(self.url.database or "").absolute() if self._is_file else None
        self._lock = threading.RLock()
        self._tables = tables()
        if self.path is not None and not create and not self.path.exists():
            raise FileNotFoundError(message("search", "there is no such storage", {"storage": str(self.path)}))
        if self.path is not None and not self.path.parent.is_dir():
            raise FileNotFoundError(message("search", "the folder of the storage must exist", {"storage": str(self.path)}))
        self._engine = self._make_engine()
        self.id = -1
        self.closed = False

    @property
    def _is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def _is_file(self) -> bool:
        return self._is_sqlite and self.url.database not in (None, "", ":memory:")

    def _make_engine(self) -> "Engine":
        sa = self._sa
        if not self._is_sqlite:
            try:
                return sa.create_engine(self.url, pool_pre_ping=True)
            except ImportError as error:
                raise ImportError(
                    message(
                        "search",
                        f"this database needs the package {error.name}",
                        {"storage": self.where},
                        'Install it; for PostgreSQL: pip install "kerata[search]"',
                    )
                ) from None
        options: dict[str, Any] = {"connect_args": {"timeout": LOCK_SECONDS, "check_same_thread": False}}
        if not self._is_file:
            options["poolclass"] = sa.pool.StaticPool
        engine = sa.create_engine(self.url, **options)
        remote = self.path is not None and file_system(self.path) in NETWORK_FILES
        if remote:
            warnings.warn(
                message(
                    "search",
                    "the storage lies on a network, where SQLite is slow and a crash of the server may damage it",
                    {"storage": self.where},
                    "For several machines give a PostgreSQL URL",
                ),
                stacklevel=5,
            )

        def on_connect(connection: "sqlite3.Connection", _: object) -> None:
            # The driver's own handling of transactions begins them too late: what was read may have changed by then.
            connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA journal_mode={'DELETE' if remote else 'WAL'}")
            cursor.execute(f"PRAGMA synchronous={'FULL' if remote else 'NORMAL'}")
            cursor.close()

        def on_begin(connection: "DatabaseConnection") -> None:
            reading = connection.get_execution_options().get("reading")
            connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

        sa.event.listen(engine, "connect", on_connect)
        sa.event.listen(engine, "begin", on_begin)
        return engine

    @contextmanager
    def transaction(self, reading: bool = False, locked: bool = False) -> Iterator[Any]:
        """A transaction; all of it happens, or nothing.

        Args:
            reading: whether it only reads.
            locked: whether no other process may write to the study meanwhile.
        """
        if self.closed:
            raise ValueError(message("search", "the study is closed", {"storage": self.where}, "Open it with load_study"))
        with self._lock, self._explained():
            engine = self._engine.execution_options(reading=True) if reading else self._engine
            with engine.begin() as connection:
                if locked and not self._is_sqlite:
                    studies = self._tables.studies
                    connection.execute(
                        self._sa.select(studies.c.study_id).where(studies.c.study_id == self.id).with_for_update()
                    )
                yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns the database's errors into messages that say what to do."""
        try:
            yield
        except self._sa.exc.DBAPIError as error:
            text = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
            given = {"storage": self.where, "error": text}
            low = text.lower()
            # SQLite says "disk I/O error" of a disk that is full as well as of one that is broken.
            crowded = "disk i/o" in low and self.path is not None and shutil.disk_usage(self.path.parent).free < 1 << 20
            if "full" in low or "no space" in low or crowded:
                raise OSError(
                    errno.ENOSPC,
                    message(
                        "search",
                        "the disk of the storage must have room",
                        given,
                        "Free some space and run the script again: finished trials are kept",
                    ),
                ) from error
            if "malformed" in low:
                fix = "`sqlite3 FILE .recover` reads what is left of it; a new study needs another path"
                raise ValueError(message("search", "the storage is damaged", given, fix)) from error
            if "not a database" in low:
                raise ValueError(message("search", "the storage must be an SQLite file", given, "Give another path")) from error
            if "disk i/o" in low:
                raise OSError(
                    errno.EIO,
                    message(
                        "search",
                        "the storage cannot be read or written",
                        given,
                        "A file that was moved needs the -wal file beside it",
                    ),
                ) from error
            if "readonly" in low or "read-only" in low or "unable to open" in low:
                raise PermissionError(message("search", "the storage cannot be written", given)) from error
            if "locked" in low:
                raise TimeoutError(
                    message("search", f"another process has held the storage for {LOCK_SECONDS:.0f} s", given)
                ) from error
            raise ConnectionError(message("search", "the storage does not answer as it should", given)) from error

    def close(self) -> None:
        """Closes the connections, for good: to connect again would make a file that was moved away anew."""
        self.closed = True
        self._engine.dispose()


def make_url(where: str | os.PathLike | None) -> "URL":
    """The URL for a path, a URL, or `None` for memory."""
    sa = import_sqlalchemy()
    if where is None:
        return sa.engine.make_url("sqlite://")
    if not isinstance(where, (str, os.PathLike)):
        raise TypeError(message("search", "`storage` must be a path, a URL or None", {"storage": where}))
    text = os.fspath(where)
    if "://" not in str(text):
        return sa.engine.URL.create("sqlite", database=str(text))
    try:
        url = sa.engine.make_url(text)
    except sa.exc.ArgumentError:
        fix = 'For example "sqlite:///study.db" or "postgresql://user@host/database"'
        raise ValueError(message("search", "`storage` must be a path or a URL", {"storage": text}, fix)) from None
    if url.drivername in ("postgres", "postgresql") and find_spec("psycopg") is not None:
        url = url.set(drivername="postgresql+psycopg")
    return url


def file_system(path: Path) -> str:
    """The kind of file system that a path lies on, e.g. "ext4"; an empty text where it cannot be told."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    folder = path.resolve().parent
    inside = [(len(point), kind) for point, kind in mounts if folder.is_relative_to(point.replace("\\040", " "))]
    return max(inside, default=(0, ""))[1]
