"""For information: message-db, an event store made of PostgreSQL functions.

Its SQL comes as a package of the npm registry; without npm it is left out, and said so.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from uuid import uuid4

import psycopg

from benchmarks.databases import Databases

_PACKAGE = "@eventide/message-db@1.3.1"
# Without its pgcrypto: what it wants of that is in PostgreSQL itself since version 13.
_FIRST = ("schema/message-store.sql", "tables/messages.sql", "types/message.sql")
# In the order of its own install-functions.sh: later ones call earlier ones.
_FUNCTIONS = (
    *("message-store-version", "hash-64", "acquire-lock", "category", "is-category", "id"),
    *("cardinal-id", "stream-version", "write-message"),
)
_INDEXES = ("messages-id", "messages-stream", "messages-category")
_WRITE = "SELECT message_store.write_message(%s, %s, 'OrderPlaced', %s::jsonb)"


class MessagedbEvents:
    """Writes one message per call, each caller on a connection of its own."""

    def __init__(self, databases: Databases) -> None:
        """Install it into an empty database.

        Raises:
            RuntimeError: there is no npm, or the package cannot be had.
        """
        self._url = databases.new().replace("postgresql+psycopg://", "postgresql://")
        self._connections: dict[int, psycopg.Connection] = {}
        with tempfile.TemporaryDirectory() as folder, self._connect() as connection:
            for script in _scripts(Path(folder)):
                connection.execute(script)

    def append(self, caller: int, number: int) -> None:
        """Write one message to a stream of its own."""
        connection = self._connections.get(caller)
        if connection is None:
            connection = self._connections[caller] = self._connect()
        body = f'{{"symbol": "IBM", "quantity": "{number}"}}'
        connection.execute(_WRITE, (str(uuid4()), f"order-{uuid4()}", body))

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()

    def _connect(self) -> psycopg.Connection:
        options = "-c search_path=message_store,public"
        return psycopg.connect(self._url, autocommit=True, options=options)


def _scripts(folder: Path) -> list[bytes]:
    npm = shutil.which("npm")
    if npm is None:
        msg = "npm is not on this machine"
        raise RuntimeError(msg)
    packed = subprocess.run([npm, "pack", _PACKAGE], cwd=folder, capture_output=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if packed.returncode or not archives:
        msg = f"npm cannot get {_PACKAGE}"
        raise RuntimeError(msg)
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    base = folder / "package" / "database"
    files = [
        *_FIRST,
        *(f"functions/{name}.sql" for name in _FUNCTIONS),
        *(f"indexes/{name}.sql" for name in _INDEXES),
    ]
    # psql's own; the indexes are made in an empty table, so nobody is kept waiting.
    return [(base / name).read_bytes().replace(b"CONCURRENTLY ", b"") for name in files]
