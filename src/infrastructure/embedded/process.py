"""One server program: started, waited for, stopped; nothing of it stays."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import IO, ClassVar

from traderbot.domain.shared.errors import TraderbotError
from traderbot.infrastructure.embedded.guard import Guard
from traderbot.infrastructure.embedded.privileges import Account, private_folder

_START_SECONDS = 60.0  # recovery after a crash on a busy machine; a healthy start takes 0.1
_RUN_SECONDS = 120.0
_PAUSE_SECONDS = 0.01
_RESTARTS = 20
# Politely first. PostgreSQL reads SIGTERM as "wait until every client has left", so never that one.
_STOP_SIGNALS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, None))


class ServerStartError(TraderbotError):
    """A server was found but did not come up; the message ends with what it said."""

    code: ClassVar[str] = "SERVER_START"

    def __init__(self, program: str, said: str) -> None:
        """Take the program's name and the end of its log."""
        super().__init__(f"{program} failed. It said:\n{said.strip()}")
        self.program = program
        self.said = said


class ServerProcess(ABC):
    """A server that lives in a temporary folder of its own, and never outlives this process."""

    def __init__(self, prefix: str, account: Account | None = None) -> None:
        """Make the folder. Nothing runs yet, but from now on `close` is due."""
        self.folder = private_folder(prefix, account)
        self._account = account
        self._guard = Guard(self.folder)
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server, or of the one that ran last; 0 before the first."""
        return 0 if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ServerStartError: it does not come up.
        """
        command = self._command()
        said_before = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = self._spawn(command, log)
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                said = self._log.read_bytes()[said_before:].decode(errors="replace")
                raise ServerStartError(Path(command[0]).name, said)
            time.sleep(_PAUSE_SECONDS)

    def stop(self) -> None:
        """Stop the server as politely as it allows. Asking twice is harmless."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(signal.SIGCONT)  # a test may have frozen it
        for number, seconds in _STOP_SIGNALS:
            self._process.send_signal(number)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            return

    def kill(self) -> None:
        """End the server as a power cut would: kill -9."""
        if self._process is not None and self.running:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Start again on the same data, after stopping what still runs.

        Raises:
            ServerStartError: it does not come up.
        """
        self.stop()
        for attempt in range(1, _RESTARTS + 1):
            try:
                self.start()
            except ServerStartError:
                # The children of a killed PostgreSQL hold its memory until they notice its death.
                if attempt == _RESTARTS:
                    raise
                time.sleep(attempt * _PAUSE_SECONDS)
            else:
                return

    def close(self) -> None:
        """Stop the server and remove its folder."""
        try:
            self.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
        except BaseException:
            self._guard.take_over()  # a second Ctrl-C: somebody has to tidy up all the same
            raise
        self._guard.dismiss()

    @abstractmethod
    def _command(self) -> Sequence[str | Path]:
        """Return the program and its arguments; it must stay in the foreground."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Say whether the server answers."""

    def _run(self, command: Sequence[str | Path]) -> str:
        """Run a short program to its end, under the server's account; return what it printed.

        Raises:
            PermissionError: the account may not execute it.
            ServerStartError: it failed.
        """
        with self._spawn(command, subprocess.PIPE) as process:
            try:
                printed, _ = process.communicate(timeout=_RUN_SECONDS)
            except BaseException:
                process.kill()  # otherwise the block would wait for it
                raise
        said = printed.decode(errors="replace")
        if process.returncode != 0:
            raise ServerStartError(Path(command[0]).name, said)
        return said

    def _spawn(
        self, command: Sequence[str | Path], output: int | IO[bytes]
    ) -> subprocess.Popen[bytes]:
        account = self._account
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=os.sep,  # the present folder may be closed to the account
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        self._guard.watch(process.pid)
        return process


def free_port() -> int:
    """Return a TCP port of the loopback that nobody uses at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    # PGPORT, PGDATA and the like of whoever runs the tests would steer the server.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**own, "LC_ALL": "C", "TZ": "UTC"}
