"""Bringing a database to the schema this version knows, and saying which one it has."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from traderbot.application.errors import DatabaseUnavailableError

# Two starters may arrive together; the second waits, then finds nothing left to do.
_LOCK = 0x7472616465


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest schema. Safe to call at every start.

    Raises:
        DatabaseUnavailableError: the database is newer than this program.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config = _config(connection)
        _refuse_unknown(current(connection), config)
        command.upgrade(config, "head")


def current(connection: Connection) -> str | None:
    """Return the revision the database is at, None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """Return the revision this program knows as the newest."""
    head = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert head is not None  # noqa: S101 - the package ships its migrations
    return head


def differences(engine: Engine) -> list[str]:
    """Return how the tables differ from their definitions; empty when they do not."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - slow, and only for `check`

    from traderbot.infrastructure.persistence import bar_table  # noqa: PLC0415
    from traderbot.infrastructure.persistence.tables import Base  # noqa: PLC0415

    assert bar_table  # noqa: S101 - imported so that its table is one of the definitions
    with engine.connect() as connection:
        opts = {"compare_type": False, "include_object": _is_ours}
        context = MigrationContext.configure(connection, opts=opts)
        found = compare_metadata(context, Base.metadata)
    return [str(difference) for difference in found]


def _is_ours(_object: object, name: str | None, kind: str, *_rest: object) -> bool:
    # `log` is a table in PostgreSQL and a view in SQLite, so it has no definition in tables.py.
    return not (kind == "table" and name == "log")


def _refuse_unknown(revision: str | None, config: Config) -> None:
    if revision is None:
        return
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision not in known:
        msg = (
            f"the database is at revision {revision}, which this version does not know: "
            "upgrade traderbot"
        )
        raise DatabaseUnavailableError(msg)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", "traderbot:infrastructure/persistence/migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
