"""A venue that speaks Binance spot, REST and streams, well enough for the real ccxt client.

As a process: `python -m tests.venues.binance --ready-file F --balance USDT=10000`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from itertools import count
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from tests.venues.binance_limits import WeightLimit
from tests.venues.binance_wire import (
    KINDS,
    account_answer,
    account_position,
    cancel_answer,
    exchange_info,
    execution_report,
    full_answer,
    millis,
    number,
    order_answer,
    trade_answer,
)
from tests.venues.book import Book, BookError
from tests.venues.faults import Call, Fault, Rule
from tests.venues.orders import (
    ZERO,
    Account,
    Entry,
    Fees,
    Kind,
    Lasting,
    Listing,
    Order,
    Side,
    Wish,
)
from tests.venues.serving import Refusal, Subscriber, VenueServer, run

LISTINGS = (
    Listing(symbol="BTCUSDT", base="BTC", quote="USDT"),
    Listing(symbol="ETHUSDT", base="ETH", quote="USDT", lot=Decimal("0.0001")),
)
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_DEFAULT_WINDOW = 5000
_LONGEST_WINDOW = 60_000


class BinanceServer(VenueServer):
    """`VenueServer` with Binance's words."""

    name: ClassVar[str] = "binance"

    def __init__(self, book: Book | None = None, *, seed: int = 0) -> None:
        """Serve a book, or one with two pairs and a fee of a tenth of a percent."""
        super().__init__(book or Book(LISTINGS, fees=Fees(rate=Decimal("0.001"))), seed=seed)
        self.weight = WeightLimit()
        self.skew = timedelta(0)  # how far its clock is ahead
        self._listen_keys: dict[str, str] = {}
        self._numbers = count(1)

    # What the base asks.

    def routes(self) -> Iterable[web.RouteDef]:
        api = "/api/v3"
        return [
            web.get(f"{api}/ping", self._ping),
            web.get(f"{api}/time", self._time),
            web.get(f"{api}/exchangeInfo", self._exchange_info),
            web.get(f"{api}/klines", self._klines),
            web.get(f"{api}/depth", self._depth),
            web.get(f"{api}/ticker/bookTicker", self._book_ticker),
            web.get(f"{api}/ticker/24hr", self._ticker),
            web.get(f"{api}/ticker/price", self._ticker_price),
            web.post(f"{api}/order", self._submit),
            web.get(f"{api}/order", self._query),
            web.delete(f"{api}/order", self._cancel),
            web.post(f"{api}/order/cancelReplace", self._cancel_replace),
            web.get(f"{api}/openOrders", self._open_orders),
            web.delete(f"{api}/openOrders", self._cancel_all),
            web.get(f"{api}/allOrders", self._all_orders),
            web.get(f"{api}/myTrades", self._my_trades),
            web.get(f"{api}/account", self._account),
            web.post(f"{api}/userDataStream", self._listen_key),
            web.put(f"{api}/userDataStream", self._ping),
            web.delete(f"{api}/userDataStream", self._ping),
            web.get("/ws-api/v3", self._ws_api),
            web.get("/ws", self._market_stream),
            web.get("/stream", self._market_stream),
            web.get("/ws/{key}", self._user_stream),
        ]

    def call_of(self, request: web.Request) -> Call:
        path, method = request.path, request.method
        if path.startswith(("/ws", "/stream")):
            return Call.STREAM
        if path == "/api/v3/order/cancelReplace":
            return Call.AMEND
        if path == "/api/v3/order":
            return {"POST": Call.SUBMIT, "DELETE": Call.CANCEL}.get(method, Call.QUERY)
        if path == "/api/v3/openOrders" and method == "DELETE":
            return Call.CANCEL
        lists = ("/api/v3/openOrders", "/api/v3/allOrders", "/api/v3/myTrades", "/api/v3/account")
        return Call.LIST if path in lists else Call.MARKET

    def refusal(self, status: int, rule: Rule) -> Refusal:
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Refusal(429, _error(-1003, "Too much request weight used; current limit is x"))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refusal(status, rule.body if rule.code is None else _error(rule.code, rule.text))
        codes = {401: -2015, 403: -1002, 422: -1013}
        return Refusal(status, _error(rule.code or codes.get(status, -2010), rule.text))

    def maimed(self, payload: Any, fault: Fault) -> Any:
        for order in payload if isinstance(payload, list) else [payload]:
            if fault is Fault.STRANGE_STATUS:
                order["status"] = "SUSPENDED_BY_ORACLE"
            else:
                for field in ("orderId", "clientOrderId", "origClientOrderId"):
                    order.pop(field, None)
        return payload

    def client_id(self, fields: Mapping[str, Any]) -> str | None:
        return fields.get("newClientOrderId") or fields.get("origClientOrderId")

    async def admit(self, request: web.Request) -> Mapping[str, str]:
        status, wait = self.weight.take(request.method, request.path)
        headers = {"X-MBX-USED-WEIGHT-1M": str(self.weight.used)}
        if status == HTTPStatus.OK:
            return headers
        text = "Too much request weight used; please use WebSocket Streams for live updates."
        raise Refusal(status, _error(-1003, text), {**headers, "Retry-After": str(wait)})

    # Market.

    def now(self) -> datetime:
        """Return what its clock says."""
        return datetime.now(UTC) + self.skew

    async def _ping(self, _: web.Request) -> web.Response:
        return web.json_response({})

    async def _time(self, _: web.Request) -> web.Response:
        return web.json_response({"serverTime": millis(self.now())})

    async def _exchange_info(self, request: web.Request) -> web.Response:
        listings: Iterable[Listing] = self.book.listings.values()
        if "symbol" in request.query:
            listings = [self._listing(request.query)]
        return web.json_response(exchange_info(listings, self.now()))

    async def _klines(self, request: web.Request) -> web.Response:
        listing = self._listing(request.query)
        asked = request.query
        start, limit = int(asked.get("startTime", 0)), int(asked.get("limit", 500))
        end = int(asked.get("endTime", 10**15))
        bars = [
            [
                millis(it.at),
                number(it.open),
                number(it.high),
                number(it.low),
                number(it.close),
                number(it.volume),
                millis(it.at) + 59_999,
                number(it.volume * it.close),
                100,
                number(ZERO),
                number(ZERO),
                "0",
            ]
            for it in self.bars.get(listing.symbol, ())
            if start <= millis(it.at) <= end
        ]
        return web.json_response(bars[:limit] if "startTime" in asked else bars[-limit:])

    async def _depth(self, request: web.Request) -> web.Response:
        top = self.book.top(self._listing(request.query).symbol)
        answer: dict[str, Any] = {"lastUpdateId": next(self._numbers), "bids": [], "asks": []}
        if top is not None:
            answer["bids"] = [[number(top.bid), number(top.bid_quantity or Decimal(1000))]]
            answer["asks"] = [[number(top.ask), number(top.ask_quantity or Decimal(1000))]]
        return web.json_response(answer)

    async def _book_ticker(self, request: web.Request) -> web.Response:
        if "symbol" in request.query:
            return web.json_response(self._ticker_of(self._listing(request.query)))
        wanted = json.loads(request.query.get("symbols", "null")) or list(self.book.listings)
        return web.json_response([self._ticker_of(self.book.listings[it]) for it in wanted])

    async def _ticker_price(self, request: web.Request) -> web.Response:
        ticker = self._ticker_of(self._listing(request.query))
        return web.json_response({"symbol": ticker["symbol"], "price": ticker["askPrice"]})

    async def _ticker(self, request: web.Request) -> web.Response:
        ticker = self._ticker_of(self._listing(request.query))
        now = millis(self.now())
        last = {"lastPrice": ticker["askPrice"], "openTime": now - 86_400_000, "closeTime": now}
        return web.json_response({**ticker, **last})

    def _ticker_of(self, listing: Listing) -> dict[str, Any]:
        top = self.book.top(listing.symbol)
        return {
            "symbol": listing.symbol,
            "bidPrice": number(top.bid if top else ZERO),
            "bidQty": number((top.bid_quantity if top else ZERO) or Decimal(1000)),
            "askPrice": number(top.ask if top else ZERO),
            "askQty": number((top.ask_quantity if top else ZERO) or Decimal(1000)),
        }

    # Orders.

    async def _submit(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        wish = self._wish(asked)
        try:
            order = self.book.submit(account.key, wish)
        except BookError as error:
            texts = {
                "DUPLICATE": "Duplicate order sent.",
                "NO_FUNDS": "Account has insufficient balance for requested action.",
                "WOULD_TRIGGER": "Stop price would trigger immediately.",
                "WOULD_TAKE": "Order would immediately match and take.",
            }
            raise Refusal(400, _error(-2010, texts[error.why])) from error
        return web.json_response(full_answer(order))

    async def _query(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        order = self._order(account, asked)
        if order is None:
            raise Refusal(400, _error(-2013, "Order does not exist."))
        return web.json_response(order_answer(order))

    async def _cancel(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        order = self._order(account, asked)
        if order is None:
            raise Refusal(400, _error(-2011, "Unknown order sent."))
        return web.json_response(self._canceled(account, order, asked.get("newClientOrderId")))

    def _canceled(self, account: Account, order: Order, cancel_id: str | None) -> dict[str, Any]:
        cancel_id = cancel_id or f"web_{next(self._numbers)}"
        try:
            return cancel_answer(self.book.cancel(account.key, order, cancel_id), cancel_id)
        except BookError as error:
            raise Refusal(400, _error(-2011, "Unknown order sent.")) from error

    async def _cancel_replace(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        order = self.book.by_id(account.key, int(asked["cancelOrderId"]))
        if order is None or not order.status.is_open:
            raise Refusal(400, _error(-2022, "Order cancel-replace failed."))
        wish = self._wish(asked)
        canceled = self._canceled(account, order, None)
        try:
            made = self.book.submit(account.key, wish)
        except BookError as error:
            said = {**_error(-2021, "Order cancel-replace partially failed."), "data": {}}
            raise Refusal(409, said) from error
        return web.json_response(
            {
                "cancelResult": "SUCCESS",
                "newOrderResult": "SUCCESS",
                "cancelResponse": canceled,
                "newOrderResponse": full_answer(made),
            }
        )

    async def _cancel_all(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        orders = self.book.open_orders(account.key, self._listing(asked).symbol)
        if not orders:
            raise Refusal(400, _error(-2011, "Unknown order sent."))
        return web.json_response([self._canceled(account, it, None) for it in orders])

    async def _open_orders(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        symbol = self._listing(asked).symbol if "symbol" in asked else None
        return web.json_response(
            [order_answer(it) for it in self.book.open_orders(account.key, symbol)]
        )

    async def _all_orders(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        orders = self.book.orders(account.key, self._listing(asked).symbol)
        limit = int(asked.get("limit", 500))
        if "orderId" in asked:
            first = [it for it in orders if it.id >= int(asked["orderId"])][:limit]
            return web.json_response([order_answer(it) for it in first])
        within = [it for it in orders if _within(asked, millis(it.at))]
        return web.json_response([order_answer(it) for it in within[-limit:]])

    async def _my_trades(self, request: web.Request) -> web.Response:
        account, asked = await self._signed(request)
        symbol, limit = self._listing(asked).symbol, int(asked.get("limit", 500))
        trades = self.book.trades(account.key, symbol)
        if "orderId" in asked:
            trades = [it for it in trades if it.order_id == int(asked["orderId"])]
        if "fromId" in asked:
            trades = [it for it in trades if it.id >= int(asked["fromId"])][:limit]
        trades = [it for it in trades if _within(asked, millis(it.at))]
        trades = trades[:limit] if "startTime" in asked else trades[-limit:]
        orders = {it.id: it for it in self.book.orders(account.key, symbol)}
        return web.json_response([trade_answer(orders[it.order_id], it) for it in trades])

    async def _account(self, request: web.Request) -> web.Response:
        account, _ = await self._signed(request)
        return web.json_response(account_answer(account, self.now()))

    def _order(self, account: Account, asked: Mapping[str, str]) -> Order | None:
        symbol = self._listing(asked).symbol
        if "orderId" in asked:
            order = self.book.by_id(account.key, int(asked["orderId"]))
        elif "origClientOrderId" in asked:
            order = self.book.by_client_id(account.key, asked["origClientOrderId"])
        else:
            text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise Refusal(400, _error(-1102, text))
        return order if order is not None and order.listing.symbol == symbol else None

    def _listing(self, asked: Mapping[str, str]) -> Listing:
        listing = self.book.listings.get(_needed(asked, "symbol"))
        if listing is None:
            raise Refusal(400, _error(-1121, "Invalid symbol."))
        return listing

    def _wish(self, asked: Mapping[str, str]) -> Wish:
        listing = self._listing(asked)
        kind = KINDS.get(_needed(asked, "type"))
        if kind is None:
            raise Refusal(400, _error(-1116, "Invalid orderType."))
        if asked.get("side") not in {"BUY", "SELL"}:
            raise Refusal(400, _error(-1117, "Invalid side."))
        client_id = asked.get("newClientOrderId") or f"own{next(self._numbers)}"
        if _CLIENT_ID.fullmatch(client_id) is None:
            text = "Illegal characters found in parameter 'newClientOrderId'; legal range is ..."
            raise Refusal(400, _error(-1100, text))
        has_limit = kind in {Kind.LIMIT, Kind.STOP_LIMIT}
        post_only = asked["type"] == "LIMIT_MAKER"
        lasting = _needed(asked, "timeInForce") if has_limit and not post_only else "GTC"
        trail = _decimal(asked, "trailingDelta") if "trailingDelta" in asked else None
        if kind is Kind.STOP and trail is None:
            _needed(asked, "stopPrice")
        wish = Wish(
            listing=listing,
            side=Side(asked["side"].lower()),
            kind=Kind.TRAILING if trail is not None else kind,
            quantity=_decimal(asked, "quantity"),
            client_id=client_id,
            price=_decimal(asked, "price") if has_limit else None,
            stop_price=_decimal(asked, "stopPrice") if "stopPrice" in asked else None,
            lasting=Lasting(lasting.lower()),
            post_only=post_only,
            trail_bps=trail,
        )
        self._check_filters(wish)
        return wish

    def _check_filters(self, wish: Wish) -> None:
        listing, top = wish.listing, self.book.top(wish.listing.symbol)
        if not listing.least <= wish.quantity <= listing.most or wish.quantity % listing.lot:
            raise Refusal(400, _error(-1013, "Filter failure: LOT_SIZE"))
        if any(it % listing.tick or it <= 0 for it in (wish.price, wish.stop_price) if it):
            raise Refusal(400, _error(-1013, "Filter failure: PRICE_FILTER"))
        if wish.trail_bps is not None and (wish.trail_bps % 1 or not 10 <= wish.trail_bps <= 2000):
            raise Refusal(400, _error(-1013, "Filter failure: TRAILING_DELTA"))
        price = wish.price or (top.ask if top else None)
        if price is not None and price * wish.quantity < listing.least_notional:
            raise Refusal(400, _error(-1013, "Filter failure: NOTIONAL"))

    # Who asks.

    async def _signed(self, request: web.Request) -> tuple[Account, dict[str, str]]:
        """Return the account a request is signed for, and its parameters. Raises Refusal."""
        account = self._keyed(request.headers.get("X-MBX-APIKEY"))
        query, body = request.raw_path.partition("?")[2], await request.text()
        signed = _unsigned(query) + _unsigned(body)
        asked = dict(parse_qsl(f"{query}&{body}", keep_blank_values=True))
        self._check_signature(account, signed, asked)
        return account, asked

    def _keyed(self, key: str | None) -> Account:
        if key is None or not key:
            raise Refusal(401, _error(-2014, "API-key format invalid."))
        account = self.book.accounts.get(key)
        if account is None:
            text = "Invalid API-key, IP, or permissions for action."
            raise Refusal(401, _error(-2015, text))
        return account

    def _check_signature(self, account: Account, signed: str, asked: Mapping[str, Any]) -> None:
        ours = hmac.new(account.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(ours, _needed(asked, "signature")):
            raise Refusal(400, _error(-1022, "Signature for this request is not valid."))
        at, now = int(_needed(asked, "timestamp")), millis(self.now())
        window = int(asked.get("recvWindow", _DEFAULT_WINDOW))
        if window > _LONGEST_WINDOW or not now - window <= at < now + 1000:
            text = "Timestamp for this request is outside of the recvWindow."
            raise Refusal(400, _error(-1021, text))

    # Streams.

    async def _listen_key(self, request: web.Request) -> web.Response:
        account = self._keyed(request.headers.get("X-MBX-APIKEY"))
        key = f"listen{next(self._numbers)}"
        self._listen_keys[key] = account.key
        return web.json_response({"listenKey": key})

    async def _user_stream(self, request: web.Request) -> web.WebSocketResponse:
        owner = self._listen_keys.get(request.match_info["key"])
        if owner is None:  # ccxt counts its connections there
            return await self._market_stream(request)
        ws = self.open_socket()
        await ws.prepare(request)
        subscriber = Subscriber(owner, ws, self._plain_frames)
        await self.follow(subscriber)
        await _until_closed(ws)
        self.leave(subscriber)
        return ws

    async def _ws_api(self, request: web.Request) -> web.WebSocketResponse:
        ws = self.open_socket()
        await ws.prepare(request)
        mine: list[Subscriber] = []
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            answer: dict[str, Any] = {"id": asked.get("id"), "status": 200, "rateLimits": []}
            try:
                subscriber = self._subscribed(ws, asked)
                answer["result"] = {"subscriptionId": 0}
            except Refusal as refusal:
                await ws.send_json({**answer, "status": refusal.status, "error": refusal.body})
                continue
            await ws.send_json(answer)
            mine.append(subscriber)
            await self.follow(subscriber)
        for it in mine:
            self.leave(it)
        return ws

    def _subscribed(self, ws: web.WebSocketResponse, asked: Mapping[str, Any]) -> Subscriber:
        if asked.get("method") != "userDataStream.subscribe.signature":
            raise Refusal(400, _error(-1121, f"Unknown method {asked.get('method')!r:.60}"))
        params = {key: str(value) for key, value in asked.get("params", {}).items()}
        account = self._keyed(params.get("apiKey"))
        signed = "&".join(f"{key}={params[key]}" for key in sorted(params) if key != "signature")
        self._check_signature(account, signed, params)
        return Subscriber(account.key, ws, self._wrapped_frames)

    def _plain_frames(self, entry: Entry) -> Iterable[str]:
        account = self.book.accounts.get(entry.order.account)
        yield json.dumps(execution_report(entry))
        if account is not None:
            yield json.dumps(account_position(account, entry))

    def _wrapped_frames(self, entry: Entry) -> Iterable[str]:
        for frame in self._plain_frames(entry):
            yield f'{{"subscriptionId":0,"event":{frame}}}'

    async def _market_stream(self, request: web.Request) -> web.WebSocketResponse:
        """Acknowledge subscriptions, and tell the best prices of what is subscribed to."""
        ws = self.open_socket()
        await ws.prepare(request)
        channels: set[str] = set()
        telling = asyncio.create_task(self._tell_prices(ws, channels))
        try:
            async for message in ws:
                asked = json.loads(message.data)
                if asked.get("method") == "SUBSCRIBE":
                    channels |= set(asked["params"])
                elif asked.get("method") == "UNSUBSCRIBE":
                    channels -= set(asked["params"])
                await ws.send_json({"result": None, "id": asked.get("id")})
        finally:
            telling.cancel()
        return ws

    async def _tell_prices(self, ws: web.WebSocketResponse, channels: set[str]) -> None:
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(0.05)
                if self.faults.in_force(Fault.SILENT):
                    continue
                for channel in sorted(channels):
                    listing = self.book.listings.get(channel.partition("@")[0].upper())
                    if listing is not None and channel.endswith("@bookTicker"):
                        ticker = _short(self._ticker_of(listing))
                        await ws.send_json({"u": next(self._numbers), **ticker})


def binance(options: argparse.Namespace) -> BinanceServer:
    """Make the server of a process."""
    server = BinanceServer(seed=options.seed)
    server.weight.limit = options.weight or server.weight.limit
    return server


async def _until_closed(ws: web.WebSocketResponse) -> None:
    async for _ in ws:
        await asyncio.sleep(0)


def _short(ticker: Mapping[str, str]) -> dict[str, str]:
    names = {"symbol": "s", "bidPrice": "b", "bidQty": "B", "askPrice": "a", "askQty": "A"}
    return {names[key]: value for key, value in ticker.items()}


def _error(code: int, text: str) -> dict[str, Any]:
    return {"code": code, "msg": text}


def _needed(asked: Mapping[str, Any], field: str) -> str:
    value = asked.get(field)
    if value is None or not value:
        text = f"Mandatory parameter '{field}' was not sent, was empty/null, or malformed."
        raise Refusal(400, _error(-1102, text))
    return str(value)


def _decimal(asked: Mapping[str, str], field: str) -> Decimal:
    try:
        value = Decimal(_needed(asked, field))
    except InvalidOperation as error:
        text = f"Illegal characters found in parameter '{field}'."
        raise Refusal(400, _error(-1100, text)) from error
    places = value.as_tuple().exponent
    if not isinstance(places, int) or places < -8:
        text = "Precision is over the maximum defined for this asset."
        raise Refusal(400, _error(-1111, text))
    return value


def _unsigned(text: str) -> str:
    return re.sub(r"(^|&)signature=[^&]*", "", text)


def _within(asked: Mapping[str, str], at: int) -> bool:
    return int(asked.get("startTime", 0)) <= at <= int(asked.get("endTime", 10**15))


if __name__ == "__main__":
    run(binance, sys.argv[1:])
