"""Valid things, each with keyword overrides, so that a test shows only its subject.

Amounts are written as a person writes them (`quantity="10"`, `price="100.50"`, `fee="1 USD"`).
Everything happens at NOON, to the same few ids, unless the test says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from traderbot.domain.bots.bot_run import BotRun, Observation
from traderbot.domain.bots.events import BotDecided, BotStarted, BotStopped
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.events import (
    OrderAccepted,
    OrderApproved,
    OrderCanceled,
    OrderFilled,
    OrderPlaced,
    OrderRefused,
)
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Approved, Check, Fill, OrderKind, Refused, Side, Ticket
from traderbot.domain.portfolio.events import (
    CashCorrected,
    CashDeposited,
    CashWithdrawn,
    ExposureReleased,
    ExposureReserved,
    FillBooked,
    PortfolioOpened,
)
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.portfolio.position import Position
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.history import Aggregate
from traderbot.domain.shared.ids import BotRunId, FillId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity, symbol
from traderbot.domain.users.events import UserDeactivated, UserRegistered
from traderbot.domain.users.user import User

NOON = datetime(2025, 1, 2, 12, tzinfo=UTC)

USER_ID = UserId("0192f0c1-0000-7000-8000-000000000001")
PORTFOLIO_ID = PortfolioId("0192f0c1-0000-7000-8000-000000000002")
ORDER_ID = OrderId("0192f0c1-0000-7000-8000-000000000003")
BOT_RUN_ID = BotRunId("0192f0c1-0000-7000-8000-000000000004")

A = TypeVar("A", bound=Aggregate[Any])


def later(minutes: int) -> datetime:
    """Return the instant that many minutes after NOON."""
    return NOON + timedelta(minutes=minutes)


def after(state: A, *decisions: Iterable[Any]) -> A:
    """Return the aggregate after what each decision led to, in that order."""
    for events in decisions:
        for event in events:
            state = state.apply(event)
    return state


# --- market -----------------------------------------------------------------------------------


def a_bar(
    *,
    symbol_code: str = "AAPL",
    timeframe: Timeframe = Timeframe.H1,
    at: datetime = NOON,
    open: str = "100",  # noqa: A002 - a bar's own word
    high: str = "110",
    low: str = "90",
    close: str = "105",
    volume: str = "1000",
) -> Bar:
    """Return a bar that rose."""
    return Bar(
        symbol=symbol(symbol_code),
        timeframe=timeframe,
        at=at,
        open=Price(open),
        high=Price(high),
        low=Price(low),
        close=Price(close),
        volume=Quantity(volume),
    )


# --- orders -----------------------------------------------------------------------------------


def a_ticket(
    *,
    side: str = "buy",
    quantity: str = "10",
    limit_price: str | None = None,
    symbol_code: str = "AAPL",
) -> Ticket:
    """Return a wish: a market order, or a limit order when a limit price is given."""
    return Ticket(
        portfolio_id=PORTFOLIO_ID,
        symbol=symbol(symbol_code),
        side=Side(side),
        quantity=Quantity(quantity),
        kind=OrderKind.MARKET if limit_price is None else OrderKind.LIMIT,
        limit_price=None if limit_price is None else Price(limit_price),
    )


def a_check(code: str = "ORDER_NOTIONAL_MAX") -> Check:
    """Return a limit and the value that broke it."""
    return Check(code=code, limit="1000 USD", value="1000.01 USD")


def an_approval(
    *,
    ticket: Ticket | None = None,
    reserved: str = "1050 USD",
    closing: str = "0",
    reference: str = "100",
) -> Approved:
    """Return the gate's yes."""
    return Approved(
        ticket=a_ticket() if ticket is None else ticket,
        reserved=Money.parse(reserved),
        closing=Quantity(closing),
        reference=Price(reference),
        checks=(a_check(),),
    )


def a_refusal(*, ticket: Ticket | None = None) -> Refused:
    """Return the gate's no."""
    return Refused(ticket=a_ticket() if ticket is None else ticket, reasons=(a_check(),))


def a_fill(
    *,
    fill_id: str = "fill-1",
    quantity: str = "10",
    price: str = "100",
    fee: str = "0 USD",
    at: datetime = NOON,
) -> Fill:
    """Return what the venue says it traded."""
    return Fill(
        id=FillId(fill_id),
        at=at,
        quantity=Quantity(quantity),
        price=Price(price),
        fee=Money.parse(fee),
    )


def placed(
    *,
    side: str = "buy",
    quantity: str = "10",
    limit_price: str | None = None,
    symbol_code: str = "AAPL",
    at: datetime = NOON,
    order_id: OrderId = ORDER_ID,
    bot_run_id: BotRunId | None = None,
) -> OrderPlaced:
    """Return the fact that somebody asked for an order."""
    ticket = a_ticket(
        side=side, quantity=quantity, limit_price=limit_price, symbol_code=symbol_code
    )
    return OrderPlaced(
        order_id=order_id, at=at, owner_id=USER_ID, ticket=ticket, bot_run_id=bot_run_id
    )


