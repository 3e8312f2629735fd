"""Fresh databases for contestants: SQLite with synchronous FULL, PostgreSQL with fsync on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text

from traderbot.infrastructure.embedded.postgres import PostgresServer, postgres
from traderbot.infrastructure.settings import Settings, load_settings

_data_folder = tempfile.TemporaryDirectory(prefix="traderbot-bench-")


def settings_of(url: str) -> Settings:
    """Return settings for a database that keep keys and anchors out of the way, whoever runs it."""
    return load_settings(
        env_file=None, arguments={"data": {"dir": _data_folder.name}, "database": {"url": url}}
    )


class Databases:
    """Makes empty databases of one kind."""

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        """Make SQLite files in a folder or databases on a server."""
        self._folder = folder
        self.server = server

    @property
    def kind(self) -> str:
        """Which database it is."""
        return "PostgreSQL" if self.server else "SQLite"

    def new(self) -> str:
        """Return the URL of an empty database."""
        name = f"bench_{uuid4().hex[:12]}"
        if self.server is None:
            return f"sqlite:///{self._folder / name}.db"
        admin = create_engine(self.server.url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        return self.server.url.replace("/postgres?", f"/{name}?")


@contextmanager
def sqlite_databases() -> Iterator[Databases]:
    """SQLite files in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="traderbot-bench-") as folder:
        yield Databases(Path(folder), None)


@contextmanager
def postgres_databases() -> Iterator[Databases]:
    """A private PostgreSQL server with full durability."""
    with postgres(durable=True) as server, tempfile.TemporaryDirectory() as folder:
        yield Databases(Path(folder), server)
