"""Alpaca's stream of minutes, read as text.

alpaca-py asks for this stream in a form in which amounts are floats. So its own client is not used
here: frames are JSON, and amounts keep the digits Alpaca writes. The stream knows only minutes;
longer bars are asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from traderbot.application.errors import FeedUnavailableError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import Disconnected, VenueNews
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.risk.exposure import Quote
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.evidence import RedirectRefusedError
from traderbot.infrastructure.brokers.extras import need, silent
from traderbot.infrastructure.brokers.listening import Listener, MissedError
from traderbot.infrastructure.market_data.feeds.heard_bars import HeardBars
from traderbot.infrastructure.market_data.feeds.told_bars import Asked, Told

HOST: Final = "stream.data.alpaca.markets"
ASK_EVERY_SECONDS: Final = 5.0  # whether it lives
_LOOK_EVERY: Final = 0.2  # seconds, for a symbol that is newly wanted
_MOST_SYMBOLS: Final = 30  # of the free plan; the others are asked for
_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)

_Frame = dict[str, Any]


@dataclass(slots=True)
class _Market:
    """One connection: shares, or coins."""

    url: str
    wanted: dict[str, Symbol] = field(default_factory=dict)
    listener: Listener[_Frame] | None = None


class AlpacaBarStream:
    """`BarStream` of minutes; it connects when the first series is wanted."""

    def __init__(
        self,
        key: str,
        secret: str,
        clock: Clock,
        *,
        exchange: str = "iex",
        address: str | None = None,
        timeout_seconds: float = 10.0,
    ) -> None:
        """Listen with these keys; `address` is that of a gateway, if there is one."""
        self.heard = HeardBars()
        self._keys, self._clock, self._timeout = (key, secret), clock, timeout_seconds
        self._hosts = AllowedHosts([HOST if address is None else address])
        base = f"wss://{HOST}" if address is None else f"ws://{address}"
        self._shares = _Market(f"{base}/v2/{exchange}")
        self._coins = _Market(f"{base}/v1beta3/crypto/us")

    def want(self, symbol: Symbol, timeframe: Timeframe) -> None:
        """Listen to a series from now on; once more changes nothing."""
        market = self._coins if symbol.is_pair else self._shares
        if timeframe is not Timeframe.M1 or len(market.wanted) >= _MOST_SYMBOLS:
            return  # it is asked for instead
        market.wanted[symbol.code] = symbol
        if market.listener is None:
            market.listener = Listener[_Frame](
                "alpaca-bars",
                lambda listener: self._session(market, listener),
                lambda frame: self._read(market, frame),
                self._hear,
                self._clock,
            )
            market.listener.start()

    def stop(self) -> None:
        """End it."""
        for market in (self._shares, self._coins):
            if market.listener is not None:
                market.listener.stop()

    # The first thread: connects, and hands over what it hears.

    async def _session(self, market: _Market, listener: Listener[_Frame]) -> None:
        self._hosts.check(market.url)
        socket = await asyncio.wait_for(self._opened(market.url), self._timeout)
        listener.now_connected()
        work = [
            asyncio.ensure_future(it)
            for it in (
                _ask(socket, listener),
                _subscribe(socket, market),
                _hand_over(socket, listener),
            )
        ]
        try:
            done, _ = await asyncio.wait(work, return_when="FIRST_COMPLETED")
            for it in done:
                it.result()
        finally:
            for it in work:
                it.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            with suppress(Exception):  # the connection is gone either way
                await asyncio.wait_for(socket.close(), self._timeout)

    async def _opened(self, url: str) -> Any:  # noqa: ANN401 - a library without types
        legacy = need("websockets.legacy.client", "alpaca")
        connecting = legacy.connect(
            url,
            ping_interval=None,
            open_timeout=self._timeout,
            close_timeout=1,
            max_size=16 * 1024 * 1024,
            logger=silent(),
        )
        connecting.handle_redirect = _refuse_redirect
        socket = await connecting
        try:
            key, secret = self._keys
            await _until_told(socket, "connected")
            await socket.send(json.dumps({"action": "auth", "key": key, "secret": secret}))
            await _until_told(socket, "authenticated")
        except BaseException:
            with suppress(Exception):
                await socket.close()
            raise
        return socket

    # The second thread: reads it.

    def _read(self, market: _Market, frame: _Frame) -> Iterable[VenueNews]:
        symbol = market.wanted.get(str(frame.get("S")))
        if symbol is None:
            return ()
        asked = Asked(
            feed="alpaca", symbol=symbol, timeframe=Timeframe.M1, start=None, until=_FOR_EVER
        )
        try:
            at = datetime.fromisoformat(frame["t"])
            if at.tzinfo is None:
                raise ValueError(frame["t"])  # noqa: TRY301 - told like every other
            told = Told(
                at=at.astimezone(UTC),
                open=frame["o"],
                high=frame["h"],
                low=frame["l"],
                close=frame["c"],
                volume=frame["v"],
            )
            (bar,) = asked.closed([told])
        except (KeyError, TypeError, ValueError, FeedUnavailableError) as error:
            msg = f"a bar of the stream could not be read: {type(error).__name__}"
            raise MissedError(msg) from error
        self.heard.take_quote(symbol, Quote(price=bar.close, at=bar.closes_at))
        self.heard.take(bar)
        return ()

    def _hear(self, news: VenueNews) -> None:
        if isinstance(news, Disconnected):
            self.heard.forget()


async def _ask(socket: Any, listener: Listener[_Frame]) -> None:  # noqa: ANN401
    while True:
        await asyncio.sleep(ASK_EVERY_SECONDS)
        answered = await socket.ping()
        await asyncio.wait_for(answered, ASK_EVERY_SECONDS)
        listener.alive()


async def _subscribe(socket: Any, market: _Market) -> None:  # noqa: ANN401
    asked: set[str] = set()
    while True:
        new = [it for it in tuple(market.wanted) if it not in asked]
        if new:
            await socket.send(json.dumps({"action": "subscribe", "bars": new}))
            asked.update(new)
        await asyncio.sleep(_LOOK_EVERY)


async def _hand_over(socket: Any, listener: Listener[_Frame]) -> None:  # noqa: ANN401
    while True:
        for message in _messages(await socket.recv()):
            listener.alive()
            if message.get("T") == "b":
                listener.heard(message)
            elif message.get("T") == "error":
                msg = f"alpaca says {message.get('code')}"
                raise MissedError(msg)


async def _until_told(socket: Any, wanted: str) -> None:  # noqa: ANN401
    for message in _messages(await socket.recv()):
        if message.get("T") == "success" and message.get("msg") == wanted:
            return
    msg = f"alpaca did not say {wanted!r}"
    raise MissedError(msg)


def _messages(frame: str | bytes) -> list[_Frame]:
    try:
        told = json.loads(frame, parse_float=str, parse_int=str)
    except ValueError as error:
        msg = "a frame of the stream could not be read"
        raise MissedError(msg) from error
    if not isinstance(told, list) or not all(isinstance(it, dict) for it in told):
        msg = "a frame of the stream could not be read"
        raise MissedError(msg)
    return told


def _refuse_redirect(uri: str) -> None:
    del uri
    msg = "alpaca's stream answered with a redirect"
    raise RedirectRefusedError(msg)
