"""Whether the database answers, and has the schema this program needs."""

from __future__ import annotations

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.ports.health import Health, HealthCheck
from traderbot.infrastructure.persistence.migrate import current, newest


def database_check(engine: Engine) -> HealthCheck:
    """Return a check of the engine's database."""
    wanted = newest()

    def check() -> Health:
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
                found = current(connection)
        except SQLAlchemyError as error:
            return Health("database", ok=False, message=f"does not answer: {type(error).__name__}")
        if found != wanted:
            return Health("database", ok=False, message=f"at schema {found}, needs {wanted}")
        return Health("database", ok=True, message=f"{engine.dialect.name}, schema {found}")

    return check
