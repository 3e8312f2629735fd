"""Binance's stream of orders and trades by way of ccxt's streaming client.

ccxt connects, signs and subscribes. Each frame is taken before ccxt folds it into its caches, where
two of one order would become one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import VenueNews, VenueOrder, VenueStatus
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.ccxt_orders import is_foreign, order_of, trade_of
from traderbot.infrastructure.brokers.evidence import RedirectRefusedError
from traderbot.infrastructure.brokers.extras import need
from traderbot.infrastructure.brokers.line import UnreadableError
from traderbot.infrastructure.brokers.listening import Listener, MissedError
from traderbot.infrastructure.brokers.order_names import OrderNames

ASK_EVERY_SECONDS = 5.0  # whether it lives; twice unanswered is a break
_ENDS: Final = frozenset({"eventStreamTerminated", "serverShutdown"})

Frame = dict[str, Any]


class CcxtStream(Listener[Frame]):
    """`Stream` of one account."""

    def __init__(
        self,
        client: Callable[[], Any],
        hosts: AllowedHosts,
        *,
        name: str,
        hear: Callable[[VenueNews], None],
        names: OrderNames,
        whole: Callable[[VenueOrder], VenueOrder | None],
        clock: Clock,
        timeout_seconds: float,
    ) -> None:
        """Listen through what `client` makes, a new one for each connection.

        `whole` asks for an order one form of which has ended: it may have been changed.
        """
        super().__init__(name, self._connect, self._news, hear, clock)
        self._make, self._hosts = client, hosts
        self._names, self._whole, self._timeout = names, whole, timeout_seconds
        self._parser: Any = None

    async def _connect(self, listener: Listener[Frame]) -> None:
        del listener
        client = await asyncio.to_thread(self._make)
        try:
            await self._follow(client)
        finally:
            with suppress(Exception):  # the connection is gone either way
                await client.close()

    async def _follow(self, client: Any) -> None:  # noqa: ANN401 - a library without types
        url = client.urls["api"]["ws"]["ws-api"]["spot"]
        self._hosts.check(url)
        client.streaming["keepAlive"] = int(ASK_EVERY_SECONDS * 1000)
        client.session = session_without_redirects()
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        client.handle_message = partial(self._frame, client.handle_message, ended)
        socket = client.client(url)
        socket.handle_message = partial(self._lives, socket.handle_message, ended)
        self._parser = client
        await asyncio.wait_for(client.authenticate({"type": "spot"}), self._timeout)
        self.now_connected()
        watching = asyncio.ensure_future(_watch(client))
        try:
            done, _ = await asyncio.wait({watching, ended}, return_when="FIRST_COMPLETED")
            for it in done:
                it.result()
        finally:
            watching.cancel()
            ended.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def _lives(
        self,
        handle: Callable[[Any], None],
        ended: asyncio.Future[None],
        message: Any,  # noqa: ANN401
    ) -> None:
        self.alive()
        try:
            handle(message)
        except Exception as error:  # noqa: BLE001 - ccxt would stop reading, and never say so
            if not ended.done():
                missed = MissedError(f"a frame could not be read: {type(error).__name__}")
                ended.set_exception(missed)

    def _frame(
        self,
        handle: Callable[[Any, Any], None],
        ended: asyncio.Future[None],
        socket: Any,  # noqa: ANN401
        message: Any,  # noqa: ANN401
    ) -> None:
        if ended.done():
            return
        try:
            event = _event(message)
            if event.get("e") == "executionReport":
                self.heard(event)
            elif event.get("e") in _ENDS:
                ended.set_exception(MissedError(f"the venue says {event['e']}"))
        except MissedError as error:
            ended.set_exception(error)
            return
        handle(socket, message)

    def _news(self, frame: Frame) -> Iterable[VenueNews]:
        client = self._parser
        told = client.parse_ws_order(frame)
        try:
            order = self._names.learn(order_of(told))
        except UnreadableError:
            if is_foreign(told):
                return  # somebody else's, of something without a name: the next listing tells of it
            raise
        # The trade first: an order never ends before what it traded is told.
        if frame.get("x") == "TRADE":
            yield trade_of(client.parse_ws_trade(frame), order.client_order_id)
        if order.status is VenueStatus.CANCELED:
            whole = self._whole(order)
            if whole is None:
                return
            order = whole
        yield order


async def _watch(client: Any) -> None:  # noqa: ANN401
    while True:
        await client.watch_orders()


def _event(message: Any) -> Frame:  # noqa: ANN401 - whatever the venue said
    if not isinstance(message, dict):
        msg = "a frame of the stream could not be read"
        raise MissedError(msg)
    inner = message.get("event", message)
    return inner if isinstance(inner, dict) else message


def session_without_redirects() -> Any:  # noqa: ANN401 - a library's own
    """Make a session that goes nowhere else than it was sent."""
    library = need("aiohttp", "ccxt")

    async def refuse(*_: object) -> None:
        msg = "the venue's stream answered with a redirect"
        raise RedirectRefusedError(msg)

    watched = library.TraceConfig()
    watched.on_request_redirect.append(refuse)
    return library.ClientSession(trace_configs=[watched], trust_env=False)
