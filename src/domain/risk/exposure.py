"""What the policies look at: one order, the portfolio it is for, and the world around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from traderbot.domain.orders.ticket import Check, OrderKind, Side, Ticket
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.trading_state import TradingState
from traderbot.domain.shared.decimals import ZERO
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Money, Price, Quantity

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quote:
    """What the market paid at an instant."""

    price: Price
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRules:
    """What a venue takes of a symbol; None where it sets no such rule."""

    tick_size: Price
    lot_size: Quantity
    quantity_min: Quantity | None = None
    quantity_max: Quantity | None = None
    notional_min: Money | None = None
    kinds: frozenset[OrderKind] | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another order of the same portfolio in the same symbol, as the gate compares with it."""

    order_id: OrderId
    at: datetime
    ticket: Ticket
    is_open: bool


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a bot has asked: its newest orders, oldest first, and how many on that day."""

    newest: tuple[datetime, ...]
    today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Everything around an order that its ticket and portfolio do not say.

    What is not known stands as None, and the policies that would need it let the order pass; those
    that must not, say so: REFERENCE_STALE refuses without a quote.
    """

    at: datetime = _LONG_AGO
    state: TradingState = TradingState.ACTIVE
    where: str = ""  # the scope the state is from
    limits_version: str = "settings"
    installed: str = ""  # what the settings say, as the verdict records it
    keyed: bool = True  # the wish has an idempotency key, so it cannot be one sent twice
    rules: TradingRules | None = None
    is_listed: bool = True  # False: the venue has no such symbol
    quote: Quote | None = None
    market: Price | None = None  # what the collar is around: the quote, or the last known close
    neighbours: tuple[Neighbour, ...] = ()
    pace: Pace | None = None
    elsewhere: Decimal | None = None  # at risk in all portfolios together, in the quote currency
    parent_room: Quantity | None = None  # what the children of its parent may still add


NOTHING_SPECIAL = Circumstances()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What an order would do to a portfolio, measured before it is let through."""

    ticket: Ticket
    portfolio: Portfolio
    limits: Limits
    reference: Price
    closing: Quantity  # the part that only reduces a position
    opening_notional: Money  # the other part, at the reference
    reserved: Money  # what it may cost at worst, fees included
    around: Circumstances = NOTHING_SPECIAL
    equity: Money  # of the portfolio at cost, in the quote currency
    at_work: Decimal = ZERO  # what working orders have set aside in it, and this one opens
    gross: Decimal = ZERO  # what all its positions in that currency cost, regardless of their side
    net: Decimal = ZERO  # the same, long and short against each other

    @property
    def is_buy(self) -> bool:
        """Which way."""
        return self.ticket.side is Side.BUY


@dataclass(frozen=True, slots=True)
class Finding:
    """What one policy saw, and whether it lets the order pass."""

    check: Check
    passed: bool


# None: it lets the order pass and has nothing to say.
RiskPolicy = Callable[[Exposure], Finding | None]


def refusal(code: str, limit: object, value: object) -> Finding:
    """Return a no: the limit as it was in force, and the value that broke it."""
    return Finding(Check(code, str(limit), str(value)), passed=False)
