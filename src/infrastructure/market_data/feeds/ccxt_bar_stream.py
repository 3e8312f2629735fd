"""Binance's stream of bars by way of ccxt's streaming client.

ccxt connects and subscribes. Its own reading makes floats of amounts and does not say whether a bar
has closed; so each frame is read here, and ccxt gets only what is no bar.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from traderbot.application.errors import FeedUnavailableError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import Disconnected, VenueNews
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.risk.exposure import Quote
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.ccxt_client import CcxtClients
from traderbot.infrastructure.brokers.evidence import RedirectRefusedError
from traderbot.infrastructure.brokers.extras import need
from traderbot.infrastructure.brokers.listening import Listener, MissedError
from traderbot.infrastructure.market_data.feeds.heard_bars import HeardBars
from traderbot.infrastructure.market_data.feeds.told_bars import Asked, Told

HOSTS: Final = frozenset({"stream.binance.com:9443", "stream.testnet.binance.vision:443"})
ASK_EVERY_SECONDS: Final = 5.0  # whether it lives
_LOOK_EVERY: Final = 0.2  # seconds, for a series that is newly wanted
_MOST_SERIES: Final = 200  # of one connection; the exchange allows 1024

_Frame = dict[str, Any]
_Key = tuple[Symbol, Timeframe]


class CcxtBarStream:
    """`BarStream` of one exchange; it connects when the first series is wanted."""

    def __init__(self, clients: CcxtClients, name: str, clock: Clock, address: str | None) -> None:
        """Listen through clients of `clients`; `address` is that of a gateway, if there is one."""
        self.heard = HeardBars()
        self._clients, self._name = clients, name
        self._hosts = AllowedHosts(HOSTS if address is None else [address])
        self._wanted: dict[str, _Key] = {}  # by the exchange's name of the channel
        self._listener = Listener[_Frame](
            f"{name}-bars", self._session, self._read, self._hear, clock
        )
        self._started = False

    def want(self, symbol: Symbol, timeframe: Timeframe) -> None:
        """Listen to a series from now on; once more changes nothing."""
        market = self._clients.market(symbol.code)
        if market is None or len(self._wanted) >= _MOST_SERIES:
            return  # it is asked for instead
        self._wanted[f"{market['id']}@{timeframe.value}"] = (symbol, timeframe)
        if not self._started:
            self._started = True
            self._listener.start()

    def stop(self) -> None:
        """End it."""
        if self._started:
            self._listener.stop()

    # The first thread: connects, and hands over what it hears.

    async def _session(self, listener: Listener[_Frame]) -> None:
        client = await asyncio.to_thread(self._clients.for_stream)
        try:
            self._hosts.check(client.urls["api"]["ws"]["spot"])
            await self._follow(client, listener)
        finally:
            with suppress(Exception):  # the connection is gone either way
                await client.close()

    async def _follow(self, client: Any, listener: Listener[_Frame]) -> None:  # noqa: ANN401
        client.streaming["keepAlive"] = int(ASK_EVERY_SECONDS * 1000)
        client.session = _session_without_redirects()
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        client.handle_message = _handing_over(client.handle_message, listener, ended)
        watching: dict[str, asyncio.Future[Any]] = {}
        try:
            while True:
                for channel, (symbol, timeframe) in tuple(self._wanted.items()):
                    if channel not in watching:
                        watching[channel] = asyncio.ensure_future(
                            client.watch_ohlcv(symbol.code, timeframe.value)
                        )
                done, _ = await asyncio.wait(
                    {ended, *watching.values()}, timeout=_LOOK_EVERY, return_when="FIRST_COMPLETED"
                )
                for it in done:
                    it.result()
                    msg = "the exchange ended a series"
                    raise MissedError(msg)
        finally:
            for it in watching.values():
                it.cancel()
            ended.cancel()
            await asyncio.gather(*watching.values(), return_exceptions=True)

    # The second thread: reads it.

    def _read(self, frame: _Frame) -> Iterable[VenueNews]:
        told = frame["k"]
        key = self._wanted.get(f"{told.get('s')}@{told.get('i')}")
        if key is None:
            return ()
        symbol, timeframe = key
        asked = Asked(
            feed=self._name, symbol=symbol, timeframe=timeframe, start=None, until=_FOR_EVER
        )
        try:
            opened = _EPOCH + timedelta(milliseconds=int(told["t"]))
            at = _EPOCH + timedelta(milliseconds=int(frame["E"]))
            (bar,) = asked.closed(
                [
                    Told(
                        at=opened,
                        open=told["o"],
                        high=told["h"],
                        low=told["l"],
                        close=told["c"],
                        volume=told["v"],
                    )
                ]
            )
        except (KeyError, TypeError, ValueError, OverflowError, FeedUnavailableError) as error:
            msg = f"a bar of the stream could not be read: {type(error).__name__}"
            raise MissedError(msg) from error
        self.heard.take_quote(symbol, Quote(price=bar.close, at=at))
        if told.get("x") is True:
            self.heard.take(bar)
        return ()

    def _hear(self, news: VenueNews) -> None:
        if isinstance(news, Disconnected):
            self.heard.forget()


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)


def _handing_over(
    handle: Callable[[Any, Any], None],
    listener: Listener[_Frame],
    ended: asyncio.Future[None],
) -> Callable[[Any, Any], None]:
    """Return what ccxt is to do with a frame; it must not raise, for ccxt would stop reading."""

    def take(socket: Any, message: Any) -> None:  # noqa: ANN401 - whatever the exchange said
        if ended.done():
            return
        listener.alive()
        try:
            if not listener.connected:
                listener.now_connected()
            if not isinstance(message, dict):
                msg = "a frame of the stream could not be read"
                raise MissedError(msg)  # noqa: TRY301 - told like every other
            if message.get("e") == "kline" and isinstance(message.get("k"), dict):
                listener.heard(message)
            else:
                handle(socket, message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream is broken
            ended.set_exception(
                error if isinstance(error, MissedError) else MissedError(type(error).__name__)
            )

    return take


def _session_without_redirects() -> Any:  # noqa: ANN401
    library = need("aiohttp", "ccxt")

    async def refuse(*_: object) -> None:
        msg = "the exchange's stream answered with a redirect"
        raise RedirectRefusedError(msg)

    watched = library.TraceConfig()
    watched.on_request_redirect.append(refuse)
    return library.ClientSession(trace_configs=[watched], trust_env=False)
