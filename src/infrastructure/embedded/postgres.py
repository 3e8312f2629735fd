"""A real PostgreSQL without root, container or installation."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from traderbot.infrastructure.embedded.privileges import copy_install, give, unprivileged
from traderbot.infrastructure.embedded.process import ServerProcess, ServerStartError, free_port
from traderbot.infrastructure.embedded.search import find_postgres

_USUAL_PORT = 5432
_STATUS_LINE = 7  # of postmaster.pid, counted from 0; pg_ctl waits for the same word
_NUMBER = re.compile(r"\d+(\.\d+)*")


class PostgresServer(ServerProcess):
    """A PostgreSQL of our own. Its superuser is `postgres`; SSL, ICU and contrib may be absent."""

    def __init__(
        self, binaries: Path, *, durable: bool, port: int | None, data: Path | None
    ) -> None:
        """Make the folder for socket and log. `open` does the rest."""
        super().__init__("tbpg", unprivileged())
        self.version = ""
        self._binaries = binaries
        self._durable = durable
        self._port = free_port() if port == 0 else port
        self._data = data.absolute() if data else self.folder / "data"

    @property
    def url(self) -> str:
        """Where SQLAlchemy finds it: a socket only this user reaches, so without a password."""
        socket = f"host={quote(str(self.folder))}&port={self._port or _USUAL_PORT}"
        return f"postgresql+psycopg://postgres@/postgres?{socket}"

    @property
    def tcp_url(self) -> str | None:
        """The same by loopback, which every user reaches, so with a password; None if off."""
        if self._port is None:
            return None
        password = self._password_file.read_text()
        return f"postgresql+psycopg://postgres:{password}@127.0.0.1:{self._port}/postgres"

    def open(self) -> None:
        """Make the cluster unless it is there, and start.

        Raises:
            ServerStartError: it cannot be executed, made or started.
        """
        self.version = self._executable_version()
        if not (self._data / "PG_VERSION").exists():
            self._make_cluster()
        self.start()

    @property
    def _password_file(self) -> Path:
        return self._data / "superuser-password"

    def _executable_version(self) -> str:
        try:
            return self._ask_versions()
        except (PermissionError, ServerStartError):
            if self._account is None:
                raise
        # Some folder above is closed to the account. Copy the programs out of it: opening what
        # somebody closed is not ours to do.
        copy = copy_install(self._binaries.parent, self.folder / "programs")
        self._binaries = copy / self._binaries.name
        return self._ask_versions()

    def _ask_versions(self) -> str:
        # Both, for each needs libraries of its own.
        said = [self._run([self._binaries / name, "--version"]) for name in ("initdb", "postgres")]
        match = _NUMBER.search(said[-1])
        return match[0] if match else "unknown"

    def _make_cluster(self) -> None:
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        give(self._data, self._account)
        password = secrets.token_urlsafe(24)
        handed_over = self.folder / "password"  # initdb wants an empty folder for the cluster
        handed_over.write_text(password)
        give(handed_over, self._account)
        cluster = ("-D", self._data, "-U", "postgres", "-E", "UTF8", "--locale=C")
        doors = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={handed_over}")
        speed = () if self._durable else ("--no-sync",)
        self._run([self._binaries / "initdb", *cluster, *doors, *speed])
        handed_over.rename(self._password_file)

    def _command(self) -> Sequence[str | Path]:
        lasting = "on" if self._durable else "off"
        settings = {
            "listen_addresses": "127.0.0.1" if self._port else "",
            "port": str(self._port or _USUAL_PORT),  # names the socket too
            "fsync": lasting,
            "synchronous_commit": lasting,
            "full_page_writes": lasting,
            # In the data folder, not in shared memory of the system: gone with it after kill -9.
            "dynamic_shared_memory_type": "mmap",
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self._binaries / "postgres", "-D", self._data, "-k", self.folder, *given]

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # After a crash the file of the dead server is still there, and says "ready".
        return (
            len(lines) > _STATUS_LINE
            and lines[0] == str(self.pid)
            and lines[_STATUS_LINE].strip() == "ready"
        )


@contextmanager
def postgres(
    *,
    durable: bool = False,
    port: int | None = None,
    data: Path | None = None,
    binaries: Path | None = None,
) -> Iterator[PostgresServer]:
    """Run PostgreSQL until the block ends, in whatever way it ends.

    Args:
        durable: what was committed survives `kill` and `restart`; slower.
        port: listen on the loopback too; 0 takes any free port.
        data: where the cluster lives; made if absent, used again if there, kept afterwards. Root
            hands it to the account `nobody`. None: a temporary one.
        binaries: the folder of `initdb` and `postgres`; searched for if None.

    Raises:
        ServerNotFoundError: this machine has no PostgreSQL.
        ServerStartError: it does not come up.
    """
    server = PostgresServer(binaries or find_postgres(), durable=durable, port=port, data=data)
    try:
        server.open()
        yield server
    finally:
        server.close()
