"""The control doors of a venue server: what a test in another process does to book and faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from aiohttp import web

from tests.venues.book import Book
from tests.venues.faults import Call, Faults, Rule
from tests.venues.orders import Order, Top, Trade


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in, whatever became of it."""

    call: Call
    method: str
    path: str
    client_id: str | None


class Controlled(Protocol):
    """What the doors need of a server."""

    @property
    def book(self) -> Book:
        """The venue's truth."""
        ...

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        ...

    @property
    def seen(self) -> Iterable[Seen]:
        """What came in."""
        ...

    def drop_streams(self) -> None:
        """Close every stream."""
        ...

    def flush_streams(self) -> None:
        """Say what was held back."""
        ...


def control_routes(server: Controlled) -> Iterable[web.RouteDef]:
    """Return the doors below `/_control/`. Everything is JSON, and numbers are text."""
    doors = _Doors(server)
    return [
        web.get("/_control/book", doors.book),
        web.get("/_control/requests", doors.requests),
        web.post("/_control/account", doors.account),
        web.post("/_control/price", doors.price),
        web.post("/_control/fill", doors.fill),
        web.post("/_control/end/{how}", doors.end),
        web.post("/_control/hide", doors.hide),
        web.get("/_control/faults", doors.happened),
        web.post("/_control/faults", doors.break_),
        web.delete("/_control/faults", doors.heal),
        web.post("/_control/streams/drop", doors.drop),
        web.post("/_control/streams/flush", doors.flush),
    ]


def shown_order(order: Order) -> dict[str, Any]:
    """Show an order as the control doors do."""
    return {
        "id": order.id,
        "client_id": order.client_id,
        "account": order.account,
        "symbol": order.listing.symbol,
        "side": order.side.value,
        "kind": order.wish.kind.value,
        "quantity": str(order.quantity),
        "price": None if order.wish.price is None else str(order.wish.price),
        "status": order.status.value,
        "filled": str(order.filled),
        "trades": [shown_trade(it) for it in order.trades],
    }


def shown_trade(trade: Trade) -> dict[str, Any]:
    """Show a fill as the control doors do."""
    return {
        "id": trade.id,
        "order_id": trade.order_id,
        "quantity": str(trade.quantity),
        "price": str(trade.price),
        "fee": str(trade.fee),
        "fee_asset": trade.fee_asset,
        "at": _text(trade.at),
    }


class _Doors:
    def __init__(self, server: Controlled) -> None:
        self._server = server
        self._book = server.book

    async def book(self, _: web.Request) -> web.Response:
        balances = {
            key: {
                asset: {"free": str(it.free), "locked": str(it.locked)}
                for asset, it in account.balances.items()
            }
            for key, account in self._book.accounts.items()
        }
        orders = [shown_order(it) for it in self._book.orders()]
        return web.json_response(
            {"orders": orders, "balances": balances, "entries": len(self._book.entries)}
        )

    async def requests(self, _: web.Request) -> web.Response:
        seen = [
            {"call": it.call.value, "method": it.method, "path": it.path, "client_id": it.client_id}
            for it in tuple(self._server.seen)
        ]
        return web.json_response(seen)

    async def account(self, request: web.Request) -> web.Response:
        told = await request.json()
        balances = {asset: Decimal(it) for asset, it in told["balances"].items()}
        margin = bool(told.get("margin", False))
        self._book.open_account(told["key"], told["secret"], balances, margin=margin)
        return web.json_response({})

    async def price(self, request: web.Request) -> web.Response:
        told = await request.json()
        top = Top(
            Decimal(told["bid"]),
            Decimal(told["ask"]),
            _decimal(told.get("bid_quantity")),
            _decimal(told.get("ask_quantity")),
        )
        self._book.set_price(told["symbol"], top)
        return web.json_response({})

    async def fill(self, request: web.Request) -> web.Response:
        told = await request.json()
        trade = self._book.fill(
            self._order(told["client_id"]),
            Decimal(told["quantity"]),
            Decimal(told["price"]),
            whatever_its_state=bool(told.get("whatever_its_state", False)),
        )
        return web.json_response(shown_trade(trade))

    async def end(self, request: web.Request) -> web.Response:
        ways = {
            "cancel": self._book.finish_cancel,
            "expire": self._book.expire,
            "reject": self._book.reject,
        }
        told = await request.json()
        return web.json_response(
            shown_order(ways[request.match_info["how"]](self._order(told["client_id"])))
        )

    async def hide(self, request: web.Request) -> web.Response:
        told = await request.json()
        self._book.hide(told["client_id"], int(told.get("questions", 1)))
        return web.json_response({})

    async def happened(self, _: web.Request) -> web.Response:
        happened = self._server.faults.happened
        return web.json_response({f"{call}:{fault}": n for (call, fault), n in happened.items()})

    async def break_(self, request: web.Request) -> web.Response:
        self._server.faults.put(Rule.of(await request.json()))
        return web.json_response({})

    async def heal(self, _: web.Request) -> web.Response:
        self._server.faults.clear()
        return web.json_response({})

    async def drop(self, _: web.Request) -> web.Response:
        self._server.drop_streams()
        return web.json_response({})

    async def flush(self, _: web.Request) -> web.Response:
        self._server.flush_streams()
        return web.json_response({})

    def _order(self, client_id: str) -> Order:
        return [it for it in self._book.orders() if it.client_id == client_id][-1]


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _text(at: datetime) -> str:
    return at.isoformat()
