"""Orders: bodies in, views out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from traderbot.application.commands.amend_order import AmendmentView, AmendOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.ports.audit import ExplainedEvent, OrderExplanation
from traderbot.application.ports.views import OrderFilter
from traderbot.application.views import OrderView, Page
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.ticket import Exits, OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.presentation.api.schemas.portfolios import PageQuery
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_EVENT,
    EXAMPLE_INSTANT,
    EXAMPLE_ORDER,
    EXAMPLE_PORTFOLIO,
    EXAMPLE_SUBSCRIPTION,
    EXAMPLE_USER,
    Amount,
    Body,
    DecimalText,
    IdText,
    Instant,
    InstantText,
    Out,
    SymbolText,
)

CLIENT_ORDER_ID_PATTERN = r"^[A-Za-z0-9-]{1,32}$"


class PlaceOrderBody(Body):
    """A wish to trade. What it says beyond a market order has to fit its type."""

    portfolio_id: IdText
    symbol: SymbolText
    side: Literal["buy", "sell"]
    type: Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
    quantity: DecimalText
    limit_price: DecimalText | None = Field(
        default=None, description="the worst price; of limit and stop_limit orders"
    )
    time_in_force: Literal["gtc", "day", "ioc", "fok", "gtd"] = "gtc"
    stop_price: DecimalText | None = Field(
        default=None, description="where a stop or stop_limit order wakes up"
    )
    trail: DecimalText | None = Field(
        default=None, description="how far a trailing stop stays behind, in the quote currency"
    )
    trail_bps: DecimalText | None = Field(
        default=None, description="the same in basis points of the best price seen"
    )
    expires_at: InstantText | None = Field(default=None, description="the end of a gtd order")
    post_only: bool = Field(default=False, description="never take liquidity")
    reduce_only: bool = Field(default=False, description="never open or turn a position")
    take_profit: DecimalText | None = Field(
        default=None, description="limit price of an exit that each fill gets"
    )
    stop_loss: DecimalText | None = Field(
        default=None, description="stop price of an exit that each fill gets"
    )
    client_order_id: str | None = Field(
        default=None,
        pattern=CLIENT_ORDER_ID_PATTERN,
        description="your own name for it, once in a portfolio",
        examples=["monday-1"],
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "portfolio_id": EXAMPLE_PORTFOLIO,
                    "symbol": "AAPL",
                    "side": "buy",
                    "type": "limit",
                    "quantity": "10",
                    "limit_price": "195.50",
                }
            ]
        }
    )

    def to_command(self, owner_id: UserId) -> PlaceOrder:
        """Return the wish. Raises InvalidTicketError, InvalidValueError."""
        exits = None
        if self.take_profit is not None or self.stop_loss is not None:
            exits = Exits(take_profit=_price(self.take_profit), stop_loss=_price(self.stop_loss))
        ticket = Ticket(
            portfolio_id=PortfolioId(self.portfolio_id),
            symbol=symbol(self.symbol),
            side=Side(self.side),
            quantity=Quantity(self.quantity),
            kind=OrderKind(self.type),
            limit_price=_price(self.limit_price),
            time_in_force=TimeInForce(self.time_in_force),
            stop_price=_price(self.stop_price),
            trail=_price(self.trail),
            trail_bps=None if self.trail_bps is None else exact(self.trail_bps),
            expires_at=self.expires_at,
            post_only=self.post_only,
            reduce_only=self.reduce_only,
            exits=exits,
            client_order_id=self.client_order_id,
        )
        return PlaceOrder(owner_id=owner_id, ticket=ticket)


def _price(text: str | None) -> Price | None:
    return None if text is None else Price(text)


class AmendOrderBody(Body):
    """What shall be different about an order; what is left out stays as it is."""

    quantity: DecimalText | None = Field(
        default=None, description="the whole new quantity, what is filled included"
    )
    limit_price: DecimalText | None = None
    stop_price: DecimalText | None = None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"quantity": "8", "limit_price": "194.75"}]}
    )

    def to_command(self, owner_id: UserId, order_id: OrderId) -> AmendOrder:
        """Return the wish. Raises InvalidValueError."""
        return AmendOrder(
            owner_id=owner_id,
            order_id=order_id,
            quantity=None if self.quantity is None else Quantity(self.quantity),
            limit_price=_price(self.limit_price),
            stop_price=_price(self.stop_price),
        )


class OrderQuery(PageQuery):
    """Which orders; what is left out means any."""

    status: OrderStatus | None = None
    symbol: SymbolText | None = None
    side: Side | None = None
    portfolio_id: IdText | None = None
    placed_from: InstantText | None = Field(default=None, description="at or after this instant")
    placed_until: InstantText | None = Field(default=None, description="before this instant")
    client_order_id: str | None = Field(
        default=None, pattern=CLIENT_ORDER_ID_PATTERN, description="your own name for it"
    )

    def to_filter(self, owner_id: UserId) -> OrderFilter:
        """Return the question."""
        return OrderFilter(
            owner_id=owner_id,
            portfolio_id=None if self.portfolio_id is None else PortfolioId(self.portfolio_id),
            status=self.status,
            symbol=None if self.symbol is None else symbol(self.symbol),
            side=self.side,
            placed_from=self.placed_from,
            placed_until=self.placed_until,
            client_order_id=self.client_order_id,
        )


class ReasonOut(Out):
    """A limit the order broke, as it was in force, and the value that broke it."""

    code: str
    limit: str
    value: str


EXAMPLE_ORDER_OUT: JsonDict = {
    "order_id": EXAMPLE_ORDER,
    "owner_id": EXAMPLE_USER,
    "portfolio_id": EXAMPLE_PORTFOLIO,
    "bot_run_id": None,
    "symbol": "AAPL",
    "side": "buy",
    "type": "limit",
    "time_in_force": "gtc",
    "quantity": "10",
    "limit_price": "195.5",
    "status": "approved",
    "filled": "0",
    "remaining": "10",
    "average_price": None,
    "fees": "0",
    "reserved": "1956.955",
    "currency": "USD",
    "reasons": [],
    "venue_order_id": None,
    "placed_at": EXAMPLE_INSTANT,
    "updated_at": EXAMPLE_INSTANT,
    "version": 2,
    "stop_price": None,
    "trail": None,
    "trail_bps": None,
    "expires_at": None,
    "post_only": False,
    "reduce_only": False,
    "take_profit": None,
    "stop_loss": None,
    "client_order_id": None,
    "parent_id": None,
    "oco_group": None,
    "venue": None,
    "account": None,
    "attempts": 0,
    "not_found": 0,
    "cancel_requested": False,
    "triggered": False,
    "limits_version": "settings",
}
_EVENT: JsonDict = {
    "position": 42,
    "id": EXAMPLE_EVENT,
    "stream": f"order-{EXAMPLE_ORDER}",
    "version": 1,
    "type": "order.placed",
    "occurred_at": EXAMPLE_INSTANT,
    "recorded_at": EXAMPLE_INSTANT,
    "actor": f"user {EXAMPLE_USER} via api",
    "command_id": "0199a1b2-0000-7000-8000-000000000029",
    "causation_id": "0199a1b2-0000-7000-8000-000000000029",
    "changes": {"status": "placed"},
    "data": {"symbol": "AAPL", "side": "buy", "quantity": "10"},
    "log_index": 41,
    "inclusion": {"checkpoint": 118, "root": "5f5c1d9b" * 8, "hashes": 7, "proven": True},
}


_EFFECT: JsonDict = {
    "handler": EXAMPLE_SUBSCRIPTION,
    "event": EXAMPLE_EVENT,
    "status": "done",
    "attempts": 1,
    "at": EXAMPLE_INSTANT,
}


class OrderOut(Out):
    """An order. Amounts are in `currency`; `average_price` is null before the first fill."""

    order_id: str
    owner_id: str
    portfolio_id: str
    bot_run_id: str | None
    symbol: str
    side: str = Field(description="buy or sell")
    type: str = Field(description="market, limit, stop, stop_limit or trailing_stop")
    time_in_force: str
    quantity: Amount
    limit_price: Amount | None
    status: str = Field(description=f"{', '.join(OrderStatus)}; docs/orders.md has the way")
    filled: Amount
    remaining: Amount
    average_price: Amount | None
    fees: Amount
    reserved: Amount
    currency: str
    reasons: list[ReasonOut] = Field(description="why it was refused")
    venue_order_id: str | None
    placed_at: Instant
    updated_at: Instant
    version: int = Field(description="how many events made it")
    stop_price: Amount | None
    trail: Amount | None
    trail_bps: Amount | None
    expires_at: Instant | None
    post_only: bool
    reduce_only: bool
    take_profit: Amount | None
    stop_loss: Amount | None
    client_order_id: str | None
    parent_id: str | None = Field(description="the order this one is an exit of")
    oco_group: str | None = Field(description="of orders that share it, one cancels the others")
    venue: str | None
    account: str | None = Field(description="the venue's account it was sent from")
    attempts: int = Field(description="how often it was sent")
    not_found: int = Field(description="how often the venue said that it has no such order")
    cancel_requested: bool
    triggered: bool = Field(description="whether the market has reached its stop price")
    limits_version: str = Field(description="whose limits were in force when it was reviewed")

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ORDER_OUT]})

    @classmethod
    def of(cls, view: OrderView) -> OrderOut:
        """Show a view."""
        return cls.model_validate(view)


class AmendmentOut(Out):
    """An order after a wish to change it, and what became of the wish."""

    order: OrderOut
    outcome: Literal["amended", "requested", "refused", "unchanged"] = Field(
        description="requested: the venue has not answered yet; refused: by the gate, see reasons"
    )
    reasons: list[ReasonOut]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"order": EXAMPLE_ORDER_OUT, "outcome": "requested", "reasons": []}]
        }
    )

    @classmethod
    def of(cls, view: AmendmentView) -> AmendmentOut:
        """Show a view."""
        return cls.model_validate(view)


class OrderPage(Out):
    """Some orders, newest first; `next_cursor` asks for more."""

    items: list[OrderOut]
    next_cursor: str | None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [EXAMPLE_ORDER_OUT], "next_cursor": None}]}
    )

    @classmethod
    def of(cls, page: Page[OrderView]) -> OrderPage:
        """Show a page of views."""
        return cls(items=[OrderOut.of(view) for view in page.items], next_cursor=page.next_cursor)


class InclusionOut(Out):
    """An event's place in the newest signed checkpoint."""

    checkpoint: int = Field(description="how many events are under it")
    root: str = Field(description="that was signed, hex")
    hashes: int = Field(description="how many the proof has")
    proven: bool = Field(description="whether the stored tree leads from the event to that root")


