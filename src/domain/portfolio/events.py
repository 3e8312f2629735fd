"""What can happen to a portfolio. Every event that moves money carries all of its amounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.fields import LATER
from traderbot.domain.shared.ids import BotRunId, FillId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioOpened:
    """A new, empty portfolio. `name` is its owner's label for it."""

    portfolio_id: PortfolioId
    at: datetime
    owner_id: UserId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CashDeposited:
    """Money came in."""

    portfolio_id: PortfolioId
    at: datetime
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CashWithdrawn:
    """Money went out."""

    portfolio_id: PortfolioId
    at: datetime
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CashCorrected:
    """An operator put right what was recorded wrongly; what was recorded stays as it is.

    `amount` is signed: what free cash gains. `corrects` is the id of the event it makes up for.
    """

    portfolio_id: PortfolioId
    at: datetime
    amount: Money
    reason: str
    corrects: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureReserved:
    """An approved order set cash aside, and claimed part of a position for its closing half.

    `side` is the order's; older logs do not say it.
    """

    portfolio_id: PortfolioId
    at: datetime
    order_id: OrderId
    symbol: Symbol
    cash: Money
    closing: Quantity
    side: Side | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureReleased:
    """An order ended unfilled, wholly or in part; what it had set aside is free again.

    `side` is that of an order that gives a claim back; older logs do not say it.
    """

    portfolio_id: PortfolioId
    at: datetime
    order_id: OrderId
    symbol: Symbol
    cash: Money
    closing: Quantity
    side: Side | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillBooked:
    """A fill changed a position and the cash beside it.

    `cost_change` is signed: what a long position cost is above zero, what a short one brought in is
    below. `collateral_change` is what a short position locks up, or gives back.
    """

    portfolio_id: PortfolioId
    at: datetime
    order_id: OrderId
    fill_id: FillId
    symbol: Symbol
    side: Side
    quantity: Quantity
    price: Price
    notional: Money
    fee: Money
    closed: Quantity
    cost_change: Money
    realised: Money
    collateral_change: Money
    reservation_used: Money
    closing_used: Quantity
    bot_run_id: BotRunId | None = None


PortfolioEvent = (
    PortfolioOpened
    | CashDeposited
    | CashWithdrawn
    | CashCorrected
    | ExposureReserved
    | ExposureReleased
    | FillBooked
)
