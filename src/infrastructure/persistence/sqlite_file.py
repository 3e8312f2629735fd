"""Whether a SQLite file is still the one a program opened.

An open connection goes on with the file it has, whatever has its name by now; a new one would take
the new file. Whoever writes to the old one writes where nobody will look.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine


class SqliteFile:
    """The file behind an engine, as it was when somebody first looked and found one."""

    def __init__(self, engine: Engine) -> None:
        """Remember which file has the name now, if one has."""
        self.path = Path(engine.url.database or "")
        self._first = _identity(self.path)

    def fault(self) -> str | None:
        """Say what is wrong with the file, in words; None if it is the one it was."""
        now = _identity(self.path)
        if self._first is None:
            self._first = now
        if now == self._first:
            return None
        what = "is gone" if now is None else "was replaced by another file"
        return f"the database file {self.path} {what} while the program uses it"


def _identity(path: Path) -> tuple[int, int] | None:
    """Return the device and the number of a file; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
