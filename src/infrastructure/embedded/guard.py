"""A server must not outlive the program that started it, even if that is killed with -9."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import IO

# Reads process ids, one a line; the last one counts, and 0 means that all is tidied up. The end of
# input means that the writer is gone, however that came. It is a shell, for that starts in a
# millisecond and shares nothing with the process it watches.
_SCRIPT = """
trap '' HUP INT QUIT TERM
server=
while read -r line; do
  [ "$line" = 0 ] && exit 0
  server=$line
done
for signal in INT QUIT KILL; do
  [ -n "$server" ] || break
  kill -s CONT "$server" 2>/dev/null
  kill -s "$signal" "$server" 2>/dev/null || break
  tries=0
  while [ "$tries" -lt 50 ] && kill -s 0 "$server" 2>/dev/null; do
    sleep 0.1
    tries=$((tries + 1))
  done
done
rm -rf -- "$1"
"""


class Guard:
    """Stops a server and removes its folder once this process is gone."""

    def __init__(self, folder: Path) -> None:
        """Watch over `folder` from now on."""
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "sh", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C reaches a whole group; the guard must survive it
        )

    def watch(self, pid: int) -> None:
        """Stop this process when the time comes, instead of the one named before."""
        self._write(str(pid))

    def dismiss(self) -> None:
        """All is tidied up: leave, and touch nothing. Asking twice is harmless."""
        self._write("0")
        self.take_over()
        self._shell.wait()

    def take_over(self) -> None:
        """Tidy up now, without anybody waiting for it."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._shell.stdin is not None  # noqa: S101 - asked for above; tells mypy
        return self._shell.stdin

    def _write(self, line: str) -> None:
        if not self._pipe.closed:
            with contextlib.suppress(BrokenPipeError):  # somebody killed the guard
                self._pipe.write(f"{line}\n".encode())
                self._pipe.flush()
