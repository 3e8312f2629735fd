"""A real Redis, or Valkey, without root, container or installation."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from traderbot.infrastructure.embedded.process import ServerProcess, free_port
from traderbot.infrastructure.embedded.search import RedisBinary, find_redis

_PING_SECONDS = 1.0


class RedisServer(ServerProcess):
    """A Redis of our own. It keeps nothing on disk: a restart finds it empty."""

    def __init__(self, binary: RedisBinary, *, port: int | None) -> None:
        """Make the folder for socket and log. `open` does the rest."""
        super().__init__("tbrd")
        self.name = binary.name
        self.version = binary.version
        self._program = binary.path
        self._port = free_port() if port == 0 else port
        # The loopback is open to every user of the machine, the socket only to this one.
        self._password = secrets.token_urlsafe(24) if self._port else ""
        self._socket = self.folder / "socket"

    @property
    def url(self) -> str:
        """Where redis-py finds it: by a socket only this user reaches."""
        return f"unix://{self._login}{quote(str(self._socket))}"

    @property
    def tcp_url(self) -> str | None:
        """The same by loopback; None if off."""
        return f"redis://{self._login}127.0.0.1:{self._port}/0" if self._port else None

    def open(self) -> None:
        """Write the configuration and start.

        Raises:
            ServerStartError: it does not come up.
        """
        settings = {
            "port": str(self._port or 0),
            "bind": "127.0.0.1",
            "unixsocket": f'"{self._socket}"',
            "unixsocketperm": "700",
            "dir": f'"{self.folder}"',
            "save": '""',
            "appendonly": "no",
            **({"requirepass": self._password} if self._password else {}),
        }
        lines = [f"{name} {value}\n" for name, value in settings.items()]
        # In a file of a closed folder: everybody can read the arguments of a process.
        (self.folder / "conf").write_text("".join(lines))
        self.start()

    @property
    def _login(self) -> str:
        return f":{self._password}@" if self._password else ""

    def _command(self) -> Sequence[str | Path]:
        return [self._program, self.folder / "conf"]

    def _is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_PING_SECONDS)
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                answer = client.recv(64)
            except OSError:
                return False
        return answer.startswith((b"+PONG", b"-NOAUTH"))


@contextmanager
def redis(binary: RedisBinary | None = None, *, port: int | None = None) -> Iterator[RedisServer]:
    """Run Redis until the block ends, in whatever way it ends.

    Args:
        binary: one of `redis_servers()`; the preferred one if None.
        port: listen on the loopback too; 0 takes any free port.

    Raises:
        ServerNotFoundError: this machine has no server that speaks Redis.
        ServerStartError: it does not come up.
    """
    server = RedisServer(binary or find_redis(), port=port)
    try:
        server.open()
        yield server
    finally:
        server.close()
