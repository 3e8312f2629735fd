"""The market-data doors of both venues: bars in pages, exact to the digit, and a stream of them."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from tests.venues.alpaca import AlpacaServer, _instants
from tests.venues.alpaca_wire import instant
from tests.venues.binance import BinanceServer
from tests.venues.binance_wire import millis
from tests.venues.serving import Refusal
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe

_NEW_YORK = ZoneInfo("America/New_York")
_ALPACA_NAMES = {
    "1Min": "1m",
    "5Min": "5m",
    "15Min": "15m",
    "30Min": "30m",
    "1Hour": "1h",
    "4Hour": "4h",
    "1Day": "1d",
    "1Week": "1w",
}

Series = dict[tuple[str, str], list[Bar]]


class BinanceMarket(BinanceServer):
    """`BinanceServer` that has bars of every timeframe, and tells of them as they are made."""

    def __init__(self) -> None:
        """Begin without a bar."""
        super().__init__()
        self.series: Series = defaultdict(list)
        self.short = 1000  # the most it tells at once
        self._listeners: dict[web.WebSocketResponse, set[str]] = {}

    def have(self, bars: Sequence[Bar]) -> None:
        """Have these bars from now on, whatever it had of their series."""
        for bar in bars:
            self.series[_listed(bar), bar.timeframe.value].append(bar)

    def say(self, bar: Bar, *, closed: bool = True) -> None:
        """Tell whoever listens of a bar, from any thread."""
        frame = json.dumps(_kline_frame(bar, closed=closed))
        channel = f"{_listed(bar).lower()}@kline_{bar.timeframe.value}"

        async def tell() -> None:
            for socket, channels in tuple(self._listeners.items()):
                if channel in channels:
                    with suppress(ConnectionError):
                        await socket.send_str(frame)

        self._in_loop(lambda: self._later(tell()))

    def hang_up(self) -> None:
        """Close every market stream, from any thread."""

        async def close() -> None:
            for socket in tuple(self._listeners):
                with suppress(ConnectionError):
                    await socket.close()

        self._in_loop(lambda: self._later(close()))

    def listens(self, bar: Bar) -> bool:
        """Whether somebody listens to the series of a bar."""
        channel = f"{_listed(bar).lower()}@kline_{bar.timeframe.value}"
        return any(channel in it for it in tuple(self._listeners.values()))

    async def _klines(self, request: web.Request) -> web.Response:
        listing, asked = self._listing(request.query), request.query
        start, end = int(asked.get("startTime", 0)), int(asked.get("endTime", 10**15))
        limit = min(int(asked.get("limit", 500)), self.short)
        bars = [
            it
            for it in self.series[listing.symbol, asked["interval"]]
            if start <= millis(it.at) <= end
        ]
        told = bars[:limit] if "startTime" in asked else bars[-limit:]
        return web.json_response([_kline(it) for it in told])

    async def _market_stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = self.open_socket()
        await socket.prepare(request)
        channels = self._listeners.setdefault(socket, set())
        try:
            async for message in socket:
                asked = json.loads(message.data)
                if asked.get("method") == "SUBSCRIBE":
                    channels |= set(asked["params"])
                elif asked.get("method") == "UNSUBSCRIBE":
                    channels -= set(asked["params"])
                await socket.send_json({"result": None, "id": asked.get("id")})
                await asyncio.sleep(0)
        finally:
            self._listeners.pop(socket, None)
        return socket


class AlpacaMarket(AlpacaServer):
    """`AlpacaServer` that has bars of every timeframe."""

    def __init__(self) -> None:
        """Begin without a bar."""
        super().__init__()
        self.series: Series = defaultdict(list)
        self.short = 10_000
        self._listeners: dict[web.WebSocketResponse, set[str]] = {}

    def have(self, bars: Sequence[Bar]) -> None:
        """Have these bars from now on, besides what it has."""
        for bar in bars:
            self.series[bar.symbol.code, bar.timeframe.value].append(bar)

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            *super().routes(),
            web.get("/v2/iex", self._bar_stream),
            web.get("/v1beta3/crypto/us", self._bar_stream),
        ]

    def say(self, bar: Bar) -> None:
        """Tell whoever listens of a bar, from any thread."""
        self.say_text(bar, f'[{{"T":"b","S":"{bar.symbol.code}",{_alpaca_bar(bar)[1:]}]')

    def say_text(self, bar: Bar, text: str) -> None:
        """Tell whoever listens to the series of a bar something else, from any thread."""

        async def tell() -> None:
            for socket, symbols in tuple(self._listeners.items()):
                if bar.symbol.code in symbols:
                    with suppress(ConnectionError):
                        await socket.send_str(text)

        self._in_loop(lambda: self._later(tell()))

    def hang_up(self) -> None:
        """Close every market stream, from any thread."""

        async def close() -> None:
            for socket in tuple(self._listeners):
                with suppress(ConnectionError):
                    await socket.close()

        self._in_loop(lambda: self._later(close()))

    def listens(self, bar: Bar) -> bool:
        """Whether somebody listens to the series of a bar."""
        return any(bar.symbol.code in it for it in tuple(self._listeners.values()))

    async def _bar_stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = self.open_socket()
        await socket.prepare(request)
        await socket.send_json([{"T": "success", "msg": "connected"}])
        symbols: set[str] = set()
        try:
            async for message in socket:
                asked = json.loads(message.data)
                if asked["action"] == "auth":
                    if self._known(asked["key"], asked["secret"]) is None:
                        await socket.send_json([{"T": "error", "code": 402, "msg": "auth failed"}])
                        continue
                    self._listeners[socket] = symbols
                    await socket.send_json([{"T": "success", "msg": "authenticated"}])
                elif asked["action"] == "subscribe":
                    symbols |= set(asked["bars"])
                    await socket.send_json([{"T": "subscription", "bars": sorted(symbols)}])
        finally:
            self._listeners.pop(socket, None)
        return socket

    async def _bars(self, request: web.Request) -> web.Response:
        self._keyed(request)
        asked = request.query
        start, end = _instants(asked, "start", "end")
        limit = min(int(asked.get("limit", 1000)), self.short)
        code, timeframe = asked["symbols"], _ALPACA_NAMES[asked["timeframe"]]
        if code not in self.book.listings:
            raise Refusal(400, {"message": f"code=400, message=invalid symbol: {code}"})
        found = [it for it in self.series[code, timeframe] if start <= _theirs(it) <= end]
        told = ",".join(_alpaca_bar(it) for it in found[:limit])
        more = '"more"' if len(found) > limit else "null"
        bars = f'{{"{code}":[{told}]}}' if told else "{}"
        text = f'{{"bars":{bars},"next_page_token":{more}}}'
        return web.Response(text=text, content_type="application/json")


def _listed(bar: Bar) -> str:
    return bar.symbol.code.replace("/", "")


def _kline(bar: Bar) -> list[Any]:
    return [
        millis(bar.at),
        *(str(it) for it in (bar.open, bar.high, bar.low, bar.close, bar.volume)),
        millis(bar.closes_at) - 1,
        "0",
        100,
        "0",
        "0",
        "0",
    ]


def _kline_frame(bar: Bar, *, closed: bool) -> Mapping[str, Any]:
    return {
        "e": "kline",
        "E": millis(datetime.now(UTC)),
        "s": _listed(bar),
        "k": {
            "t": millis(bar.at),
            "T": millis(bar.closes_at) - 1,
            "s": _listed(bar),
            "i": bar.timeframe.value,
            "o": str(bar.open),
            "h": str(bar.high),
            "l": str(bar.low),
            "c": str(bar.close),
            "v": str(bar.volume),
            "x": closed,
        },
    }


def _theirs(bar: Bar) -> datetime:
    """Return when a bar opens in Alpaca's words: a share's day opens at midnight in New York."""
    if bar.symbol.is_pair or bar.timeframe.duration < Timeframe.D1.duration:
        return bar.at
    return bar.at.replace(tzinfo=_NEW_YORK).astimezone(UTC)


def _alpaca_bar(bar: Bar) -> str:
    # Numbers as Alpaca writes them, but with all of their digits: no float is on the way.
    return (
        f'{{"t":"{instant(_theirs(bar))}","o":{bar.open},"h":{bar.high},"l":{bar.low},'
        f'"c":{bar.close},"v":{bar.volume},"n":1,"vw":{bar.close}}}'
    )