class EventOut(Out):
    """One event of the log, as it concerns an order."""

    position: int
    id: str
    stream: str
    version: int
    type: str
    occurred_at: Instant
    recorded_at: Instant
    actor: str
    command_id: str
    causation_id: str
    changes: Mapping[str, str] = Field(description="field: what it became")
    data: Mapping[str, Any] = Field(description="what was recorded")
    log_index: int | None = Field(description="its place in the log; null before it has one")
    inclusion: InclusionOut | None = Field(description="null until a checkpoint covers it")


class OrderEvents(Out):
    """An order's own events, oldest first."""

    items: list[EventOut]

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EVENT]}]})

    @classmethod
    def of(cls, events: Sequence[ExplainedEvent]) -> OrderEvents:
        """Show events."""
        return cls(items=[EventOut.model_validate(event) for event in events])


class EffectOut(Out):
    """What a handler did because of an event, or could not do yet."""

    handler: str
    event: str = Field(description="its id")
    status: str = Field(description="started, done or failed; or retrying, parked …")
    attempts: int
    at: Instant


class ExplanationOut(Out):
    """Why there is this order, and what became of it."""

    order: OrderOut
    decision: Mapping[str, Any] | None = Field(
        description="the bot's decision record, when a bot asked for the order"
    )
    inputs: Mapping[str, Any] = Field(description="what the gate read: a price, and its checks")
    events: list[EventOut] = Field(description="of the order, and of the portfolio because of it")
    ledger: list[Mapping[str, str]] = Field(description="what was posted because of it")
    effects: list[EffectOut] = Field(description="on the world, of its events")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "order": EXAMPLE_ORDER_OUT,
                    "decision": None,
                    "inputs": {"reference": "195.5", "checks": []},
                    "events": [_EVENT],
                    "ledger": [],
                    "effects": [_EFFECT],
                }
            ]
        }
    )

    @classmethod
    def of(cls, explanation: OrderExplanation) -> ExplanationOut:
        """Show an explanation."""
        return cls.model_validate(explanation)
