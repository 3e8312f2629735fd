"""What someone wants (Ticket), what the gate says to it (Verdict), what the venue did (Fill)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn

from traderbot.domain.orders.errors import InvalidTicketError
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.fields import LATER
from traderbot.domain.shared.ids import FillId, PortfolioId
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol


class Side(StrEnum):
    """Which way."""

    BUY = "buy"
    SELL = "sell"


class OrderKind(StrEnum):
    """How the price is found. A stop waits until the market reaches its stop price."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"

    @property
    def waits(self) -> bool:
        """Whether it waits for a trigger before it trades."""
        return self in _WAITING


_WAITING = frozenset({OrderKind.STOP, OrderKind.STOP_LIMIT, OrderKind.TRAILING_STOP})
_LIMITED = frozenset({OrderKind.LIMIT, OrderKind.STOP_LIMIT})
_STOPPED = frozenset({OrderKind.STOP, OrderKind.STOP_LIMIT})


class TimeInForce(StrEnum):
    """How long the wish stands.

    GTC: until it is canceled. DAY: until the trading day ends (00:00 UTC where a venue has no
    sessions). IOC: what can be traded at once, the rest is canceled. FOK: all of it at once or
    nothing. GTD: until `expires_at`.
    """

    GTC = "gtc"
    DAY = "day"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exits:
    """Where to get out of what an order gets into: each fill gets both, and one cancels the other.

    `take_profit` is the limit price of one, `stop_loss` the stop price of the other.
    """

    take_profit: Price | None = None
    stop_loss: Price | None = None

    def __post_init__(self) -> None:
        """Raise InvalidTicketError if there is neither."""
        if self.take_profit is None and self.stop_loss is None:
            msg = "exits name a take-profit price, a stop-loss price, or both"
            raise InvalidTicketError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One wish to trade, complete in itself.

    A trailing stop follows the market at a distance: `trail`, in the quote currency, or
    `trail_bps`, in hundredths of a percent of the best price seen. `client_order_id` is the
    caller's own name for the order, unique within the portfolio. `protective_limit` is no wish: it
    is the price the gate lets a market order trade at worst.
    """

    portfolio_id: PortfolioId
    symbol: Symbol
    side: Side
    quantity: Quantity
    kind: OrderKind
    limit_price: Price | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    stop_price: Price | None = field(default=None, metadata=LATER)
    trail: Price | None = field(default=None, metadata=LATER)
    trail_bps: Decimal | None = field(default=None, metadata=LATER)
    expires_at: datetime | None = field(default=None, metadata=LATER)
    post_only: bool = field(default=False, metadata=LATER)
    reduce_only: bool = field(default=False, metadata=LATER)
    exits: Exits | None = field(default=None, metadata=LATER)
    client_order_id: str | None = field(default=None, metadata=LATER)
    protective_limit: Price | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        """Raise InvalidTicketError if the fields contradict each other."""
        if not self.quantity.value:
            _refuse("the quantity of an order is above zero")
        if (self.kind in _LIMITED) is (self.limit_price is None):
            _refuse("a limit order has a limit price, and a market order has none")
        # The commonest order says no more than that, and every one of them comes through here.
        if self.kind.waits or self._says_more():
            self._check_stop()
            self._check_duration()
            self._check_options()

    def _says_more(self) -> bool:
        return (
            self.time_in_force is not TimeInForce.GTC
            or self.stop_price is not None
            or self.trail is not None
            or self.trail_bps is not None
            or self.expires_at is not None
            or self.post_only
            or self.exits is not None
            or self.client_order_id is not None
            or self.protective_limit is not None
        )

    def _check_stop(self) -> None:
        if (self.kind in _STOPPED) is (self.stop_price is None):
            _refuse("a stop order has a stop price, and no other order has one")
        distances = (self.trail is not None) + (self.trail_bps is not None)
        if self.kind is OrderKind.TRAILING_STOP:
            if distances != 1:
                _refuse("a trailing stop has one distance: an amount, or basis points")
            if self.trail_bps is not None and not 0 < self.trail_bps < _ALL_BPS:
                _refuse("a trailing distance is above 0 and below 10000 basis points")
        elif distances:
            _refuse("only a trailing stop has a trailing distance")

    def _check_duration(self) -> None:
        if (self.time_in_force is TimeInForce.GTD) is (self.expires_at is None):
            _refuse("an order good till a date has that date, and no other order has one")
        if self.expires_at is not None and self.expires_at.utcoffset() != timedelta(0):
            _refuse("an order expires at an aware UTC instant")
        if self.kind.waits and self.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            _refuse("an order that waits for its stop price cannot be immediate")

    def _check_options(self) -> None:
        if self.post_only and (
            self.kind is not OrderKind.LIMIT
            or self.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
        ):
            _refuse("only a limit order that may rest can be post-only")
        if self.exits is not None and self.reduce_only:
            _refuse("an order that only reduces a position has no exits of its own")
        if self.client_order_id is not None and _CLIENT_ID.fullmatch(self.client_order_id) is None:
            _refuse("a client order id is 1 to 32 ASCII letters, digits or dashes")
        if self.protective_limit is not None and self.kind is not OrderKind.MARKET:
            _refuse("only a market order is protected by a limit it did not ask for")

    @property
    def as_sent(self) -> Ticket:
        """The ticket for a venue: a protected market order is a limit order that never rests."""
        if self.protective_limit is None:
            return self
        return replace(
            self,
            kind=OrderKind.LIMIT,
            limit_price=self.protective_limit,
            protective_limit=None,
            time_in_force=TimeInForce.FOK
            if self.time_in_force is TimeInForce.FOK
            else TimeInForce.IOC,
            expires_at=None,
        )


_ALL_BPS = Decimal(10_000)
_CLIENT_ID = re.compile(r"[A-Za-z0-9-]{1,32}", re.ASCII)


def _refuse(why: str) -> NoReturn:
    raise InvalidTicketError(why)


@dataclass(frozen=True, slots=True)
class Check:
    """One limit as it was in force, and the value that was held against it. Both are text."""

    code: str
    limit: str
    value: str


# Whose limits were in force: those of the settings alone, or also those of some scopes, each with
# the number of the event that set it last.
SETTINGS = "settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The gate lets exactly this ticket pass, and sets aside what it may cost."""

    ticket: Ticket
    reserved: Money
    closing: Quantity  # how much of it only reduces a position
    reference: Price  # what the notional was measured with
    checks: tuple[Check, ...]
    limits_version: str = SETTINGS
    installed: str = ""  # what the settings said; see `risk.installed`


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The gate lets it not pass, and says which limits it broke."""

    ticket: Ticket
    reasons: tuple[Check, ...]
    limits_version: str = SETTINGS
    installed: str = ""


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
