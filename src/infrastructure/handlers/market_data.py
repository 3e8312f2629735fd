"""Where bars came from: one row for every import, with the digest of what was stored then."""

from __future__ import annotations

from sqlalchemy import Connection

from traderbot.application.ports.recorded import Recorded
from traderbot.domain.market.events import BarsRecorded
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.handlers.projection import projection, put
from traderbot.infrastructure.persistence.projection_tables import BarImportRow


def market_data() -> EventHandler:
    """Return the projection behind `bar_imports`."""
    return projection(
        "market_data",
        "where bars came from, and the digest of what was stored then",
        _handle,
        event_types=frozenset({BarsRecorded}),
        models=(BarImportRow,),
    )


def _handle(recorded: Recorded, connection: Connection) -> None:
    event = recorded.event
    assert isinstance(event, BarsRecorded)  # noqa: S101 - for the type checker
    row = {
        "symbol": event.symbol.code,
        "timeframe": event.timeframe.value,
        "log_index": recorded.position,
        "at": event.at,
        "first_at": event.first_at,
        "last_at": event.last_at,
        "bars": event.count,
        "digest": event.digest,
        "source": event.source,
    }
    put(connection, BarImportRow, row)
