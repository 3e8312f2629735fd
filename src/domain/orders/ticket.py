"""What someone wants (Ticket), what the gate says to it (Verdict), what the venue did (Fill)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from traderbot.domain.orders.errors import InvalidTicketError
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import FillId, PortfolioId
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol


class Side(StrEnum):
    """Which way."""

    BUY = "buy"
    SELL = "sell"


class OrderKind(StrEnum):
    """How the price is found."""

    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(StrEnum):
    """How long the wish stands. GTC: until it is canceled."""

    GTC = "gtc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One wish to trade, complete in itself."""

    portfolio_id: PortfolioId
    symbol: Symbol
    side: Side
    quantity: Quantity
    kind: OrderKind
    limit_price: Price | None = None
    time_in_force: TimeInForce = TimeInForce.GTC

    def __post_init__(self) -> None:
        """Raise InvalidTicketError if the fields contradict each other."""
        if not self.quantity.value:
            msg = "the quantity of an order is above zero"
            raise InvalidTicketError(msg)
        if (self.kind is OrderKind.LIMIT) is (self.limit_price is None):
            msg = "a limit order has a limit price, and a market order has none"
            raise InvalidTicketError(msg)


@dataclass(frozen=True, slots=True)
class Check:
    """One limit as it was in force, and the value that was held against it. Both are text."""

    code: str
    limit: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The gate lets exactly this ticket pass, and sets aside what it may cost."""

    ticket: Ticket
    reserved: Money
    closing: Quantity  # how much of it only reduces a position
    reference: Price  # what the notional was measured with
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The gate lets it not pass, and says which limits it broke."""

    ticket: Ticket
    reasons: tuple[Check, ...]


Verdict = Approved | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """What the venue reports it traded. `id` is unique within the venue's account."""

    id: FillId
    at: datetime
    quantity: Quantity
    price: Price
    fee: Money

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a fill of nothing."""
        if not self.quantity.value:
            msg = f"fill {self.id} is a fill of nothing"
            raise InvalidValueError(msg)
