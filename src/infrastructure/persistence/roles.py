"""Who may do what in PostgreSQL: two roles, to which an operator adds the program's logins.

Roles belong to the server and are shared by its databases; what they may do is granted in each.
The owner of the tables may do everything, so the program should not log in as the owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

APP: Final = "traderbot_app"
SEALER: Final = "traderbot_sealer"

_READ: Final = "SELECT"
_APPEND: Final = "SELECT, INSERT"
_ALL: Final = "SELECT, INSERT, UPDATE, DELETE"

# What the log makes, or is a cache: it can be deleted and made again.
_MADE_AGAIN: Final = (
    "balances",
    "bar_imports",
    "bot_runs",
    "daily_profits",
    "equity_points",
    "last_prices",
    "ledger_entries",
    "order_activity",
    "order_timelines",
    "orders",
    "portfolios",
    "positions",
    "risk_exposures",
    "risk_pending",
    "risk_refusals",
    "round_trips",
    "snapshots",
    "trades",
    "users",
    "valued_bots",
    "valued_cash",
    "valued_positions",
)

# The whole of it: what is not listed is not granted.
PRIVILEGES: Final[Mapping[str, Mapping[str, str]]] = {
    APP: {
        **dict.fromkeys(_MADE_AGAIN, _ALL),
        "alembic_version": _READ,
        "bars": _ALL,
        "bot_holders": _ALL,
        "effects": _ALL,
        "events": _APPEND,
        "exchange_keys": _ALL,
        "idempotency": "SELECT, INSERT, DELETE",
        "log": _READ,
        "log_checkpoints": _READ,
        "log_epochs": _READ,
        "log_head": _READ,
        "log_queue": _APPEND,
        "log_tiles": _READ,
        "parked_events": _ALL,
        "profiles": _ALL,
        "streams": "SELECT, INSERT, UPDATE",
        "subscriptions": _ALL,
    },
    SEALER: {
        "alembic_version": _READ,
        "events": _READ,
        "log": _APPEND,
        "log_checkpoints": _APPEND,
        "log_epochs": _APPEND,
        "log_head": "SELECT, INSERT, UPDATE",
        "log_queue": "SELECT, DELETE",
        "log_tiles": "SELECT, INSERT, UPDATE",
    },
}

_OWNER = text(
    "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class "
    "WHERE relname = 'events' AND relnamespace = current_schema()::regnamespace"
)
_KNOWN = text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)")
_MAY_MAKE = text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")


@dataclass(frozen=True, slots=True)
class Login:
    """What the login of a connection is to the tables."""

    owns: bool  # and so may switch the guards off
    missing: tuple[str, ...]  # roles the server does not have


def grant_roles(connection: Connection) -> None:
    """Make the roles if this login may, and grant to each exactly what is listed, again and again.

    Does nothing in SQLite, and nothing for a login that does not own the tables. A role that is
    missing and may not be made stays missing; `login_of` tells.
    """
    if connection.dialect.name != "postgresql":
        return
    login = login_of(connection)
    if not login.owns:
        return
    if login.missing and connection.scalar(_MAY_MAKE):
        for role in login.missing:
            _make(connection, role)
    every = ", ".join(PRIVILEGES[APP])
    connection.execute(text(f"REVOKE ALL ON {every} FROM PUBLIC"))
    for role in sorted(PRIVILEGES.keys() - login_of(connection).missing):
        connection.execute(text(f"REVOKE ALL ON {every} FROM {role}"))
        for table, privileges in PRIVILEGES[role].items():
            connection.execute(text(f"GRANT {privileges} ON {table} TO {role}"))
    if APP not in login_of(connection).missing:
        sequence = connection.scalar(text("SELECT pg_get_serial_sequence('events', 'position')"))
        connection.execute(text(f"GRANT USAGE ON SEQUENCE {sequence} TO {APP}"))


def login_of(connection: Connection) -> Login:
    """Return what the login of a connection to PostgreSQL is to the tables."""
    known = set(connection.scalars(_KNOWN, {"names": list(PRIVILEGES)}))
    return Login(
        owns=bool(connection.scalar(_OWNER)),
        missing=tuple(name for name in PRIVILEGES if name not in known),
    )


def _make(connection: Connection, role: str) -> None:
    # Another database of the server may be made at the same moment.
    connection.execute(
        text(
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
    )
