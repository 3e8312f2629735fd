"""State rows from aggregates: what the events add up to, as rows of the tables for reading.

Pure functions, used when a command is recorded, when `audit diff` compares and when `audit rebuild`
makes the tables again, so the three cannot disagree. Columns stand in the tables' own order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Table

from traderbot.application.ports.recorded import DomainEvent
from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.market.bar_series import BarSeries
from traderbot.domain.operations.operations import Operations
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.events import FillBooked
from traderbot.domain.portfolio.ledger import postings
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.control import RiskControl
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.simulation.book import Book
from traderbot.domain.users.user import User
from traderbot.domain.venues.venue_account import VenueAccount
from traderbot.infrastructure.persistence.bot_details import bot_details_text
from traderbot.infrastructure.persistence.order_details import details_text
from traderbot.infrastructure.persistence.statements import Row
from traderbot.infrastructure.persistence.tables import (
    BalanceRow,
    Base,
    BotRunRow,
    LedgerRow,
    OrderRow,
    PortfolioRow,
    PositionRow,
    TradeRow,
    UserRow,
)
from traderbot.infrastructure.persistence.user_details import user_details_text


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - for the type checker: each model has one
    return table


USERS = _table(UserRow)
PORTFOLIOS = _table(PortfolioRow)
BALANCES = _table(BalanceRow)
POSITIONS = _table(PositionRow)
ORDERS = _table(OrderRow)
TRADES = _table(TradeRow)
LEDGER = _table(LedgerRow)
BOT_RUNS = _table(BotRunRow)

# Every table that can be made again from the log, in the order they are written.
STATE_TABLES = (USERS, PORTFOLIOS, BALANCES, POSITIONS, ORDERS, TRADES, LEDGER, BOT_RUNS)

Rows = dict[Table, list[Row]]
Versioned = tuple[int, DomainEvent]  # an event and its version in the stream


def rows_of(before: Any, after: Any, events: Iterable[Versioned]) -> Rows:  # noqa: ANN401 - any aggregate
    """Return the rows that differ after `events` led an aggregate from one state to the next."""
    return _ROWS[type(after)](before, after, events)


def _user_rows(_before: User | None, user: User, _events: Iterable[Versioned]) -> Rows:
    row = (
        user.id,
        user.role.value,
        user.active,
        instant_text(user.registered_at),
        instant_text(user.updated_at),
        user_details_text(user),
        user.version,
    )
    return {USERS: [row]}


def _order_rows(_before: Order | None, order: Order, _events: Iterable[Versioned]) -> Rows:
    ticket = order.ticket
    row = (
        order.id,
        order.owner_id,
        ticket.portfolio_id,
        order.bot_run_id,
        ticket.symbol.code,
        ticket.side.value,
        ticket.kind.value,
        ticket.time_in_force.value,
        plain(ticket.quantity.value),
        plain(ticket.limit_price.value) if ticket.limit_price else None,
        order.status.value,
        plain(order.filled.value),
        plain(order.paid.amount),
        plain(order.fees.amount),
        plain(order.reserved.amount),
        plain(order.closing.value),
        ticket.symbol.quote.code,
        _reasons(order),
        order.venue_order_id,
        plain(ticket.stop_price.value) if ticket.stop_price else None,
        instant_text(ticket.expires_at) if ticket.expires_at else None,
        ticket.client_order_id,
        order.venue,
        order.account,
        details_text(order),
        instant_text(order.placed_at),
        instant_text(order.updated_at),
        order.version,
    )
    return {ORDERS: [row]}


def _reasons(order: Order) -> str:
    if not order.reasons:
        return "[]"
    return json.dumps([{"code": r.code, "limit": r.limit, "value": r.value} for r in order.reasons])


def _bot_rows(_before: BotRun | None, run: BotRun, _events: Iterable[Versioned]) -> Rows:
    row = (
        run.id,
        run.owner_id,
        run.portfolio_id,
        run.strategy,
        json.dumps(dict(run.parameters), sort_keys=True),
        run.symbol.code,
        run.timeframe.value,
        plain(run.allocation),
        run.status.value,
        instant_text(run.started_at),
        instant_text(run.updated_at),
        instant_text(run.last_bar_at) if run.last_bar_at else None,
        run.input_digest,
        run.decisions,
        run.order_id,
        bot_details_text(run),
        run.version,
    )
    return {BOT_RUNS: [row]}


def _portfolio_rows(
    before: Portfolio | None, portfolio: Portfolio, events: Iterable[Versioned]
) -> Rows:
    rows: Rows = {
        PORTFOLIOS: [
            (
                portfolio.id,
                portfolio.owner_id,
                portfolio.name,
                instant_text(portfolio.opened_at),
                instant_text(portfolio.updated_at),
                portfolio.version,
            )
        ]
    }
    # A state that did not change is the same object: only what changed is written.
    old_cash: Mapping[Any, Any] = before.cash if before else {}
    rows[BALANCES] = [
        (
            portfolio.id,
            currency.code,
            plain(cash.free.amount),
            plain(cash.reserved.amount),
            plain(cash.collateral.amount),
            portfolio.version,
        )
        for currency, cash in portfolio.cash.items()
        if cash is not old_cash.get(currency)
    ]
    old_positions: Mapping[Any, Any] = before.positions if before else {}
    rows[POSITIONS] = [
        (
            portfolio.id,
            symbol.code,
            plain(held.net),
            plain(held.cost.amount),
            plain(held.realised.amount),
            plain(held.fees.amount),
            plain(held.collateral.amount),
            plain(held.claimed.value),
            symbol.quote.code,
            held.is_open,
            instant_text(held.opened_at) if held.opened_at else None,
            instant_text(held.closed_at) if held.closed_at else None,
            portfolio.version,
        )
        for symbol, held in portfolio.positions.items()
        if held is not old_positions.get(symbol)
    ]
    rows[LEDGER], rows[TRADES] = _ledger_and_trades(portfolio, events)
    return rows


def _ledger_and_trades(
    portfolio: Portfolio, events: Iterable[Versioned]
) -> tuple[list[Row], list[Row]]:
    ledger: list[Row] = []
    trades: list[Row] = []
    for version, event in events:
        at = instant_text(event.at)
        for line, posting in enumerate(postings(event)):  # type: ignore[arg-type]
            ledger.append(
                (
                    portfolio.id,
                    version,
                    line,
                    posting.account,
                    plain(posting.amount.amount),
                    posting.amount.currency.code,
                    at,
                )
            )
        if isinstance(event, FillBooked):
            trades.append(
                (
                    event.order_id,
                    event.fill_id,
                    portfolio.id,
                    event.bot_run_id,
                    event.symbol.code,
                    event.side.value,
                    plain(event.quantity.value),
                    plain(event.price.value),
                    plain(event.notional.amount),
                    plain(event.fee.amount),
                    event.fee.currency.code,
                    plain(event.realised.amount),
                    event.symbol.quote.code,
                    at,
                    version,
                )
            )
    return ledger, trades


def _no_rows(_before: Any, _after: Any, _events: Iterable[Versioned]) -> Rows:  # noqa: ANN401 - any aggregate
    """Return nothing: such streams are read from the log alone."""
    return {}


_ROWS: dict[type, Callable[[Any, Any, Iterable[Versioned]], Rows]] = {
    User: _user_rows,
    Portfolio: _portfolio_rows,
    Order: _order_rows,
    BotRun: _bot_rows,
    Operations: _no_rows,
    BarSeries: _no_rows,
    RiskControl: _no_rows,
    Book: _no_rows,
    VenueAccount: _no_rows,
}