def approved(
    *,
    reserved: str = "1050 USD",
    closing: str = "0",
    reference: str = "100",
    at: datetime = NOON,
    order_id: OrderId = ORDER_ID,
) -> OrderApproved:
    """Return the fact that the gate let the order pass."""
    return OrderApproved(
        order_id=order_id,
        at=at,
        reserved=Money.parse(reserved),
        closing=Quantity(closing),
        reference=Price(reference),
        checks=(a_check(),),
    )


def refused(*, at: datetime = NOON, order_id: OrderId = ORDER_ID) -> OrderRefused:
    """Return the fact that the gate stopped the order."""
    return OrderRefused(order_id=order_id, at=at, reasons=(a_check(),))


def accepted(
    *, venue_order_id: str = "venue-1", at: datetime = NOON, order_id: OrderId = ORDER_ID
) -> OrderAccepted:
    """Return the fact that the venue has the order working."""
    return OrderAccepted(order_id=order_id, at=at, venue="paper", venue_order_id=venue_order_id)


def filled(
    *,
    fill_id: str = "fill-1",
    quantity: str = "10",
    price: str = "100",
    fee: str = "0 USD",
    used: str = "0 USD",
    closing_used: str = "0",
    at: datetime = NOON,
    order_id: OrderId = ORDER_ID,
) -> OrderFilled:
    """Return the fact that the venue traded some of the order."""
    return OrderFilled(
        order_id=order_id,
        at=at,
        fill=a_fill(fill_id=fill_id, quantity=quantity, price=price, fee=fee, at=at),
        reservation_used=Money.parse(used),
        closing_used=Quantity(closing_used),
    )


def canceled(
    *,
    released: str = "0 USD",
    closing_released: str = "0",
    reason: str = "asked",
    at: datetime = NOON,
    order_id: OrderId = ORDER_ID,
) -> OrderCanceled:
    """Return the fact that what is not filled will not be."""
    return OrderCanceled(
        order_id=order_id,
        at=at,
        reason=reason,
        released=Money.parse(released),
        closing_released=Quantity(closing_released),
    )


def an_order(
    *,
    side: str = "buy",
    quantity: str = "10",
    limit_price: str | None = None,
    symbol_code: str = "AAPL",
    reserved: str = "1050 USD",
    closing: str = "0",
    order_id: OrderId = ORDER_ID,
) -> Order:
    """Return an order the gate has approved and the venue has not heard of yet."""
    return Order.from_events(
        [
            placed(
                side=side,
                quantity=quantity,
                limit_price=limit_price,
                symbol_code=symbol_code,
                order_id=order_id,
            ),
            approved(reserved=reserved, closing=closing, order_id=order_id),
        ]
    )


# --- portfolio --------------------------------------------------------------------------------


def opened(*, name: str = "savings", at: datetime = NOON) -> PortfolioOpened:
    """Return the fact that a portfolio exists."""
    return PortfolioOpened(portfolio_id=PORTFOLIO_ID, at=at, owner_id=USER_ID, name=name)


def deposited(amount: str = "100000 USD", *, at: datetime = NOON) -> CashDeposited:
    """Return the fact that money came in."""
    return CashDeposited(portfolio_id=PORTFOLIO_ID, at=at, amount=Money.parse(amount))


def corrected(
    amount: str = "-1 USD",
    *,
    reason: str = "a fee was booked twice",
    corrects: str | None = None,
    at: datetime = NOON,
) -> CashCorrected:
    """Return the fact that an operator put something right."""
    return CashCorrected(
        portfolio_id=PORTFOLIO_ID,
        at=at,
        amount=Money.parse(amount),
        reason=reason,
        corrects=corrects,
    )


def withdrawn(amount: str = "1000 USD", *, at: datetime = NOON) -> CashWithdrawn:
    """Return the fact that money went out."""
    return CashWithdrawn(portfolio_id=PORTFOLIO_ID, at=at, amount=Money.parse(amount))


def reserved(
    cash: str = "1050 USD", *, closing: str = "0", symbol_code: str = "AAPL"
) -> ExposureReserved:
    """Return the fact that an order set cash aside."""
    return ExposureReserved(
        portfolio_id=PORTFOLIO_ID,
        at=NOON,
        order_id=ORDER_ID,
        symbol=symbol(symbol_code),
        cash=Money.parse(cash),
        closing=Quantity(closing),
    )


def released(
    cash: str = "1050 USD", *, closing: str = "0", symbol_code: str = "AAPL"
) -> ExposureReleased:
    """Return the fact that what an order had set aside is free again."""
    return ExposureReleased(
        portfolio_id=PORTFOLIO_ID,
        at=NOON,
        order_id=ORDER_ID,
        symbol=symbol(symbol_code),
        cash=Money.parse(cash),
        closing=Quantity(closing),
    )


def a_portfolio(*, cash: str = "100000 USD") -> Portfolio:
    """Return a portfolio that holds only cash; an empty text means none at all."""
    return Portfolio.from_events([opened(), deposited(cash)] if cash else [opened()])


