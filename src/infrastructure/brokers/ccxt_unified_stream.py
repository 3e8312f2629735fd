"""The stream of orders of any exchange, by way of ccxt's streaming clients.

What ccxt makes of a frame differs from venue to venue, names are lost in it and states are folded
together. So the stream says *which* order has changed, and the venue is asked *how* it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import Connected, ForeignOrder, VenueNews, VenueOrder
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.ccxt_stream import session_without_redirects
from traderbot.infrastructure.brokers.listening import Listener

_SETTLES: Final = 2.0  # seconds until a subscription surely holds; the books are compared again

Changed = tuple[str, str]  # the venue's id of an order, and its symbol


class UnifiedStream(Listener[Changed]):
    """`Stream` of one account."""

    def __init__(
        self,
        client: Callable[[], Any],
        hosts: AllowedHosts,
        order: Callable[[str, str], VenueOrder | ForeignOrder],
        *,
        name: str,
        hear: Callable[[VenueNews], None],
        clock: Clock,
        timeout_seconds: float,
    ) -> None:
        """Listen through what `client` makes; `order` asks for one by its id and its symbol."""
        super().__init__(name, self._connect, self._news, hear, clock)
        self._make, self._hosts, self._order = client, hosts, order
        self._timeout, self._now, self._say = timeout_seconds, clock, hear

    async def _connect(self, listener: Listener[Changed]) -> None:
        del listener
        client = await asyncio.to_thread(self._make)
        client.session = session_without_redirects()
        client.newUpdates = True
        heard = asyncio.Event()
        self._watch_sockets(client, heard)
        watching = asyncio.ensure_future(self._watch(client))
        try:
            first = asyncio.ensure_future(heard.wait())
            await asyncio.wait(
                {watching, first}, timeout=self._timeout, return_when="FIRST_COMPLETED"
            )
            first.cancel()
            if watching.done() or not heard.is_set():
                watching.cancel()
                await watching
                return
            self.now_connected()
            settled, _ = await asyncio.wait({watching}, timeout=_SETTLES)
            if not settled:
                self._say(Connected(at=self._now.now()))
            await watching
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            with suppress(Exception):  # the connection is gone either way
                await client.close()

    def _watch_sockets(self, client: Any, heard: asyncio.Event) -> None:  # noqa: ANN401
        """Check where each connection goes, and note whatever comes in through it."""
        make = client.client

        def checked(url: str) -> Any:  # noqa: ANN401
            known = url in client.clients
            self._hosts.check(url)
            socket = make(url)
            if not known:
                handle = socket.handle_message

                def lives(message: Any) -> None:  # noqa: ANN401
                    self.alive()
                    heard.set()
                    handle(message)

                socket.handle_message = lives
            return socket

        client.client = checked

    async def _watch(self, client: Any) -> None:  # noqa: ANN401
        while True:
            for it in await client.watch_orders():
                if isinstance(it, dict) and isinstance(it.get("id"), str):
                    self.heard((it["id"], str(it.get("symbol") or "")))

    def _news(self, frame: Changed) -> Iterable[VenueNews]:
        order = self._order(*frame)
        if isinstance(order, VenueOrder):
            yield order
