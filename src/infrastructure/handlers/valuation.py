"""What portfolios are worth: cash and positions at the last price the log knows.

Prices come from fills and from the closes bots decided on, the newest by its own time; each
currency has a curve of its own, for nothing is converted. A close adds a point for the portfolio
of the bot that saw it, if it holds the symbol; other holders of the symbol have theirs with their
own next event.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from traderbot.application.ports.recorded import Recorded
from traderbot.domain.bots.events import BotDecided, BotStarted
from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.events import (
    CashCorrected,
    CashDeposited,
    CashWithdrawn,
    FillBooked,
)
from traderbot.domain.shared.decimals import ZERO, add, multiply, negate, subtract
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.values import Currency, Price, Symbol, symbol
from traderbot.infrastructure.following.pending_rows import remembered
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.handlers.projection import (
    found,
    projection,
    put,
    table_of,
)
from traderbot.infrastructure.persistence.projection_tables import (
    EquityPointRow,
    LastPriceRow,
    ValuedBotRow,
    ValuedCashRow,
    ValuedPositionRow,
)

_EVENTS: Final = frozenset(
    {CashDeposited, CashWithdrawn, CashCorrected, FillBooked, BotStarted, BotDecided}
)
_HELD: Final = table_of(ValuedPositionRow)
_PRICES: Final = table_of(LastPriceRow)


def valuation() -> EventHandler:
    """Return the projection behind `equity_points`."""
    return projection(
        "valuation",
        "an equity curve by portfolio and currency, at the last price the log knows",
        _handle,
        event_types=_EVENTS,
        models=(EquityPointRow, ValuedCashRow, ValuedPositionRow, LastPriceRow, ValuedBotRow),
    )


def _handle(recorded: Recorded, connection: Connection) -> None:
    match event := recorded.event:
        case CashDeposited(amount=amount) | CashCorrected(amount=amount):
            _pay(connection, event.portfolio_id, amount.currency, amount.amount)
            _value(connection, recorded, event.portfolio_id, amount.currency)
        case CashWithdrawn(amount=amount):
            _pay(connection, event.portfolio_id, amount.currency, negate(amount.amount))
            _value(connection, recorded, event.portfolio_id, amount.currency)
        case FillBooked():
            _settle(connection, event)
            _remember(connection, recorded, event.symbol, event.price, event.at)
            for currency in {event.notional.currency, event.fee.currency}:
                _value(connection, recorded, event.portfolio_id, currency)
        case BotStarted():
            row = {
                "bot_run_id": event.bot_run_id,
                "portfolio_id": event.portfolio_id,
                "symbol": event.symbol.code,
            }
            put(connection, ValuedBotRow, row)
        case BotDecided():
            _look(connection, recorded, event)
        case _:
            pass  # not one of _EVENTS


def _settle(connection: Connection, event: FillBooked) -> None:
    bought = event.side is Side.BUY
    paid = negate(event.notional.amount) if bought else event.notional.amount
    _pay(connection, event.portfolio_id, event.notional.currency, paid)
    _pay(connection, event.portfolio_id, event.fee.currency, negate(event.fee.amount))
    key = {"portfolio_id": event.portfolio_id, "symbol": event.symbol.code}
    new: dict[str, Any] = {**key, "currency": event.symbol.quote.code, "quantity": ZERO}
    row = found(connection, ValuedPositionRow, **key) or new
    move = add if bought else subtract
    row["quantity"] = move(row["quantity"], event.quantity.value)
    put(connection, ValuedPositionRow, row)


def _look(connection: Connection, recorded: Recorded, event: BotDecided) -> None:
    """Take the close a bot decided on for the last price of its symbol."""
    bot = found(connection, ValuedBotRow, bot_run_id=event.bot_run_id)
    if bot is None:
        msg = f"bot {event.bot_run_id} never started"
        raise CorruptHistoryError(msg)
    traded = symbol(bot["symbol"])
    if not _remember(connection, recorded, traded, event.close, event.at):
        return
    held = found(
        connection, ValuedPositionRow, portfolio_id=bot["portfolio_id"], symbol=traded.code
    )
    if held is not None and held["quantity"]:
        _value(connection, recorded, bot["portfolio_id"], traded.quote)


def _pay(connection: Connection, portfolio_id: str, currency: Currency, amount: Decimal) -> None:
    if not amount:
        return
    key = {"portfolio_id": portfolio_id, "currency": currency.code}
    row = found(connection, ValuedCashRow, **key) or {**key, "amount": ZERO}
    row["amount"] = add(row["amount"], amount)
    put(connection, ValuedCashRow, row)


def _remember(
    connection: Connection, recorded: Recorded, of: Symbol, price: Price, at: datetime
) -> bool:
    """Keep a price unless a newer one is known; return whether it was kept."""
    known = found(connection, LastPriceRow, symbol=of.code)
    if known is not None and known["at"] > at:
        return False
    row = {"symbol": of.code, "price": price.value, "at": at, "source": recorded.type}
    put(connection, LastPriceRow, row)
    return True


def _value(
    connection: Connection, recorded: Recorded, portfolio_id: str, currency: Currency
) -> None:
    """Add a point to the curve."""
    known = found(connection, ValuedCashRow, portfolio_id=portfolio_id, currency=currency.code)
    cash = known["amount"] if known is not None else ZERO
    positions = remembered(
        connection,
        ("positions", portfolio_id, currency.code),
        (_HELD, _PRICES),
        lambda: _positions(connection, portfolio_id, currency),
    )
    point = {
        "portfolio_id": portfolio_id,
        "currency": currency.code,
        "log_index": recorded.position,
        "at": recorded.occurred_at,
        "cash": cash,
        "positions": positions,
        "equity": add(cash, positions),
    }
    put(connection, EquityPointRow, point)


def _positions(connection: Connection, portfolio_id: str, currency: Currency) -> Decimal:
    """Return what a portfolio's positions in a currency are worth."""
    worth = ZERO
    query = (
        select(_HELD.c.quantity, _PRICES.c.price)
        .join(_PRICES, _PRICES.c.symbol == _HELD.c.symbol)
        .where(_HELD.c.portfolio_id == portfolio_id, _HELD.c.currency == currency.code)
        .order_by(_HELD.c.symbol)
    )
    for quantity, price in connection.execute(query):
        worth = add(worth, multiply(quantity, price))
    return worth
