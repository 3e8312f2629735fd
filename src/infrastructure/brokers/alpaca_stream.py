"""Alpaca's trade updates by way of alpaca-py's streaming client.

alpaca-py connects, signs in and subscribes. Its own loop is not used: it swallows what it cannot
read and comes back without a word.

A fill's name in the stream is nowhere said to be its name in the account's activities, and one
trade under two names would be booked twice. So the stream tells orders, and each fill it tells of
is read from the activities.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import (
    ForeignOrder,
    VenueNews,
    VenueOrder,
    VenueStatus,
    VenueTrade,
)
from traderbot.domain.shared.values import Quantity
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.alpaca_orders import instant_of, listed_of
from traderbot.infrastructure.brokers.evidence import RedirectRefusedError
from traderbot.infrastructure.brokers.extras import need, silent
from traderbot.infrastructure.brokers.listening import Listener, MissedError
from traderbot.infrastructure.brokers.order_names import OrderNames

ASK_EVERY_SECONDS = 5.0  # whether it lives
_FILLS: Final = frozenset({"fill", "partial_fill"})
PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0)  # before each look for a trade that was told
_BEFORE: Final = timedelta(minutes=1)  # venues' clocks and ours differ
_NOTHING: Final = Quantity(0)
_ENDED: Final = frozenset(
    {VenueStatus.FILLED, VenueStatus.CANCELED, VenueStatus.EXPIRED, VenueStatus.REJECTED}
)

Frame = dict[str, Any]


class AlpacaStream(Listener[Frame]):
    """`Stream` of one account."""

    def __init__(
        self,
        client: Callable[[], Any],
        hosts: AllowedHosts,
        trades_of: Callable[[str, datetime], Iterable[VenueTrade]],
        *,
        url: str,
        name: str,
        hear: Callable[[VenueNews], None],
        names: OrderNames,
        whole: Callable[[VenueOrder], VenueOrder | None],
        clock: Clock,
        timeout_seconds: float,
    ) -> None:
        """Listen through what `client` makes; `trades_of` asks for those of an order.

        `whole` asks for an order one form of which has ended: it may have been changed.
        """
        super().__init__(name, self._connect, self._news, hear, clock)
        self._make, self._hosts, self._trades_of, self._url = client, hosts, trades_of, url
        self._names, self._whole, self._timeout = names, whole, timeout_seconds
        self._told: dict[str, Quantity] = {}  # how much of each order's trades was told

    async def _connect(self, listener: Listener[Frame]) -> None:
        del listener
        self._hosts.check(self._url)
        client = self._make()
        socket = await asyncio.wait_for(self._opened(client), self._timeout)
        asking = asyncio.ensure_future(self._ask(socket))
        reading = asyncio.ensure_future(self._read_all(socket))
        try:
            done, _ = await asyncio.wait({asking, reading}, return_when="FIRST_COMPLETED")
            for it in done:
                it.result()
        finally:
            asking.cancel()
            reading.cancel()
            await asyncio.gather(asking, reading, return_exceptions=True)
            with suppress(Exception):  # the connection is gone either way
                await asyncio.wait_for(socket.close(), self._timeout)

    async def _opened(self, client: Any) -> Any:  # noqa: ANN401 - a library without types
        legacy = need("websockets.legacy.client", "alpaca")
        connecting = legacy.connect(
            self._url,
            ping_interval=None,
            open_timeout=self._timeout,
            close_timeout=1,
            max_size=16 * 1024 * 1024,
            logger=silent(),
        )
        connecting.handle_redirect = _refuse_redirect
        client._ws = socket = await connecting  # noqa: SLF001 - where the client keeps it
        try:
            await client._auth()  # noqa: SLF001 - signing in is the client's
            await client._subscribe_trade_updates()  # noqa: SLF001
            while _message(await socket.recv()).get("stream") != "listening":
                pass
        except BaseException:
            with suppress(Exception):
                await socket.close()
            raise
        self.now_connected()
        return socket

    async def _ask(self, socket: Any) -> None:  # noqa: ANN401
        while True:
            await asyncio.sleep(ASK_EVERY_SECONDS)
            answered = await socket.ping()
            await asyncio.wait_for(answered, ASK_EVERY_SECONDS)
            self.alive()

    async def _read_all(self, socket: Any) -> None:  # noqa: ANN401
        while True:
            message = _message(await socket.recv())
            if message.get("stream") == "trade_updates":
                self.heard(message["data"])

    def _news(self, frame: Frame) -> Iterable[VenueNews]:
        told = listed_of(frame["order"])
        if isinstance(told, ForeignOrder):
            return  # somebody else's, of something without a name: the next listing tells of it
        order = self._names.learn(told)
        if frame.get("event") in _FILLS:
            yield from self._traded(order, instant_of(frame["order"]["created_at"]))
        if order.status is VenueStatus.CANCELED:
            whole = self._whole(order)
            if whole is None:
                return
            order = whole
        yield order
        if order.status in _ENDED:
            self._told.pop(order.venue_order_id, None)

    def _traded(self, order: VenueOrder, placed_at: datetime) -> Iterable[VenueTrade]:
        """Read an order's trades; the activities may be a moment behind the stream.

        One look tells all fills so far, so the frames of a burst are not all looked up.
        """
        name = order.venue_order_id
        if self._told.get(name, _NOTHING) >= order.filled:
            return ()
        for pause in PAUSES:
            time.sleep(pause)
            with suppress(VenueUnavailableError):
                trades = list(self._trades_of(name, placed_at - _BEFORE))
                total = sum((it.quantity for it in trades), _NOTHING)
                if total >= order.filled:
                    self._told[name] = total
                    return trades
        msg = "a fill was told whose trade could not be read"
        raise MissedError(msg)


def _message(frame: str | bytes) -> dict[str, Any]:
    try:
        told = json.loads(frame, parse_float=str, parse_int=str)
    except ValueError as error:
        msg = "a frame of the stream could not be read"
        raise MissedError(msg) from error
    if not isinstance(told, dict):
        msg = "a frame of the stream could not be read"
        raise MissedError(msg)
    return told


def _refuse_redirect(uri: str) -> None:
    del uri
    msg = "the venue's stream answered with a redirect"
    raise RedirectRefusedError(msg)
