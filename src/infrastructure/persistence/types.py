"""Column types that keep amounts and instants digit for digit on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, Numeric, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from traderbot.domain.shared.decimals import canonical, plain
from traderbot.domain.shared.instants import instant, instant_text


class ExactDecimal(TypeDecorator[Decimal]):
    """A canonical Decimal: text in SQLite, NUMERIC(38,18) in PostgreSQL.

    SQLite has no decimal type; SQLAlchemy's own Numeric would pass through a float there and
    silently change the last digits.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type for the database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(38, 18))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:  # noqa: ANN401 - the driver's own type
        """Write the plain text form, or the Decimal itself where the database has one."""
        if value is None or dialect.name == "postgresql":
            return value
        return plain(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401, ARG002
        """Return the canonical Decimal; NUMERIC(38,18) pads with zeros."""
        return None if value is None else canonical(Decimal(value))


class UtcInstant(TypeDecorator[datetime]):
    """An aware UTC instant: text with six digits and Z in SQLite, TIMESTAMPTZ in PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type for the database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - the driver's own type
        """Write UTC. A naive datetime is a programming error and raises ValueError."""
        if value is None:
            return None
        return value if dialect.name == "postgresql" else instant_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Return an aware datetime in UTC."""
        if value is None:
            return None
        return instant(value) if isinstance(value, str) else value.astimezone(UTC)
