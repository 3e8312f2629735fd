"""A venue that speaks Kraken spot, REST and streams, well enough for the real ccxt clients.

It answers 200 and says no in the body, checks signatures and growing numbers, tells fifty trades at
once, the newest first, and has a dead-man's switch.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from tests.venues.book import Book, BookError
from tests.venues.faults import Call, Fault, Rule
from tests.venues.orders import (
    Account,
    Entry,
    Fees,
    Kind,
    Lasting,
    Listing,
    Order,
    Side,
    Status,
    Trade,
    What,
    Wish,
)
from tests.venues.serving import Refusal, Subscriber, VenueServer

LISTINGS = (
    Listing(symbol="XBTUSD", base="BTC", quote="USD", lot=Decimal("0.00000001")),
    Listing(symbol="XETHXXBT", base="ETH", quote="BTC", tick=Decimal("0.00001")),
)
_PAGE = 50
_STATUSES = {
    Status.NEW: "open",
    Status.PARTIAL: "open",
    Status.PENDING_CANCEL: "open",
    Status.FILLED: "closed",
    Status.CANCELED: "canceled",
    Status.EXPIRED: "expired",
    Status.REJECTED: "expired",
}
_KINDS = {
    "market": Kind.MARKET,
    "limit": Kind.LIMIT,
    "stop-loss": Kind.STOP,
    "stop-loss-limit": Kind.STOP_LIMIT,
}
_WORDS = {
    "DUPLICATE": "EOrder:Duplicate cl_ord_id",
    "NO_FUNDS": "EOrder:Insufficient funds",
    "WOULD_TRIGGER": "EOrder:Invalid price",
    "WOULD_TAKE": "EOrder:Post only order",
    "CLOSED": "EOrder:Unknown order",
    "TOO_LITTLE": "EGeneral:Invalid arguments:volume",
}
_CODES = {"BTC": "XXBT", "ETH": "XETH", "USD": "ZUSD"}


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteFees(Fees):
    """A share of the notional, in what it is counted in."""

    def of(self, order: Order, quantity: Decimal, price: Decimal) -> tuple[Decimal, str]:
        """Return the amount, and what it is counted in."""
        fee = (quantity * price * self.rate).quantize(Decimal("1e-8"), ROUND_DOWN)
        return fee, order.listing.quote


class KrakenServer(VenueServer):
    """`VenueServer` with Kraken's words."""

    name: ClassVar[str] = "kraken"

    def __init__(self, book: Book | None = None, *, seed: int = 0) -> None:
        """Serve a book, or one with two pairs and a fee of a quarter of a percent."""
        fees = QuoteFees(rate=Decimal("0.0025"))
        super().__init__(
            book or Book(LISTINGS, fees=fees, ids_are_unique_for_ever=False), seed=seed
        )
        self.dies_at: float | None = None  # in the loop's time: then every order is canceled
        self.armed: list[int] = []  # each time-out it was told
        self.page = _PAGE
        self._numbers: dict[str, int] = {}
        self._tokens: dict[str, str] = {}

    def routes(self) -> Iterable[web.RouteDef]:
        public, private = "/0/public", "/0/private"
        return [
            *(web.get(f"{public}/{name}", door) for name, door in self._public().items()),
            *(web.post(f"{private}/{name}", door) for name, door in self._private().items()),
            web.get("/v2", self._stream),
        ]

    def _public(self) -> Mapping[str, Any]:
        return {
            "Time": self._time,
            "Assets": self._assets,
            "AssetPairs": self._pairs,
            "Ticker": self._ticker,
        }

    def _private(self) -> Mapping[str, Any]:
        return {
            "AddOrder": self._add,
            "AmendOrder": self._amend,
            "CancelOrder": self._cancel,
            "CancelAllOrdersAfter": self._dead_man,
            "QueryOrders": self._query,
            "OpenOrders": self._open_orders,
            "ClosedOrders": self._closed_orders,
            "TradesHistory": self._trades,
            "BalanceEx": self._balance,
            "GetWebSocketsToken": self._token,
        }

    def call_of(self, request: web.Request) -> Call:
        name = request.path.rpartition("/")[2]
        calls = {
            "AddOrder": Call.SUBMIT,
            "CancelOrder": Call.CANCEL,
            "AmendOrder": Call.AMEND,
            "QueryOrders": Call.QUERY,
            "v2": Call.STREAM,
        }
        lists = ("OpenOrders", "ClosedOrders", "TradesHistory", "BalanceEx")
        return Call.LIST if name in lists else calls.get(name, Call.MARKET)

    def refusal(self, status: int, rule: Rule) -> Refusal:
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Refusal(200, _error("EAPI:Rate limit exceeded"))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refusal(status, rule.body)
        return Refusal(200, _error(rule.text if ":" in rule.text else "EOrder:Insufficient funds"))

    def maimed(self, payload: Any, fault: Fault) -> Any:
        result = payload.get("result", {})
        for order in (result.get("open") or result.get("closed") or result).values():
            if isinstance(order, dict) and fault is Fault.STRANGE_STATUS:
                order["status"] = "eclipsed"
        result.pop("txid", None)
        return payload

    def client_id(self, fields: Mapping[str, Any]) -> str | None:
        return fields.get("cl_ord_id")

    # What everybody may ask.

    async def _time(self, _: web.Request) -> web.Response:
        return _said({"unixtime": int(datetime.now(UTC).timestamp()), "rfc1123": "now"})

    async def _assets(self, _: web.Request) -> web.Response:
        return _said(
            {
                code: {
                    "aclass": "currency",
                    "altname": "XBT" if name == "BTC" else name,
                    "decimals": 10,
                    "display_decimals": 5,
                    "status": "enabled",
                }
                for name, code in _CODES.items()
            }
        )

    async def _pairs(self, _: web.Request) -> web.Response:
        return _said({_pair(it): _pair_answer(it) for it in self.book.listings.values()})

    async def _ticker(self, request: web.Request) -> web.Response:
        told = {}
        for name in request.query.get("pair", "").split(","):
            listing = next(it for it in self.book.listings.values() if _pair(it) == name)
            top = self.book.top(listing.symbol)
            if top is not None:
                price = {"a": [str(top.ask), "1", "1"], "b": [str(top.bid), "1", "1"]}
                told[name] = {**price, "c": [str(top.ask), "1"], "v": ["1", "1"], "p": ["1", "1"]}
        return _said(told)

    # What only the account may ask.

    async def _signed(self, request: web.Request) -> tuple[Account, dict[str, str]]:
        body = await request.text()
        asked = json.loads(body) if body.startswith("{") else dict(parse_qsl(body))
        account = self.book.accounts.get(request.headers.get("API-Key", ""))
        if account is None:
            raise Refusal(200, _error("EAPI:Invalid key"))
        digest = hashlib.sha256((asked.get("nonce", "") + body).encode()).digest()
        secret = base64.b64decode(account.secret)
        expected = hmac.new(secret, request.path.encode() + digest, hashlib.sha512).digest()
        signed = request.headers.get("API-Sign", "")
        if not hmac.compare_digest(base64.b64encode(expected).decode(), signed):
            raise Refusal(200, _error("EAPI:Invalid signature"))
        number = int(asked["nonce"])
        # As the venue's nonce window has it: lines beside each other may overtake by a little.
        if number <= self._numbers.get(account.key, 0) - 1_000_000:
            raise Refusal(200, _error("EAPI:Invalid nonce"))
        self._numbers[account.key] = max(number, self._numbers.get(account.key, 0))
        return account, asked

    async def _add(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        listing = self._listing(asked["pair"])
        kind = _KINDS[asked["ordertype"]]
        price = Decimal(asked["price"]) if "price" in asked else None
        stop = price if kind in {Kind.STOP, Kind.STOP_LIMIT} else None
        limit = {Kind.LIMIT: price, Kind.STOP_LIMIT: Decimal(asked.get("price2", "0"))}.get(kind)
        wish = Wish(
            listing=listing,
            side=Side(asked["type"]),
            kind=kind,
            quantity=Decimal(asked["volume"]),
            client_id=asked.get("cl_ord_id", ""),
            price=limit,
            stop_price=stop,
            lasting=Lasting(asked.get("timeinforce", "GTC").lower()),
            post_only="post" in asked.get("oflags", ""),
        )
        order = self._done(lambda: self.book.submit(account.key, wish))
        words = f"{wish.side.value} {wish.quantity} {listing.symbol} @ {asked['ordertype']}"
        return _said({"txid": [txid(order.id)], "descr": {"order": f"{words} {price or ''}"}})

    async def _amend(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        order = self._order(account, asked["txid"])
        quantity = Decimal(asked.get("order_qty", order.quantity))
        price = Decimal(asked["limit_price"]) if "limit_price" in asked else order.wish.price
        self._done(
            lambda: self.book.amend(account.key, order, quantity, price, order.wish.stop_price)
        )
        return _said({"amend_id": "TAMEND-LOOPB-ACKXXX"})

    async def _cancel(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        order = self._order(account, asked.get("txid", ""))
        self._done(lambda: self.book.cancel(account.key, order))
        return _said({"count": 1})

    async def _dead_man(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        seconds = int(asked["timeout"])
        self.armed.append(seconds)
        loop = asyncio.get_running_loop()
        self.dies_at = loop.time() + seconds if seconds else None
        if seconds:
            loop.call_later(seconds, self._if_dead, account.key)
        now = datetime.now(UTC).isoformat()
        return _said({"currentTime": now, "triggerTime": now if seconds else "0"})

    def _if_dead(self, key: str) -> None:
        if self.dies_at is not None and asyncio.get_running_loop().time() >= self.dies_at - 0.01:
            self.dies_at = None
            self.book.cancel_all(key)

    async def _query(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        order = self._order(account, asked.get("txid", ""))
        return _said({txid(order.id): self._order_answer(order)})

    async def _open_orders(self, request: web.Request) -> web.Response:
        account, _ = await self._signed(request)
        orders = self.book.open_orders(account.key)
        return _said({"open": {txid(it.id): self._order_answer(it) for it in orders}})

    async def _closed_orders(self, request: web.Request) -> web.Response:
        account, _ = await self._signed(request)
        orders = [it for it in self.book.orders(account.key) if not it.status.is_open]
        told = {txid(it.id): self._order_answer(it) for it in orders}
        return _said({"closed": told, "count": len(told)})

    async def _trades(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        start, end = int(asked.get("start", 0)), int(asked.get("end", 2**40))
        trades = [it for it in self.book.trades(account.key) if start <= it.at.timestamp() <= end]
        newest = trades[::-1][: self.page]
        orders = {it.id: it for it in self.book.orders(account.key)}
        told = {f"T{it.id:06d}": _trade_answer(orders[it.order_id], it) for it in newest}
        return _said({"trades": told, "count": len(trades)})

    async def _balance(self, request: web.Request) -> web.Response:
        account, _ = await self._signed(request)
        return _said(
            {
                _CODES.get(asset, asset): {"balance": str(it.total), "hold_trade": str(it.locked)}
                for asset, it in account.balances.items()
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        account, _ = await self._signed(request)
        token = f"token-{len(self._tokens)}"
        self._tokens[token] = account.key
        return _said({"token": token, "expires": 900})

    # The stream.

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        ws = self.open_socket()
        await ws.prepare(request)
        subscriber: Subscriber | None = None
        await ws.send_json({"channel": "status", "type": "update", "data": [{"system": "online"}]})
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            if asked.get("method") == "ping":
                with suppress(ConnectionError):
                    await ws.send_json({"method": "pong", "req_id": asked.get("req_id")})
            elif asked.get("method") == "subscribe":
                key = self._tokens.get(asked["params"].get("token", ""))
                told = {"method": "subscribe", "success": key is not None}
                await ws.send_json({**told, "req_id": asked.get("req_id")})
                if key is not None and subscriber is None:
                    subscriber = Subscriber(key, ws, _frames)
                    await self.follow(subscriber)
        if subscriber is not None:
            self.leave(subscriber)
        return ws

    # How.

    def _done(self, work: Any) -> Order:
        try:
            made: Order = work()
        except BookError as error:
            raise Refusal(200, _error(_WORDS[error.why])) from error
        return made

    def _order(self, account: Account, name: str) -> Order:
        number = name[1:7]
        order = self.book.by_id(account.key, int(number)) if number.isdigit() else None
        if order is None:
            raise Refusal(200, _error("EOrder:Unknown order"))
        return order

    def _listing(self, name: str) -> Listing:
        for it in self.book.listings.values():
            if name in {it.symbol, _pair(it)}:
                return it
        raise Refusal(200, _error("EQuery:Unknown asset pair"))

    def _order_answer(self, order: Order) -> dict[str, Any]:
        wish = order.wish
        kind = next(name for name, it in _KINDS.items() if it is wish.kind)
        stopped = wish.stop_price is not None
        return {
            "cl_ord_id": wish.client_id or None,
            "status": _STATUSES[order.status],
            "opentm": order.at.timestamp(),
            "closetm": None if order.status.is_open else order.changed_at.timestamp(),
            "descr": {
                "pair": order.listing.symbol,
                "type": order.side.value,
                "ordertype": kind,
                "price": str((wish.stop_price if stopped else wish.price) or 0),
                "price2": str(wish.price or 0) if stopped else "0",
            },
            "vol": str(order.quantity),
            "vol_exec": str(order.filled),
            "cost": str(order.traded),
            "fee": "0",
            "oflags": "fciq",
            "price": "0",
        }


def txid(number: int) -> str:
    """Return an order's id in the venue's form."""
    return f"O{number:06d}-LOOPB-ACKXXX"


def _frames(entry: Entry) -> Iterable[str]:
    order = entry.order
    told = {
        "order_id": txid(order.id),
        "order_userref": 0,
        "cl_ord_id": order.client_id,
        "symbol": f"{order.listing.base}/{order.listing.quote}",
        "order_status": _STATUSES[order.status],
        "order_qty": str(order.quantity),
        "side": order.side.value,
        "timestamp": entry.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "exec_type": "new" if entry.what is What.NEW else "status",
    }
    yield json.dumps({"channel": "executions", "type": "update", "data": [told], "sequence": 1})


def _trade_answer(order: Order, trade: Trade) -> dict[str, Any]:
    return {
        "ordertxid": txid(order.id),
        "pair": _pair(order.listing),
        "time": trade.at.timestamp(),
        "type": order.side.value,
        "ordertype": "limit",
        "price": str(trade.price),
        "cost": str(trade.notional),
        "fee": str(trade.fee),
        "vol": str(trade.quantity),
        "maker": trade.maker,
    }


def _pair(listing: Listing) -> str:
    return {"XBTUSD": "XXBTZUSD"}.get(listing.symbol, listing.symbol)


def _pair_answer(it: Listing) -> dict[str, Any]:
    return {
        "altname": it.symbol,
        "wsname": f"{it.base}/{it.quote}",
        "base": _CODES[it.base],
        "quote": _CODES[it.quote],
        "pair_decimals": -it.tick.normalize().as_tuple().exponent,  # type: ignore[operator]
        "lot_decimals": -it.lot.normalize().as_tuple().exponent,  # type: ignore[operator]
        "ordermin": str(it.least),
        "costmin": str(it.least_notional),
        "status": "online",
        "fees": [[0, "0.25"]],
        "fees_maker": [[0, "0.25"]],
    }


def _said(result: Mapping[str, Any]) -> web.Response:
    return web.json_response({"error": [], "result": result})


def _error(words: str) -> dict[str, Any]:
    return {"error": [words]}
