"""What can happen in the simulated venue's book. Stored names and fields are promises to every log.

`seen_at` and `seen_sequence` say how far the market was seen when it happened: market data that is
not newer than what has had an effect already is not traded against again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from traderbot.domain.orders.ticket import Side, Ticket
from traderbot.domain.shared.fields import LATER
from traderbot.domain.shared.ids import OrderId, PortfolioId
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperBookOpened:
    """A portfolio sends its first order in a symbol: its book there begins."""

    at: datetime
    portfolio_id: PortfolioId
    symbol: Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperAccepted:
    """The venue has the order; it sees no market before `active_at`."""

    at: datetime
    order_id: OrderId
    client_order_id: str
    ticket: Ticket
    active_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRejected:
    """The venue does not want it: at once, or when it first met the market."""

    at: datetime
    order_id: OrderId
    code: str
    reason: str
    seen_at: datetime | None = field(default=None, metadata=LATER)
    seen_sequence: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRested:
    """It met the market and was not wholly traded: from now on it stands there, and makes."""

    at: datetime
    order_id: OrderId
    seen_at: datetime
    seen_sequence: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTriggered:
    """The market reached its stop, at this price."""

    at: datetime
    order_id: OrderId
    price: Price
    seen_at: datetime
    seen_sequence: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTrailMoved:
    """The market's best price since it came is `best`, so its stop is at `stop_price`."""

    at: datetime
    order_id: OrderId
    best: Price
    stop_price: Price
    seen_at: datetime
    seen_sequence: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTraded:
    """Some or all of it was traded. `model` names what was assumed; see `FillModel.name`."""

    at: datetime
    order_id: OrderId
    client_order_id: str
    trade_id: str
    side: Side
    quantity: Quantity
    price: Price
    fee: Money
    maker: bool
    model: str
    seen_at: datetime
    seen_sequence: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperCanceled:
    """What was not traded will not be: somebody asked, or it could not be had at once."""

    at: datetime
    order_id: OrderId
    reason: str
    seen_at: datetime | None = field(default=None, metadata=LATER)
    seen_sequence: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperExpired:
    """Its time is over."""

    at: datetime
    order_id: OrderId
    reason: str
    seen_at: datetime | None = field(default=None, metadata=LATER)
    seen_sequence: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperAmended:
    """It was changed. `quantity` is the whole one, what is traded included.

    It keeps its place among the orders at its price only if all that changed is that it wants less;
    otherwise it stands behind them, and sees no market before `active_at`.
    """

    at: datetime
    order_id: OrderId
    quantity: Quantity
    limit_price: Price | None
    stop_price: Price | None
    keeps_place: bool
    active_at: datetime


PaperEvent = (
    PaperBookOpened
    | PaperAccepted
    | PaperRejected
    | PaperRested
    | PaperTriggered
    | PaperTrailMoved
    | PaperTraded
    | PaperCanceled
    | PaperExpired
    | PaperAmended
)
