"""What the program shows: plain values, amounts as canonical text, instants in UTC.

A command answers with the same view that a later query gives, field for field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.values import Price
from traderbot.domain.users.exchange_keys import ExchangeKey
from traderbot.domain.users.sessions import Session
from traderbot.domain.users.user import User

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list; `next_cursor` asks for the part after it, None at the end."""

    items: tuple[T, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A login that nobody has ended, and when it ends unless it is refreshed."""

    session_id: str
    opened_at: datetime
    refreshed_at: datetime
    ends_at: datetime
    generation: int

    @staticmethod
    def of(session: Session) -> SessionView:
        """Show one."""
        return SessionView(
            session_id=session.id,
            opened_at=session.opened_at,
            refreshed_at=session.refreshed_at,
            ends_at=session.ends_at,
            generation=session.generation,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeKeyView:
    """A stored key of an exchange, by everything but what it is."""

    key_id: str
    exchange: str
    label: str
    added_at: datetime

    @staticmethod
    def of(key: ExchangeKey) -> ExchangeKeyView:
        """Show one."""
        return ExchangeKeyView(
            key_id=key.id, exchange=key.exchange, label=key.label, added_at=key.added_at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """A user; `email` comes from the profile, which is not in the log."""

    user_id: str
    email: str | None
    role: str
    active: bool
    registered_at: datetime
    sessions: tuple[SessionView, ...] = ()
    exchange_keys: tuple[ExchangeKeyView, ...] = ()

    @staticmethod
    def of(user: User, email: str | None) -> UserView:
        """Show an aggregate."""
        return UserView(
            user_id=user.id,
            email=email,
            role=user.role.value,
            active=user.active,
            registered_at=user.registered_at,
            sessions=tuple(SessionView.of(it) for it in user.sessions.values()),
            exchange_keys=tuple(ExchangeKeyView.of(it) for it in user.exchange_keys.values()),
        )

    def session(self, session_id: str, at: datetime) -> SessionView | None:
        """Return one of the sessions, if it is open at an instant."""
        for it in self.sessions:
            if it.session_id == session_id and at < it.ends_at:
                return it
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceView:
    """One currency of a portfolio: total = free + reserved + collateral."""

    currency: str
    free: str
    reserved: str
    collateral: str
    total: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """What is held of one symbol; `quantity` is below zero when short."""

    symbol: str
    quantity: str
    cost: str
    average_price: str | None
    realised: str
    fees: str
    currency: str
    is_open: bool
    opened_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioView:
    """A portfolio with its cash and its positions."""

    portfolio_id: str
    owner_id: str
    name: str
    opened_at: datetime
    updated_at: datetime
    balances: tuple[BalanceView, ...]
    positions: tuple[PositionView, ...]
    version: int

    @staticmethod
    def of(portfolio: Portfolio) -> PortfolioView:
        """Show an aggregate, balances and positions by name."""
        return PortfolioView(
            portfolio_id=portfolio.id,
            owner_id=portfolio.owner_id,
            name=portfolio.name,
            opened_at=portfolio.opened_at,
            updated_at=portfolio.updated_at,
            balances=tuple(
                BalanceView(
                    currency=currency.code,
                    free=plain(cash.free.amount),
                    reserved=plain(cash.reserved.amount),
                    collateral=plain(cash.collateral.amount),
                    total=plain(cash.total.amount),
                )
                for currency, cash in sorted(portfolio.cash.items())
            ),
            positions=tuple(
                PositionView(
                    symbol=symbol.code,
                    quantity=plain(held.net),
                    cost=plain(held.cost.amount),
                    average_price=None
                    if (average := held.average_price) is None
                    else plain(average),
                    realised=plain(held.realised.amount),
                    fees=plain(held.fees.amount),
                    currency=symbol.quote.code,
                    is_open=held.is_open,
                    opened_at=held.opened_at,
                    closed_at=held.closed_at,
                )
                for symbol, held in sorted(portfolio.positions.items())
            ),
            version=portfolio.version,
        )


@dataclass(frozen=True, slots=True)
class ReasonView:
    """A limit an order broke, as it was in force, and the value that broke it."""

    code: str
    limit: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order. Amounts are in `currency`; `average_price` is None before the first fill."""

    order_id: str
    owner_id: str
    portfolio_id: str
    bot_run_id: str | None
    symbol: str
    side: str
    type: str
    time_in_force: str
    quantity: str
    limit_price: str | None
    status: str
    filled: str
    remaining: str
    average_price: str | None
    fees: str
    reserved: str
    currency: str
    reasons: tuple[ReasonView, ...]
    venue_order_id: str | None
    placed_at: datetime
    updated_at: datetime
    version: int
    # With defaults: an answer stored by an older program is read as this view too.
    stop_price: str | None = None
    trail: str | None = None
    trail_bps: str | None = None
    expires_at: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False
    take_profit: str | None = None
    stop_loss: str | None = None
    client_order_id: str | None = None
    parent_id: str | None = None
    oco_group: str | None = None
    venue: str | None = None
    account: str | None = None
    attempts: int = 0
    not_found: int = 0
    cancel_requested: bool = False
    triggered: bool = False
    limits_version: str = "settings"

    @staticmethod
    def of(order: Order) -> OrderView:
        """Show an aggregate."""
        ticket = order.ticket
        average = order.average_price
        return OrderView(
            order_id=order.id,
            owner_id=order.owner_id,
            portfolio_id=ticket.portfolio_id,
            bot_run_id=order.bot_run_id,
            symbol=ticket.symbol.code,
            side=ticket.side.value,
            type=ticket.kind.value,
            time_in_force=ticket.time_in_force.value,
            quantity=plain(ticket.quantity.value),
            limit_price=_price(ticket.limit_price),
            status=order.status.value,
            filled=plain(order.filled.value),
            remaining=plain(order.remaining.value),
            average_price=None if average is None else plain(average),
            fees=plain(order.fees.amount),
            reserved=plain(order.reserved.amount),
            currency=ticket.symbol.quote.code,
            reasons=tuple(ReasonView(r.code, r.limit, r.value) for r in order.reasons),
            venue_order_id=order.venue_order_id,
            placed_at=order.placed_at,
            updated_at=order.updated_at,
            version=order.version,
            stop_price=_price(ticket.stop_price),
            trail=_price(ticket.trail),
            trail_bps=None if ticket.trail_bps is None else plain(ticket.trail_bps),
            expires_at=ticket.expires_at,
            post_only=ticket.post_only,
            reduce_only=ticket.reduce_only,
            take_profit=_price(ticket.exits.take_profit) if ticket.exits else None,
            stop_loss=_price(ticket.exits.stop_loss) if ticket.exits else None,
            client_order_id=ticket.client_order_id,
            parent_id=order.parent_id,
            oco_group=order.oco_group,
            venue=order.venue,
            account=order.account,
            attempts=order.attempts,
            not_found=order.doubt.not_found if order.doubt else 0,
            cancel_requested=order.cancel_requested,
            triggered=order.triggered,
            limits_version=order.limits_version,
        )


def _price(price: Price | None) -> str | None:
    return None if price is None else plain(price.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeView:
    """One booked fill."""

    order_id: str
    fill_id: str
    portfolio_id: str
    bot_run_id: str | None
    symbol: str
    side: str
    quantity: str
    price: str
    notional: str
    fee: str
    fee_currency: str
    realised: str
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BotRunView:
    """A bot run."""

    bot_run_id: str
    owner_id: str
    portfolio_id: str
    strategy: str
    parameters: Mapping[str, str]
    symbol: str
    timeframe: str
    allocation: str
    status: str
    started_at: datetime
    updated_at: datetime
    last_bar_at: datetime | None
    decisions: int
    order_id: str | None
    version: int
    feed: str = ""
    first_bar_at: datetime | None = None
    holder: str = ""  # the process that runs it
    fence: int = 0
    reason: str = ""  # why it is paused or stopped
    code: str = ""  # what failed, if that stopped it

    @staticmethod
    def of(run: BotRun) -> BotRunView:
        """Show an aggregate."""
        return BotRunView(
            bot_run_id=run.id,
            owner_id=run.owner_id,
            portfolio_id=run.portfolio_id,
            strategy=run.strategy,
            parameters=dict(run.parameters),
            symbol=run.symbol.code,
            timeframe=run.timeframe.value,
            allocation=plain(run.allocation),
            status=run.status.value,
            started_at=run.started_at,
            updated_at=run.updated_at,
            last_bar_at=run.last_bar_at,
            decisions=run.decisions,
            order_id=run.order_id,
            version=run.version,
            feed=run.feed,
            first_bar_at=run.first_bar_at,
            holder=run.holder,
            fence=run.fence,
            reason=run.reason,
            code=run.code,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """What a bot did on one bar: an order, or the one code that says why not."""

    bot_run_id: str
    bar_at: datetime
    signal: str
    order_id: str | None
    blocking_code: str | None
