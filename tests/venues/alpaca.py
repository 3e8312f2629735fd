"""A venue that speaks Alpaca, trading, market data and trade updates, for the real alpaca client.

As a process: `python -m tests.venues.alpaca --ready-file F --balance USD=10000`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import uuid4

from aiohttp import WSMsgType, web

from tests.venues.alpaca_wire import (
    KINDS,
    account_answer,
    activity,
    asset_answer,
    asset_uuid,
    instant,
    is_crypto,
    order_answer,
    order_number,
    order_uuid,
    position_answer,
    quote_answer,
    trade_update,
)
from tests.venues.book import Book, BookError
from tests.venues.faults import Call, Fault, Rule
from tests.venues.orders import (
    Account,
    Entry,
    Kind,
    Lasting,
    Listing,
    Order,
    Side,
    Status,
    Wish,
)
from tests.venues.serving import Refusal, Subscriber, VenueServer, run

LISTINGS = (
    Listing(
        symbol="AAPL",
        base="AAPL",
        quote="USD",
        lot=Decimal("0.000000001"),
        least=Decimal("0.000000001"),
        least_notional=Decimal(1),
    ),
    Listing(
        symbol="MSFT",
        base="MSFT",
        quote="USD",
        lot=Decimal("0.000000001"),
        least=Decimal("0.000000001"),
        least_notional=Decimal(1),
    ),
    Listing(
        symbol="BTC/USD",
        base="BTC",
        quote="USD",
        lot=Decimal("0.000000001"),
        least=Decimal("0.000001"),
        least_notional=Decimal(1),
    ),
)


class AlpacaServer(VenueServer):
    """`VenueServer` with Alpaca's words."""

    name: ClassVar[str] = "alpaca"

    def __init__(self, book: Book | None = None, *, seed: int = 0) -> None:
        """Serve a book, or one with two shares and a pair, free of fees."""
        super().__init__(book or Book(LISTINGS, ids_are_unique_for_ever=True), seed=seed)
        self.limit = 200  # requests a minute
        self.used = 0
        self.is_open = True
        self._window = 0

    # What the base asks.

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.post("/v2/orders", self._submit),
            web.get("/v2/orders", self._list),
            web.delete("/v2/orders", self._cancel_all),
            web.get("/v2/orders:by_client_order_id", self._by_client_id),
            web.get("/v2/orders/{id}", self._query),
            web.patch("/v2/orders/{id}", self._replace),
            web.delete("/v2/orders/{id}", self._cancel),
            web.get("/v2/positions", self._positions),
            web.get("/v2/positions/{symbol:.+}", self._position),
            web.get("/v2/account", self._account),
            web.get("/v2/account/activities/FILL", self._activities),
            web.get("/v2/account/activities", self._activities),
            web.get("/v2/assets", self._assets),
            web.get("/v2/assets/{symbol:.+}", self._asset),
            web.get("/v2/clock", self._clock),
            web.get("/v2/stocks/bars", self._bars),
            web.get("/v2/stocks/quotes/latest", self._quotes),
            web.get("/v2/stocks/trades/latest", self._trades),
            web.get("/v1beta3/crypto/us/bars", self._bars),
            web.get("/v1beta3/crypto/us/latest/quotes", self._quotes),
            web.get("/v1beta3/crypto/us/latest/trades", self._trades),
            web.get("/stream", self._stream),
        ]

    def call_of(self, request: web.Request) -> Call:
        path, method = request.path, request.method
        if path == "/stream":
            return Call.STREAM
        if path.startswith("/v2/orders"):
            if method == "PATCH":
                return Call.AMEND
            if method in {"POST", "DELETE"}:
                return Call.SUBMIT if method == "POST" else Call.CANCEL
            return Call.LIST if path == "/v2/orders" else Call.QUERY
        return Call.LIST if path.startswith(("/v2/positions", "/v2/account")) else Call.MARKET

    def refusal(self, status: int, rule: Rule) -> Refusal:
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return _refusal(status, 42910000, "rate limit exceeded")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            if rule.code is None:
                return Refusal(status, rule.body)
            return _refusal(status, rule.code, rule.text)
        codes = {400: 40010000, 401: 40110000, 403: 40310000, 422: 42210000}
        return _refusal(status, rule.code or codes.get(status, 42210000), rule.text)

    def maimed(self, payload: Any, fault: Fault) -> Any:
        for order in payload if isinstance(payload, list) else [payload]:
            if fault is Fault.STRANGE_STATUS:
                order["status"] = "suspended_by_oracle"
            else:
                order.pop("id", None)
                order.pop("client_order_id", None)
        return payload

    def client_id(self, fields: Mapping[str, Any]) -> str | None:
        return fields.get("client_order_id")

    async def admit(self, request: web.Request) -> Mapping[str, str]:
        window = int(time.time() // 60)
        if window != self._window:
            self._window, self.used = window, 0
        self.used += 1
        headers = {
            "X-Ratelimit-Limit": str(self.limit),
            "X-Ratelimit-Remaining": str(max(self.limit - self.used, 0)),
            "X-Ratelimit-Reset": str((window + 1) * 60),
            "X-Request-ID": uuid4().hex,
        }
        if self.used > self.limit and request.path != "/stream":
            raise _refusal(429, 42910000, "rate limit exceeded", headers)
        return headers

    # Orders.

    async def _submit(self, request: web.Request) -> web.Response:
        account = self._keyed(request)
        wish = self._wish(dict(await request.json()))
        try:
            order = self.book.submit(account.key, wish)
        except BookError as error:
            raise {
                "DUPLICATE": _refusal(422, 40010001, "client_order_id must be unique"),
                "NO_FUNDS": _refusal(403, 40310000, "insufficient buying power"),
                "WOULD_TRIGGER": _refusal(422, 42210000, "stop price is already reached"),
                "WOULD_TAKE": _refusal(422, 42210000, "it would trade at once"),
            }[error.why] from error
        # The acknowledgement never tells of fills, however fast they were.
        accepted = replace(order, trades=(), status=Status.NEW)
        return web.json_response(order_answer(accepted, status="pending_new"))

    async def _list(self, request: web.Request) -> web.Response:
        account, asked = self._keyed(request), request.query
        orders = self.book.orders(account.key)
        wanted = asked.get("status", "open")
        if wanted != "all":
            orders = [it for it in orders if it.status.is_open == (wanted == "open")]
        if "symbols" in asked:
            orders = [it for it in orders if it.listing.symbol in asked["symbols"].split(",")]
        orders = [it for it in orders if _within(asked, it.at)]
        if asked.get("direction", "desc") == "desc":
            orders.reverse()
        return web.json_response([order_answer(it) for it in orders[: int(asked.get("limit", 50))]])

    async def _by_client_id(self, request: web.Request) -> web.Response:
        account, client_id = self._keyed(request), request.query["client_order_id"]
        order = self.book.by_client_id(account.key, client_id)
        if order is None:
            raise _refusal(404, 40410000, f"order not found for {client_id}")
        return web.json_response(order_answer(order))

    async def _query(self, request: web.Request) -> web.Response:
        return web.json_response(order_answer(self._found(request)))

    async def _cancel(self, request: web.Request) -> web.Response:
        account, order = self._keyed(request), self._found(request)
        try:
            self.book.cancel(account.key, order)
        except BookError as error:
            text = f'order is already in "{order.status.value}" state'
            raise _refusal(422, 42210000, text) from error
        return web.Response(status=204)

    async def _replace(self, request: web.Request) -> web.Response:
        """Put another order in the place of one: its quantity begins anew, whatever was filled."""
        account, order = self._keyed(request), self._found(request)
        asked = dict(await request.json())
        if not order.status.is_open:
            raise _refusal(422, 42210000, f"cannot replace order in {order.status.value} status")
        was = order.wish
        wish = replace(
            was,
            client_id=str(asked.get("client_order_id") or uuid4()),
            quantity=_decimal(asked, "qty") if "qty" in asked else was.quantity,
            price=_decimal(asked, "limit_price") if "limit_price" in asked else was.price,
            stop_price=_decimal(asked, "stop_price") if "stop_price" in asked else was.stop_price,
        )
        self._check(wish)
        self.book.cancel(account.key, order)
        try:
            made = self.book.submit(account.key, wish)
        except BookError as error:
            raise _refusal(403, 40310000, "insufficient buying power") from error
        return web.json_response(order_answer(replace(made, trades=()), status="pending_new"))

    async def _cancel_all(self, request: web.Request) -> web.Response:
        orders = self.book.cancel_all(self._keyed(request).key)
        return web.json_response(
            [{"id": order_uuid(it.id), "status": 200, "body": order_answer(it)} for it in orders],
            status=207,
        )

    def _found(self, request: web.Request) -> Order:
        account, text = self._keyed(request), request.match_info["id"]
        try:
            order = self.book.by_id(account.key, order_number(text))
        except ValueError as error:
            raise _refusal(422, 40010001, "order_id is missing") from error
        if order is None:
            raise _refusal(404, 40410000, f"order not found for {text}")
        return order

    def _wish(self, asked: Mapping[str, Any]) -> Wish:
        listing = self.book.listings.get(str(asked.get("symbol")))
        if listing is None:
            raise _refusal(422, 42210000, f'asset "{asked.get("symbol")}" not found')
        kind = KINDS.get(str(asked.get("type")))
        side, lasting = asked.get("side"), asked.get("time_in_force")
        if kind is None or side not in set(Side) or lasting not in set(Lasting):
            raise _refusal(422, 40010001, "invalid type, side or time_in_force")
        if kind in {Kind.LIMIT, Kind.STOP_LIMIT} and "limit_price" not in asked:
            raise _refusal(422, 40010001, "limit orders require limit price")
        trails = sum(it in asked for it in ("trail_price", "trail_percent"))
        if trails != (kind is Kind.TRAILING):
            raise _refusal(422, 40010001, "one of trail_price and trail_percent is required")
        client_id = str(asked.get("client_order_id") or uuid4())
        if len(client_id) > 128:
            raise _refusal(422, 40010001, "client_order_id must be at most 128 characters")
        wish = Wish(
            listing=listing,
            side=Side(str(side)),
            kind=kind,
            quantity=_decimal(asked, "qty"),
            client_id=client_id,
            price=_decimal(asked, "limit_price") if "limit_price" in asked else None,
            stop_price=_decimal(asked, "stop_price") if "stop_price" in asked else None,
            lasting=Lasting(str(lasting)),
            trail=_decimal(asked, "trail_price") if "trail_price" in asked else None,
            trail_bps=_decimal(asked, "trail_percent") * 100 if "trail_percent" in asked else None,
        )
        self._check(wish)
        return wish

    def _check(self, wish: Wish) -> None:
        listing, top = wish.listing, self.book.top(wish.listing.symbol)
        if wish.quantity <= 0 or wish.quantity % listing.lot or wish.quantity < listing.least:
            raise _refusal(422, 42210000, "invalid qty")
        if wish.price is not None and (wish.price <= 0 or wish.price % listing.tick):
            text = f"invalid limit_price {wish.price}. sub-penny increment does not fulfill"
            raise _refusal(422, 42210000, f"{text} minimum pricing criteria")
        crypto, fractional = is_crypto(listing), bool(wish.quantity % 1)
        if fractional and not crypto and wish.lasting is not Lasting.DAY:
            raise _refusal(422, 42210000, "fractional orders must be DAY orders")
        if crypto and wish.lasting not in {Lasting.GTC, Lasting.IOC}:
            raise _refusal(422, 42210000, "invalid crypto time_in_force")
        price = wish.price or (top.ask if top else None)
        if price is not None and price * wish.quantity < listing.least_notional:
            text = f"cost basis must be >= minimal amount of order {listing.least_notional}"
            raise _refusal(403, 40310000, text)

    # The account, and what there is.

    async def _positions(self, request: web.Request) -> web.Response:
        account = self._keyed(request)
        held = [it for it in self.book.listings.values() if account.balance(it.base).total]
        return web.json_response([self._position_of(account, it) for it in held])

    async def _position(self, request: web.Request) -> web.Response:
        account, symbol = self._keyed(request), request.match_info["symbol"]
        for it in self.book.listings.values():
            named = symbol in {it.symbol, it.symbol.replace("/", ""), asset_uuid(it.symbol)}
            if named and account.balance(it.base).total:
                return web.json_response(self._position_of(account, it))
        raise _refusal(404, 40410000, "position does not exist")

    def _position_of(self, account: Account, listing: Listing) -> dict[str, Any]:
        orders = self.book.orders(account.key, listing.symbol)
        return position_answer(listing, account, orders, self.book.top(listing.symbol))

    async def _account(self, request: web.Request) -> web.Response:
        return web.json_response(account_answer(self._keyed(request)))

    async def _activities(self, request: web.Request) -> web.Response:
        account, asked = self._keyed(request), request.query
        orders = {it.id: it for it in self.book.orders(account.key)}
        trades = [it for it in self.book.trades(account.key) if _within(asked, it.at)]
        if asked.get("direction", "desc") == "desc":
            trades.reverse()
        told = [activity(orders[it.order_id], it) for it in trades]
        if token := asked.get("page_token"):
            ids = [it["id"] for it in told]
            told = told[ids.index(token) + 1 :] if token in ids else []
        return web.json_response(told[: int(asked.get("page_size", 100))])

    async def _assets(self, request: web.Request) -> web.Response:
        self._keyed(request)
        wanted = request.query.get("asset_class")
        told = [asset_answer(it) for it in self.book.listings.values()]
        return web.json_response([it for it in told if wanted in {None, it["class"]}])

    async def _asset(self, request: web.Request) -> web.Response:
        self._keyed(request)
        symbol = request.match_info["symbol"].replace("%2F", "/")
        for it in self.book.listings.values():
            if symbol in {it.symbol, it.symbol.replace("/", ""), asset_uuid(it.symbol)}:
                return web.json_response(asset_answer(it))
        raise _refusal(404, 40410000, f"asset not found for {symbol}")

    async def _clock(self, request: web.Request) -> web.Response:
        self._keyed(request)
        now = datetime.now(UTC)
        return web.json_response(
            {
                "timestamp": instant(now),
                "is_open": self.is_open,
                "next_open": instant(now + timedelta(hours=12)),
                "next_close": instant(now + timedelta(hours=6)),
            }
        )

    # Market data.

    async def _bars(self, request: web.Request) -> web.Response:
        self._keyed(request)
        start, end = _instants(request.query, "start", "end")
        told = {
            symbol: [
                {
                    "t": instant(it.at),
                    "o": float(it.open),
                    "h": float(it.high),
                    "l": float(it.low),
                    "c": float(it.close),
                    "v": float(it.volume),
                    "n": 1,
                    "vw": float(it.close),
                }
                for it in self.bars.get(symbol, ())
                if start <= it.at <= end
            ]
            for symbol in request.query["symbols"].split(",")
        }
        return web.json_response({"bars": told, "next_page_token": None})

    async def _quotes(self, request: web.Request) -> web.Response:
        self._keyed(request)
        return web.json_response({"quotes": self._told_of(request, quote_only=True)})

    async def _trades(self, request: web.Request) -> web.Response:
        self._keyed(request)
        return web.json_response({"trades": self._told_of(request, quote_only=False)})

    def _told_of(self, request: web.Request, *, quote_only: bool) -> dict[str, Any]:
        now = datetime.now(UTC)
        told: dict[str, Any] = {}
        for symbol in request.query["symbols"].split(","):
            top = self.book.top(symbol)
            if top is not None:
                trade = {"t": instant(now), "x": "V", "p": float(top.ask), "s": 1, "i": 1}
                told[symbol] = quote_answer(top, now) if quote_only else trade
        return told

    # The stream.

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        ws = self.open_socket()
        await ws.prepare(request)
        account: Account | None = None
        subscriber: Subscriber | None = None
        async for message in ws:
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                continue
            asked = json.loads(message.data)
            data = asked.get("data", asked)
            if asked.get("action") in {"authenticate", "auth"}:
                key = data.get("key_id") or data.get("key")
                account = self._known(key, data.get("secret_key") or data.get("secret"))
                status = "unauthorized" if account is None else "authorized"
                told = {"status": status, "action": "authenticate"}
                await ws.send_bytes(_json({"stream": "authorization", "data": told}))
            elif asked.get("action") == "listen" and account is not None:
                streams = [it for it in data.get("streams", []) if it == "trade_updates"]
                await ws.send_bytes(_json({"stream": "listening", "data": {"streams": streams}}))
                if streams and subscriber is None:
                    subscriber = Subscriber(account.key, ws, self._frames)
                    await self.follow(subscriber)
            await asyncio.sleep(0)
        if subscriber is not None:
            self.leave(subscriber)
        return ws

    def _frames(self, entry: Entry) -> Iterable[bytes]:
        account = self.book.accounts.get(entry.order.account)
        if account is not None:
            position = account.balance(entry.order.listing.base).total
            yield _json(trade_update(entry, position))

    # Who asks.

    def _keyed(self, request: web.Request) -> Account:
        headers = request.headers
        account = self._known(headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY"))
        if account is None:
            raise _refusal(401, 40110000, "request is not authorized")
        return account

    def _known(self, key: str | None, secret: str | None) -> Account | None:
        account = self.book.accounts.get(key or "")
        return account if account is not None and account.secret == secret else None


def alpaca(options: argparse.Namespace) -> AlpacaServer:
    """Make the server of a process."""
    server = AlpacaServer(seed=options.seed)
    server.limit = options.weight or server.limit
    return server


def _refusal(
    status: int, code: int, text: str, headers: Mapping[str, str] | None = None
) -> Refusal:
    return Refusal(status, {"code": code, "message": text}, headers)


def _json(told: Any) -> bytes:
    return json.dumps(told).encode()


def _decimal(asked: Mapping[str, Any], field: str) -> Decimal:
    with suppress(InvalidOperation, KeyError):
        return Decimal(str(asked[field]))
    raise _refusal(422, 40010001, f"{field} is missing or no number")


def _instants(asked: Mapping[str, str], first: str, last: str) -> tuple[datetime, datetime]:
    ends = []
    for field, default in ((first, "1970-01-01"), (last, "9999-01-01")):
        # Nanoseconds are cut: Python has none.
        text = re.sub(r"(\.\d{6})\d+", r"\1", asked.get(field, default)).replace("Z", "+00:00")
        at = datetime.fromisoformat(text)
        ends.append(at if at.tzinfo else at.replace(tzinfo=UTC))
    return ends[0], ends[1]


def _within(asked: Mapping[str, str], at: datetime) -> bool:
    after, until = _instants(asked, "after", "until")
    return after < at <= until


if __name__ == "__main__":
    run(alpaca, sys.argv[1:])
