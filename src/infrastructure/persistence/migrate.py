"""Bringing a database to the schema this version knows, and saying which one it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.infrastructure.persistence.roles import grant_roles

if TYPE_CHECKING:
    from alembic.config import Config

# Known by heart, so that opening a database that has it need not load Alembic, which takes longer
# than everything else about it. A test compares it with the migrations in the package.
NEWEST: Final = "0007"
# Two starters may arrive together; the second waits, then finds nothing left to do.
_LOCK = 0x7472616465


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest schema. Safe to call at every start.

    Raises:
        DatabaseUnavailableError: it does not answer, or is newer than this program.
    """
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            found = current(connection)
            if found != NEWEST:
                _migrate(connection, found)
    except SQLAlchemyError as error:
        msg = f"the database cannot be opened: {type(error).__name__}"
        raise DatabaseUnavailableError(msg) from error


def current(connection: Connection) -> str | None:
    """Return the revision the database is at, None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def newest() -> str:
    """Return the revision this program knows as the newest."""
    return NEWEST


def differences(engine: Engine) -> list[str]:
    """Return how the tables differ from their definitions; empty when they do not."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - slow, and only for `check`
    from alembic.migration import MigrationContext  # noqa: PLC0415

    from traderbot.infrastructure.persistence import bar_table, log_tables, projection_tables  # noqa: PLC0415
    from traderbot.infrastructure.persistence.tables import Base  # noqa: PLC0415

    # Imported so that their tables are among the definitions.
    assert bar_table  # noqa: S101
    assert log_tables  # noqa: S101
    assert projection_tables  # noqa: S101
    with engine.connect() as connection:
        opts = {"compare_type": False, "include_object": _is_ours}
        context = MigrationContext.configure(connection, opts=opts)
        found = compare_metadata(context, Base.metadata)
    return [str(difference) for difference in found]


def _is_ours(_object: object, name: str | None, kind: str, *_rest: object) -> bool:
    # `log` is a table in PostgreSQL and a view in SQLite, so it has no definition in tables.py.
    return not (kind == "table" and name == "log")


def _migrate(connection: Connection, found: str | None) -> None:
    from alembic import command  # noqa: PLC0415 - see NEWEST
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = config_for(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        msg = (
            f"the database is at revision {found}, which this version does not know: "
            "upgrade traderbot"
        )
        raise DatabaseUnavailableError(msg)
    command.upgrade(config, "head")
    grant_roles(connection)


def config_for(connection: Connection | None) -> Config:
    """Return Alembic's configuration, with the connection its `env.py` runs on."""
    from alembic.config import Config  # noqa: PLC0415 - see NEWEST

    config = Config()
    config.set_main_option("script_location", "traderbot:infrastructure/persistence/migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
