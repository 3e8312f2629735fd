"""State rows back into what they show: each row is read as the aggregate it was written from.

A query answers through the same `…View.of` as the command did, so the two cannot differ. These
aggregates are for showing only: what no view shows (fill ids, the hash of the stream) is missing.
A row is anything with the columns of its table as attributes, already of the columns' types.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import MappingProxyType

from traderbot.application.ports.venue import WorkingOrder
from traderbot.application.views import (
    BotRunView,
    OrderView,
    PortfolioView,
    PositionView,
    TradeView,
    UserView,
)
from traderbot.domain.bots.bot_run import BotRun, BotStatus
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Check, OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.portfolio.portfolio import Cash, Portfolio
from traderbot.domain.portfolio.position import Position
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import (
    currency,
    symbol,
    trusted_money,
    trusted_price,
    trusted_quantity,
)
from traderbot.domain.users.user import Role, User
from traderbot.infrastructure.persistence.bot_details import bot_details
from traderbot.infrastructure.persistence.order_details import OrderDetails
from traderbot.infrastructure.persistence.tables import (
    BalanceRow,
    BotRunRow,
    OrderRow,
    PortfolioRow,
    PositionRow,
    TradeRow,
    UserRow,
)
from traderbot.infrastructure.persistence.user_details import exchange_keys_of, sessions_of


def user_view(row: UserRow, email: str | None) -> UserView:
    """Show a user; the address is another table's."""
    user = User(
        id=UserId(row.user_id),
        role=Role(row.role),
        registered_at=row.registered_at,
        updated_at=row.updated_at,
        active=row.active,
        sessions=sessions_of(row.details),
        exchange_keys=exchange_keys_of(row.details),
        version=row.stream_version,
    )
    return UserView.of(user, email)


def order_view(row: OrderRow) -> OrderView:
    """Show an order."""
    return OrderView.of(_order(row))


def working_order(row: OrderRow, fills: int) -> WorkingOrder:
    """Show an order as the venue needs to know it; `fills` is how many it had."""
    order = _order(row)
    return WorkingOrder(
        order_id=order.id,
        ticket=order.ticket,
        remaining=order.remaining,
        placed_at=order.placed_at,
        fills=fills,
        filled=order.filled,
        updated_at=order.updated_at,
        client_order_id=order.venue_client_id,
        venue=order.venue,
        account=order.account,
        venue_order_id=order.venue_order_id,
        status=order.status,
        cancel_requested=order.cancel_requested,
        triggered=order.triggered,
        amendment=order.amendment,
        doubt=order.doubt,
        attempts=order.attempts,
    )


def portfolio_view(
    row: PortfolioRow, balances: Iterable[BalanceRow], positions: Iterable[PositionRow]
) -> PortfolioView:
    """Show a portfolio with its cash and its positions, all read at one moment."""
    portfolio = Portfolio(
        id=PortfolioId(row.portfolio_id),
        owner_id=UserId(row.owner_id),
        name=row.name,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        cash=MappingProxyType({currency(it.currency): _cash(it) for it in balances}),
        positions=MappingProxyType({symbol(it.symbol): _position(it) for it in positions}),
        version=row.stream_version,
    )
    return PortfolioView.of(portfolio)


def position_views(row: PortfolioRow, positions: Iterable[PositionRow]) -> tuple[PositionView, ...]:
    """Show positions of a portfolio by symbol."""
    return portfolio_view(row, (), positions).positions


def trade_view(row: TradeRow) -> TradeView:
    """Show a booked fill."""
    return TradeView(
        order_id=row.order_id,
        fill_id=row.fill_id,
        portfolio_id=row.portfolio_id,
        bot_run_id=row.bot_run_id,
        symbol=row.symbol,
        side=row.side,
        quantity=plain(row.quantity),
        price=plain(row.price),
        notional=plain(row.notional),
        fee=plain(row.fee),
        fee_currency=row.fee_currency,
        realised=plain(row.realised),
        currency=row.currency,
        at=row.at,
    )


def bot_run_view(row: BotRunRow) -> BotRunView:
    """Show a bot run."""
    run = BotRun(
        id=BotRunId(row.bot_run_id),
        owner_id=UserId(row.owner_id),
        portfolio_id=PortfolioId(row.portfolio_id),
        strategy=row.strategy,
        parameters=json.loads(row.parameters),
        symbol=symbol(row.symbol),
        timeframe=Timeframe(row.timeframe),
        allocation=row.allocation,
        started_at=row.started_at,
        updated_at=row.updated_at,
        status=BotStatus(row.status),
        last_bar_at=row.last_bar_at,
        input_digest=row.input_digest,
        decisions=row.decisions,
        order_id=None if row.order_id is None else OrderId(row.order_id),
        version=row.stream_version,
        **bot_details(row.details),
    )
    return BotRunView.of(run)


def _order(row: OrderRow) -> Order:
    quote = currency(row.currency)
    details = OrderDetails(row.details)
    ticket = Ticket(
        portfolio_id=PortfolioId(row.portfolio_id),
        symbol=symbol(row.symbol),
        side=Side(row.side),
        quantity=trusted_quantity(row.quantity),
        kind=OrderKind(row.kind),
        limit_price=None if row.limit_price is None else trusted_price(row.limit_price),
        time_in_force=TimeInForce(row.time_in_force),
        stop_price=None if row.stop_price is None else trusted_price(row.stop_price),
        expires_at=row.expires_at,
        client_order_id=row.client_order_id,
        **details.ticket,
    )
    return Order(
        id=OrderId(row.order_id),
        owner_id=UserId(row.owner_id),
        ticket=ticket,
        placed_at=row.placed_at,
        updated_at=row.updated_at,
        status=OrderStatus(row.status),
        reserved=trusted_money(row.reserved, quote),
        bot_run_id=None if row.bot_run_id is None else BotRunId(row.bot_run_id),
        closing=trusted_quantity(row.closing),
        filled=trusted_quantity(row.filled),
        paid=trusted_money(row.paid, quote),
        fees=trusted_money(row.fees, quote),
        reasons=_reasons(row.reasons),
        venue=row.venue,
        account=row.account,
        venue_order_id=row.venue_order_id,
        version=row.stream_version,
        **details.order,
    )


def _reasons(text: str) -> tuple[Check, ...]:
    if text == "[]":
        return ()
    return tuple(Check(**it) for it in json.loads(text))


def _cash(row: BalanceRow) -> Cash:
    of = currency(row.currency)
    free, reserved, collateral = (
        trusted_money(amount, of) for amount in (row.free, row.reserved, row.collateral)
    )
    return Cash(free, reserved, collateral)


def _position(row: PositionRow) -> Position:
    quote = currency(row.currency)
    return Position(
        symbol=symbol(row.symbol),
        net=row.quantity,
        cost=trusted_money(row.cost, quote),
        realised=trusted_money(row.realised, quote),
        fees=trusted_money(row.fees, quote),
        collateral=trusted_money(row.collateral, quote),
        claimed=trusted_quantity(row.claimed),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )
