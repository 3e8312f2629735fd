"""First checks: whether everything the program stands on is fit for work.

Each check answers with a finding and never raises; none changes anything that stays.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import Engine, select, text

from traderbot.application.key_safe import KeySafe, advice
from traderbot.application.ports.health import Health
from traderbot.infrastructure.persistence.database import database_url, reader_engine
from traderbot.infrastructure.persistence.guards import missing_guards
from traderbot.infrastructure.persistence.health import database_check
from traderbot.infrastructure.persistence.roles import login_of
from traderbot.infrastructure.persistence.tables import EventRow
from traderbot.infrastructure.persistence.vault import SqlSealedKeys
from traderbot.infrastructure.security.secret_box import AesGcmSecretBox
from traderbot.infrastructure.settings import Settings
from traderbot.infrastructure.settings_check import masked_url

_PYTHON: Final = (3, 11)
_FREE_BYTES: Final = 1 << 30
_REDIS_SECONDS: Final = 0.5
_CLOCK: Final = timedelta(seconds=5)  # how far two clocks may be apart before it is worth a word
_WRITTEN: Final = datetime(2026, 1, 1, tzinfo=UTC)  # no clock that is right shows an earlier time
_PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "recursive_triggers": 1,
}


def python_check() -> Health:
    """Tell whether this Python is one the program runs on."""
    wanted = ".".join(map(str, _PYTHON))
    found = ".".join(map(str, sys.version_info[:3]))
    return Health("python", ok=sys.version_info >= _PYTHON, message=f"{found}, needs {wanted}")


def examine(settings: Settings) -> list[Health]:
    """Return one finding for each part, in the order a person would look."""
    return [
        _safely("data folder", lambda: _data_folder(settings)),
        _safely("disk", lambda: _disk(settings)),
        _safely("secret", lambda: _secret(settings)),
        *_database(settings),
        _safely("redis", lambda: _redis(settings)),
    ]


def _safely(name: str, look: Callable[[], Health]) -> Health:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - a doctor reports what goes wrong while looking
        return Health(name, ok=False, message=f"{type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def _data_folder(settings: Settings) -> Health:
    folder = settings.data.dir.absolute()
    if not folder.exists():
        message = f"{folder} is not there yet; make it with: traderbot init"
        return Health("data folder", ok=os.access(_existing(folder), os.W_OK), message=message)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"1")
    return Health("data folder", ok=True, message=f"{folder} can be written")


def _disk(settings: Settings) -> Health:
    folder = _existing(settings.data.dir.absolute())
    free = shutil.disk_usage(folder).free
    message = f"{free / _FREE_BYTES:.1f} GiB free, 1 GiB is the least"
    return Health("disk", ok=free >= _FREE_BYTES, message=message)


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _secret(settings: Settings) -> Health:
    if settings.auth.secret_key is not None:
        return Health("secret", ok=True, message="given by the settings")
    path = settings.secret_key_path.absolute()
    if not path.exists():
        return Health("secret", ok=True, message="not made yet; development makes it when needed")
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        message = f"{path} may be read by others (mode {mode:04o}); run chmod 600 on it"
        return Health("secret", ok=False, message=message)
    return Health("secret", ok=True, message=f"{path}, mode {mode:04o}")


def _database(settings: Settings) -> Iterator[Health]:
    url = settings.database_url
    missing = _missing_file(url)
    if missing is not None:
        message = f"there is no {missing}; make it with: traderbot init"
        yield Health("database", ok=False, message=message)
        return
    try:
        engine = reader_engine(url)
    except Exception as error:  # noqa: BLE001 - the driver may be missing, the URL senseless
        message = f"{masked_url(url)}: {type(error).__name__}: {_first_line(error)}"
        yield Health("database", ok=False, message=message)
        return
    try:
        found = _safely("database", database_check(engine))
        yield found
        if found.ok:
            if engine.dialect.name == "sqlite":
                yield _safely("sqlite", lambda: _pragmas(engine))
            yield _safely("guards", lambda: _guards(engine))
            yield _safely("clock", lambda: _clock(engine))
            yield _safely("exchange keys", lambda: _exchange_keys(settings, engine))
    finally:
        engine.dispose()


def _missing_file(url: str) -> str | None:
    parsed = database_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database is None:
        return None
    # Looked at here, because to connect to a file that is missing makes it.
    return None if Path(parsed.database).exists() else parsed.database


def _pragmas(engine: Engine) -> Health:
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in _PRAGMAS
        }
        version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
    wrong = [f"{name} is {found[name]}" for name in _PRAGMAS if found[name] != _PRAGMAS[name]]
    message = ", ".join(wrong) or "journal in WAL, synced at every commit, foreign keys on"
    return Health("sqlite", ok=not wrong, message=f"{version}: {message}")


def _guards(engine: Engine) -> Health:
    """Tell whether events can be changed, and by whom."""
    with engine.connect() as connection:
        missing = missing_guards(connection)
        login = login_of(connection) if engine.dialect.name == "postgresql" else None
    if missing:
        message = (
            f"{', '.join(missing)}: missing or switched off, so the log can be changed; verify it "
            "with: traderbot audit verify"
        )
        return Health("guards", ok=False, message=message)
    message = "the database refuses to change or delete an event"
    if login is not None and login.owns:
        message += "; this login owns the tables and could lift that (docs/audit.md, Roles)"
    if login is not None and login.missing:
        message += f"; the server has no role {' or '.join(login.missing)}"
    return Health("guards", ok=True, message=message)


def _exchange_keys(settings: Settings, engine: Engine) -> Health:
    """Tell whether every stored exchange key can be opened, as far as its sealing key tells."""
    name, stored = "exchange keys", SqlSealedKeys(engine)
    total = sum(stored.sealed_with().values())
    if not total:
        return Health(name, ok=True, message="none are stored")
    made = settings.encryption.key is not None or settings.encryption_key_path.exists()
    if not made and settings.environment != "production":
        message = f"{total} are stored, and there is no {settings.encryption_key_path} to open them"
        return Health(name, ok=False, message=f"{message}; put it back")
    safe = KeySafe(AesGcmSecretBox(settings.encryption_keys()), stored)
    missing = safe.unreadable()
    if missing:
        return Health(name, ok=False, message=advice(missing))
    return Health(name, ok=True, message=f"{total} stored, every sealing key is there")


def _clock(engine: Engine) -> Health:
    newest = select(EventRow.recorded_at).order_by(EventRow.position.desc()).limit(1)
    with engine.connect() as connection:
        server = None
        if engine.dialect.name == "postgresql":
            server = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        now = datetime.now(UTC)
        last = connection.execute(newest).scalar()
    if now < _WRITTEN:
        return Health("clock", ok=False, message=f"{now:%Y-%m-%d} is before this program was made")
    if server is not None and abs(server - now) > _CLOCK:
        apart = abs(server - now).total_seconds()
        return Health("clock", ok=False, message=f"{apart:.0f} s away from the database's clock")
    if last is not None and last - now > _CLOCK:
        ahead = (last - now).total_seconds()
        message = f"the newest event was recorded {ahead:.0f} s in the future"
        return Health("clock", ok=False, message=message)
    return Health("clock", ok=True, message=f"{now:%Y-%m-%d %H:%M:%S}Z, agrees with the database")


def _redis(settings: Settings) -> Health:
    url = settings.redis_url
    if url is None:
        return Health("redis", ok=True, message="not configured: cache and limits are in memory")
    client = Redis.from_url(
        url,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        client.ping()
    except RedisError as error:
        message = f"{masked_url(url)} does not answer: {_first_line(error)}"
        return Health("redis", ok=False, message=message)
    finally:
        client.close()
    return Health("redis", ok=True, message=f"{masked_url(url)} answers")
