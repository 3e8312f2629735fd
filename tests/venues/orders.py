"""What a venue keeps of an order: its words, its numbers, what was traded, what was said of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

ZERO = Decimal(0)
_FEE_PLACES = Decimal("1e-8")


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class Kind(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"  # a market order once the price is reached
    STOP_LIMIT = "stop_limit"
    TRAILING = "trailing_stop"  # a stop that follows the market at a distance


class Lasting(StrEnum):
    GTC = "gtc"
    DAY = "day"
    IOC = "ioc"
    FOK = "fok"


class Status(StrEnum):
    NEW = "new"
    PARTIAL = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_open(self) -> bool:
        return self in {Status.NEW, Status.PARTIAL, Status.PENDING_CANCEL}


class What(StrEnum):
    """What an entry of the stream tells."""

    NEW = "new"
    FILL = "fill"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    TRIGGERED = "triggered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the venue lets trade, and in which steps."""

    symbol: str  # in the venue's own spelling
    base: str
    quote: str
    tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal("0.00001")
    least: Decimal = Decimal("0.00001")
    most: Decimal = Decimal(9000)
    least_notional: Decimal = Decimal(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What a fill costs: a share of what is received, or of the notional in `asset`."""

    rate: Decimal = ZERO
    asset: str | None = None  # a third currency, counted one to one with the quote

    def of(self, order: Order, quantity: Decimal, price: Decimal) -> tuple[Decimal, str]:
        """Return the amount, and what it is counted in."""
        notional = quantity * price
        if self.asset is not None:
            return _fee(notional * self.rate), self.asset
        if order.side is Side.BUY:
            return _fee(quantity * self.rate), order.listing.base
        return _fee(notional * self.rate), order.listing.quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One fill, as the venue remembers it."""

    id: int
    order_id: int
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    at: datetime
    maker: bool

    @property
    def notional(self) -> Decimal:
        return self.quantity * self.price


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a client asks for."""

    listing: Listing
    side: Side
    kind: Kind
    quantity: Decimal
    client_id: str
    price: Decimal | None = None
    stop_price: Decimal | None = None
    lasting: Lasting = Lasting.GTC
    post_only: bool = False
    trail: Decimal | None = None  # the distance: an amount
    trail_bps: Decimal | None = None  # or a share of the best price seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as it stands. A change makes another one."""

    id: int
    account: str
    wish: Wish
    at: datetime
    changed_at: datetime
    status: Status = Status.NEW
    triggered: bool = False
    trades: tuple[Trade, ...] = ()
    locked: Decimal = ZERO  # of what it pays with
    cancel_id: str | None = None  # what the client called the cancel
    best: Decimal | None = None  # price a trailing stop has seen

    @property
    def listing(self) -> Listing:
        return self.wish.listing

    @property
    def side(self) -> Side:
        return self.wish.side

    @property
    def client_id(self) -> str:
        return self.wish.client_id

    @property
    def quantity(self) -> Decimal:
        return self.wish.quantity

    @property
    def filled(self) -> Decimal:
        return sum((it.quantity for it in self.trades), ZERO)

    @property
    def traded(self) -> Decimal:
        """How much of the quote currency changed hands."""
        return sum((it.notional for it in self.trades), ZERO)

    @property
    def remaining(self) -> Decimal:
        return max(self.quantity - self.filled, ZERO)

    @property
    def pays_with(self) -> str:
        return self.listing.quote if self.side is Side.BUY else self.listing.base

    @property
    def is_resting(self) -> bool:
        """Whether it can be matched: open, and no stop that still waits."""
        waits = self.wish.stop_price is not None or self.wish.kind is Kind.TRAILING
        return self.status.is_open and (self.triggered or not waits)

    @property
    def stop(self) -> Decimal | None:
        """Where it wakes, as far as is known."""
        wish = self.wish
        if wish.kind is not Kind.TRAILING or self.best is None:
            return wish.stop_price
        distance = wish.trail
        if distance is None:
            distance = self.best * (wish.trail_bps or ZERO) / 10_000
        return self.best - distance if self.side is Side.SELL else self.best + distance


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing the venue says of an order; numbered without a gap."""

    number: int
    what: What
    order: Order  # as it was right after
    at: datetime
    trade: Trade | None = None


@dataclass(slots=True)
class Balance:
    """What an account has of one asset."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(slots=True)
class Account:
    """Who may trade, and with what. With margin a balance may fall below zero."""

    key: str
    secret: str
    balances: dict[str, Balance] = field(default_factory=dict)
    margin: bool = False

    def balance(self, asset: str) -> Balance:
        return self.balances.setdefault(asset, Balance())


@dataclass(frozen=True, slots=True)
class Top:
    """The best prices, and how much there is at each. None: as much as anybody wants."""

    bid: Decimal
    ask: Decimal
    bid_quantity: Decimal | None = None
    ask_quantity: Decimal | None = None

    def price(self, side: Side) -> Decimal:
        """Return what an order of that side trades at."""
        return self.ask if side is Side.BUY else self.bid

    def there_is(self, side: Side) -> Decimal | None:
        """Return how much an order of that side can have."""
        return self.ask_quantity if side is Side.BUY else self.bid_quantity

    def less(self, side: Side, quantity: Decimal) -> Top:
        """Return what is left when that much was traded."""
        if side is Side.BUY and self.ask_quantity is not None:
            return replace(self, ask_quantity=self.ask_quantity - quantity)
        if side is Side.SELL and self.bid_quantity is not None:
            return replace(self, bid_quantity=self.bid_quantity - quantity)
        return self


def _fee(amount: Decimal) -> Decimal:
    return amount.quantize(_FEE_PLACES, ROUND_DOWN)
