"""Where orders are traded: what a venue can be asked, and every way it may answer.

An answer is one of five things, and the types keep them apart: the venue has it (`Acknowledged`),
the venue does not want it (`Denied`), the venue has no such order (`Absent`), it certainly never
left (`NotSent`), nobody knows (`Unclear`). Silence, time-outs, resets, server errors and answers
that cannot be read are `Unclear`, never a denial. An adapter never sends a second time by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.order import Doubt, PendingAmendment
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Currency, Money, Price, Quantity, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingOrder:
    """An order of ours as a venue needs to know it.

    `client_order_id` is the name venues know it by, the same on every try.
    """

    order_id: OrderId
    ticket: Ticket
    remaining: Quantity
    placed_at: datetime
    client_order_id: str = ""
    fills: int = 0  # how many it had already; names the next one
    filled: Quantity = Quantity(0)  # noqa: RUF009 - immutable
    updated_at: datetime | None = None
    status: OrderStatus = OrderStatus.APPROVED
    venue: str | None = None
    account: str | None = None
    venue_order_id: str | None = None
    cancel_requested: bool = False
    triggered: bool = False
    amendment: PendingAmendment | None = None
    doubt: Doubt | None = None
    attempts: int = 0


class VenueStatus(StrEnum):
    """What a venue says an order is. PENDING: it has taken it in and not yet decided."""

    PENDING = "pending"
    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """An order as the venue has it. `client_order_id` is None for one that somebody else sent."""

    venue_order_id: str
    client_order_id: str | None
    symbol: Symbol
    side: Side
    quantity: Quantity
    filled: Quantity
    status: VenueStatus
    at: datetime
    raw: str
    limit_price: Price | None = None
    stop_price: Price | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOrder:
    """A working order that cannot be ours, of something this program may have no name for."""

    venue_order_id: str
    name: str  # of what is traded, in the venue's words
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTrade:
    """A trade as the venue has it. (venue, account, `trade_id`) names it for ever."""

    trade_id: str
    venue_order_id: str
    client_order_id: str | None
    symbol: Symbol
    side: Side
    quantity: Quantity
    price: Price
    fee: Money
    at: datetime
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The venue has it; `order` is how."""

    order: VenueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The venue said no, in words that leave no doubt. `code` is ours, `reason` the venue's."""

    code: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The venue says that it has no such order. Said once, it may only be too early."""

    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """It certainly never reached the venue: no connection, no budget, refused on our side."""

    reason: str
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """It may have happened. A duplicate-id refusal is one too: it means that the venue has it."""

    cause: str
    raw: str = ""
    retry_after_seconds: float | None = None


SubmitAnswer = Acknowledged | Denied | NotSent | Unclear
ChangeAnswer = Acknowledged | Denied | Absent | NotSent | Unclear
FindAnswer = Acknowledged | Absent | NotSent | Unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The stream speaks, from now on. What happened before has to be asked for."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """The stream broke off, or something is missing in it: news may have been lost."""

    at: datetime
    cause: str


VenueNews = VenueOrder | VenueTrade | Connected | Disconnected


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a venue can do.

    `reduce_only`: it sees to it itself; where it does not, the desk lets nothing leave that would
    not reduce. Whatever else it cannot is refused before anything is sent.
    """

    kinds: frozenset[OrderKind]
    durations: frozenset[TimeInForce]
    post_only: bool = False
    reduce_only: bool = False
    amend: bool = False
    stream: bool = False
    dead_man: bool = False
    counted_in: Currency | None = None  # positions are totals of coins, each as a pair with it


class Stream(Protocol):
    """A stream that is being listened to."""

    @property
    def quiet_seconds(self) -> float:
        """How long it has said nothing at all, not even that it lives."""
        ...

    @property
    def connected(self) -> bool:
        """Whether it is connected."""
        ...


class Venue(Protocol):
    """A venue, under one account of it. Calls block, and answer within the adapter's time-out."""

    @property
    def name(self) -> str:
        """The venue's name, part of every fill's identity."""
        ...

    @property
    def account(self) -> str:
        """The account's name, part of every fill's identity."""
        ...

    @property
    def abilities(self) -> Abilities:
        """What it can do."""
        ...

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """Return the rules of a symbol, None if it is not traded here.

        Raises:
            VenueUnavailableError: the venue did not say.
        """
        ...

    def submit(self, order: WorkingOrder) -> SubmitAnswer:
        """Send an order, once. Never raises: every failure is one of the answers."""
        ...

    def cancel(self, order: WorkingOrder) -> ChangeAnswer:
        """Ask for an order back. Acknowledged: the venue will, or has; its status says which."""
        ...

    def amend(self, order: WorkingOrder) -> ChangeAnswer:
        """Ask for `order.amendment`. Fills meanwhile count: its quantity includes them."""
        ...

    def find(self, order: WorkingOrder) -> FindAnswer:
        """Ask for one order by its client order id."""
        ...

    def open_orders(self) -> Sequence[VenueOrder | ForeignOrder]:
        """Return every order it has working, whoever sent it. Raises VenueUnavailableError.

        One that cannot be ours and cannot be read is foreign; it hides no other.
        """
        ...

    def trades(self, symbol: Symbol, since: datetime | None = None) -> Sequence[VenueTrade]:
        """Return the account's trades, oldest first. Raises VenueUnavailableError."""
        ...

    def balances(self) -> Mapping[Currency, Decimal]:
        """Return what the account has of each currency, locked included.

        Raises:
            VenueUnavailableError: the venue did not say.
        """
        ...

    def positions(self) -> Mapping[Symbol, Decimal]:
        """Return what the account holds, below zero when short. Raises VenueUnavailableError."""
        ...

    def server_time(self) -> datetime:
        """Return the venue's clock. Raises VenueUnavailableError."""
        ...

    def cancel_all(self) -> bool:
        """Ask for every order back at once. False: it cannot, or did not say that it did."""
        ...

    def keep_alive(self, seconds: int) -> bool:
        """Let it cancel everything in so many seconds unless it is asked again; 0 lets it be.

        False: it cannot, or did not say that it will.
        """
        ...

    def follow(self, hear: Callable[[VenueNews], None]) -> AbstractContextManager[Stream]:
        """Listen to orders and trades until the block ends; `hear` is called by another thread.

        It reconnects by itself and says so. Raises VenueUnavailableError if there is no stream.
        """
        ...