def booked(
    portfolio: Portfolio,
    *,
    side: str = "buy",
    quantity: str = "10",
    price: str = "100",
    fee: str | None = None,
    symbol_code: str = "AAPL",
    used: str | None = None,
    closing_used: str = "0",
    at: datetime = NOON,
) -> FillBooked:
    """Return what booking one fill in that portfolio leads to; no fee and no reservation."""
    ticket = a_ticket(side=side, quantity=quantity, symbol_code=symbol_code)
    nothing = f"0 {ticket.symbol.quote}"
    fact = filled(
        quantity=quantity,
        price=price,
        fee=fee or nothing,
        used=used or nothing,
        closing_used=closing_used,
        at=at,
    )
    (event,) = portfolio.book(ticket, fact)
    if not isinstance(event, FillBooked):
        msg = f"booking a fill led to {event}"
        raise TypeError(msg)
    return event


def trade(
    portfolio: Portfolio,
    side: str,
    quantity: str,
    price: str,
    *,
    fee: str | None = None,
    symbol_code: str = "AAPL",
    at: datetime = NOON,
) -> Portfolio:
    """Return the portfolio after a fill that nothing was set aside for."""
    event = booked(
        portfolio,
        side=side,
        quantity=quantity,
        price=price,
        fee=fee,
        symbol_code=symbol_code,
        at=at,
    )
    return portfolio.apply(event)


def a_position(*trades: tuple[str, str, str], symbol_code: str = "AAPL") -> Position:
    """Return the position these (side, quantity, price) make, one after another."""
    portfolio = a_portfolio()
    for side, quantity, price in trades:
        portfolio = trade(portfolio, side, quantity, price, symbol_code=symbol_code)
    return portfolio.position_in(symbol(symbol_code))


# --- risk -------------------------------------------------------------------------------------


def limits(
    *,
    order_notional_max: str = "10000",
    order_notional_fraction: str = "0.1",
    market_order_cushion: str = "0.05",
    fee_bps: str = "10",
) -> Limits:
    """Return the limits in force: those of a fresh installation."""
    return Limits(
        order_notional_max=Decimal(order_notional_max),
        order_notional_fraction=Decimal(order_notional_fraction),
        market_order_cushion=Decimal(market_order_cushion),
        fee_bps=Decimal(fee_bps),
    )


# --- bots -------------------------------------------------------------------------------------


def started(
    *,
    symbol_code: str = "AAPL",
    strategy: str = "rsi_cross",
    parameters: Mapping[str, str] | None = None,
    timeframe: Timeframe = Timeframe.H1,
    allocation: str = "0.1",
    at: datetime = NOON,
) -> BotStarted:
    """Return the fact that a bot run began."""
    return BotStarted(
        bot_run_id=BOT_RUN_ID,
        at=at,
        owner_id=USER_ID,
        portfolio_id=PORTFOLIO_ID,
        strategy=strategy,
        parameters={} if parameters is None else parameters,
        symbol=symbol(symbol_code),
        timeframe=timeframe,
        allocation=Decimal(allocation),
    )


def an_observation(
    *, bar_at: datetime = NOON, close: str = "105", signal: str = "BUY", digest: str = "d1"
) -> Observation:
    """Return what a strategy saw and said on one hourly bar."""
    return Observation(
        bar_at=bar_at,
        closes_at=bar_at + Timeframe.H1.duration,
        close=Price(close),
        input_digest=digest,
        signal=signal,
        confidence="0.75",
        reason="the line crossed",
        indicators={"rsi": "29.5"},
        rules={"oversold": True},
    )


def decided(
    *,
    bar_at: datetime = NOON,
    close: str = "105",
    digest: str = "d1",
    signal: str = "HOLD",
    order_id: OrderId | None = None,
    blocking_code: str | None = "NO_SIGNAL",
) -> BotDecided:
    """Return the decision record of one hourly bar."""
    return BotDecided(
        bot_run_id=BOT_RUN_ID,
        at=bar_at + Timeframe.H1.duration,
        bar_at=bar_at,
        close=Price(close),
        input_digest=digest,
        signal=signal,
        confidence="0.75",
        reason="the line crossed",
        indicators={"rsi": "29.5"},
        rules={"oversold": True},
        order_id=order_id,
        blocking_code=blocking_code,
    )


def stopped(*, reason: str = "asked", at: datetime = NOON) -> BotStopped:
    """Return the fact that a bot run is over."""
    return BotStopped(bot_run_id=BOT_RUN_ID, at=at, reason=reason)


def a_bot_run(*, symbol_code: str = "AAPL", allocation: str = "0.1") -> BotRun:
    """Return a run that has decided nothing yet."""
    return BotRun.from_events([started(symbol_code=symbol_code, allocation=allocation)])


# --- users ------------------------------------------------------------------------------------


def registered(*, role: str = "trader", at: datetime = NOON) -> UserRegistered:
    """Return the fact that a user exists."""
    return UserRegistered(user_id=USER_ID, at=at, role=role)


def deactivated(*, reason: str = "left", at: datetime = NOON) -> UserDeactivated:
    """Return the fact that a user may no longer act."""
    return UserDeactivated(user_id=USER_ID, at=at, reason=reason)


def a_user(*, role: str = "trader") -> User:
    """Return a user who may act."""
    return User.from_events([registered(role=role)])
