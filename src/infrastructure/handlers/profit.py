"""What portfolios earned: by day and currency, and by round trip."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from traderbot.application.ports.recorded import Recorded
from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.events import FillBooked
from traderbot.domain.shared.decimals import ZERO, add, share, subtract
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.handlers.projection import (
    day_of,
    found,
    projection,
    put,
    table_of,
    written,
)
from traderbot.infrastructure.persistence.projection_tables import DailyProfitRow, RoundTripRow

_NOTHING: Final = {"fills": 0, "bought": ZERO, "sold": ZERO, "realised": ZERO, "fees": ZERO}
_TRIPS: Final = table_of(RoundTripRow)


def profit() -> EventHandler:
    """Return the projection behind `daily_profits` and `round_trips`."""
    return projection(
        "profit",
        "fills, turnover, realised profit and fees by portfolio and day; every round trip",
        _handle,
        event_types=frozenset({FillBooked}),
        models=(DailyProfitRow, RoundTripRow),
    )


def _handle(recorded: Recorded, connection: Connection) -> None:
    event = recorded.event
    assert isinstance(event, FillBooked)  # noqa: S101 - for the type checker
    turned = "bought" if event.side is Side.BUY else "sold"
    traded = {"fills": 1, turned: event.notional.amount, "realised": event.realised.amount}
    if event.fee.currency == event.notional.currency:
        traded["fees"] = event.fee.amount
    _add_to_day(connection, event, event.notional.currency.code, traded)
    if event.fee and event.fee.currency != event.notional.currency:
        _add_to_day(connection, event, event.fee.currency.code, {"fees": event.fee.amount})
    _travel(connection, event)


def _add_to_day(
    connection: Connection, event: FillBooked, currency: str, more: dict[str, Any]
) -> None:
    key = {"portfolio_id": event.portfolio_id, "day": day_of(event.at), "currency": currency}
    row = found(connection, DailyProfitRow, **key) or {**key, **_NOTHING}
    row["fills"] += more.pop("fills", 0)
    for name, amount in more.items():
        row[name] = add(row[name], amount)
    put(connection, DailyProfitRow, row)


def _travel(connection: Connection, event: FillBooked) -> None:
    """End the open trip with what the fill closes, begin the next with what it opens."""
    whole, closed = event.quantity.value, event.closed.value
    opened = subtract(whole, closed)
    out = share(event.notional.amount, closed, whole) if closed else ZERO
    fee = event.fee.amount if event.fee.currency == event.notional.currency else ZERO
    fee_out = share(fee, closed, whole) if closed else ZERO
    trip = _last_trip(connection, event)
    if closed and trip is not None:
        held = subtract(trip["held"], closed)
        trip.update(
            held=held,
            exit_value=add(trip["exit_value"], out),
            realised=add(trip["realised"], event.realised.amount),
            closed_at=None if held else event.at,
        )
        _note(trip, fee_out)
        put(connection, RoundTripRow, trip)
    if opened:
        if trip is None or trip["closed_at"] is not None:
            trip = _begun(event, 1 if trip is None else trip["number"] + 1)
        trip.update(
            held=add(trip["held"], opened),
            entered=add(trip["entered"], opened),
            entry_value=add(trip["entry_value"], subtract(event.notional.amount, out)),
        )
        _note(trip, subtract(fee, fee_out))
        put(connection, RoundTripRow, trip)


def _last_trip(connection: Connection, event: FillBooked) -> dict[str, Any] | None:
    newest = (
        select(_TRIPS)
        .where(_TRIPS.c.portfolio_id == event.portfolio_id, _TRIPS.c.symbol == event.symbol.code)
        .order_by(_TRIPS.c.number.desc())
        .limit(1)
    )
    row = written(connection, RoundTripRow).execute(newest).mappings().one_or_none()
    return None if row is None else dict(row)


def _begun(event: FillBooked, number: int) -> dict[str, Any]:
    return {
        "portfolio_id": event.portfolio_id,
        "symbol": event.symbol.code,
        "number": number,
        "side": event.side.value,
        "currency": event.symbol.quote.code,
        "fills": 0,
        "held": ZERO,
        "entered": ZERO,
        "entry_value": ZERO,
        "exit_value": ZERO,
        "realised": ZERO,
        "fees": ZERO,
        "opened_at": event.at,
        "closed_at": None,
    }


def _note(trip: dict[str, Any], fee: Decimal) -> None:
    trip.update(fills=trip["fills"] + 1, fees=add(trip["fees"], fee))
