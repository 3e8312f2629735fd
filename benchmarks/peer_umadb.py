"""For information: UmaDB, an event store of its own, whose server comes with its Python client.

It stores events and nothing else: no idempotency key, no state rows, no ledger, no signature.
"""

from __future__ import annotations

import socket
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import umadb

_START_SECONDS = 20.0


class UmadbEvents:
    """Appends one event per call to a server on loopback."""

    def __init__(self) -> None:
        """Start a server in a folder of its own.

        Raises:
            RuntimeError: it does not answer.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="traderbot-bench-")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        program = Path(sysconfig.get_path("scripts")) / "umadb"
        self._server = subprocess.Popen(
            [program, "--listen", f"127.0.0.1:{port}", "--db-path", self._folder.name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._client = self._connected(f"http://127.0.0.1:{port}")

    def append(self, _caller: int, number: int) -> None:
        """Append one event and wait until it is durable."""
        body = f'{{"portfolio":"{uuid4()}","symbol":"IBM","quantity":"{number}"}}'
        self._client.append([umadb.Event("OrderPlaced", body.encode(), ["order"])])

    def close(self) -> None:
        """Stop the server."""
        self._client.close()
        self._server.terminate()
        self._server.wait()
        self._folder.cleanup()

    def _connected(self, url: str) -> umadb.Client:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            try:
                client = umadb.Client(url)
                client.head()
            except Exception:  # noqa: BLE001 - whatever its library raises while nobody listens
                time.sleep(0.05)
            else:
                return client
        self._server.kill()
        msg = "UmaDB's server does not answer"
        raise RuntimeError(msg)
