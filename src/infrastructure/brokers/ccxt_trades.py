"""The trades of an account at Binance, whole and with the names of their orders.

The venue tells at most a thousand at once: the newest, those of one day, or those from a number on.
It tells them by its own id of the order alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.venue import VenueTrade
from traderbot.infrastructure.brokers.ccxt_client import CcxtClients
from traderbot.infrastructure.brokers.ccxt_orders import order_of, trade_of
from traderbot.infrastructure.brokers.line import UnreadableError
from traderbot.infrastructure.brokers.order_names import OrderNames

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE: Final = 1000
_DAY: Final = 86_400_000  # milliseconds

Row = Mapping[str, Any]


class CcxtTrades:
    """Asks for trades, page by page."""

    def __init__(self, clients: CcxtClients, names: OrderNames) -> None:
        """Ask through the line for questions."""
        self._clients, self._names = clients, names

    def of(self, code: str, since: datetime | None) -> Sequence[VenueTrade]:
        """Return the trades of a symbol, oldest first. Raises VenueUnavailableError."""
        newest = self._page(code, {})
        found = {it["id"]: it for it in newest}
        if len(newest) == _PAGE:  # there may be older ones
            oldest = min(newest, key=_number)
            found |= {it["id"]: it for it in self._before(code, since, oldest)}
        start = 0 if since is None else _millis(since)
        told = sorted((it for it in found.values() if it["timestamp"] >= start), key=_number)
        self._learn_names(code, told)
        return list(all_of(told, lambda it: trade_of(it, self._names.of(it["order"]))))

    def _before(self, code: str, since: datetime | None, than: Row) -> Iterator[Row]:
        if since is None:
            yield from self._up_to(code, 0, than)
            return
        start = max(_millis(since), 0)
        while start <= than["timestamp"]:
            page = self._page(code, {"startTime": start, "endTime": start + _DAY - 1})
            yield from page
            if len(page) == _PAGE:
                yield from self._up_to(code, _number(max(page, key=_number)) + 1, than)
                return
            start += _DAY

    def _up_to(self, code: str, number: int, than: Row) -> Iterator[Row]:
        while True:
            page = self._page(code, {"fromId": number})
            yield from page
            if len(page) < _PAGE:
                return
            number = _number(max(page, key=_number)) + 1
            if number > _number(than):
                return

    def _page(self, code: str, asked: Mapping[str, Any]) -> list[Row]:
        told = self._clients.listed(
            self._clients.questions.call(
                lambda client: client.fetch_my_trades(code, None, _PAGE, asked), weight=20
            )
        )
        if not all(_is_row(it) for it in told):
            msg = "the venue did not tell its trades in words that can be read"
            raise VenueUnavailableError(msg)
        return told

    def _learn_names(self, code: str, trades: Iterable[Row]) -> None:
        """Ask for the orders that trades belong to and that were not heard of."""
        unknown = {it["order"] for it in trades if not self._names.knows(it["order"])}
        first = min(unknown, key=int) if len(unknown) > 1 else None
        while first is not None:
            first = self._learn_page(code, first)
            if all(self._names.knows(it) for it in unknown):
                return
        for name in sorted(it for it in unknown if not self._names.knows(it)):
            self._learn_one(code, name)

    def _learn_page(self, code: str, first: str) -> str | None:
        """Learn a page of orders from one on; return where the next begins, None at the end."""
        told = self._clients.listed(
            self._clients.questions.call(
                lambda client: client.fetch_orders(code, None, _PAGE, {"orderId": first}),
                weight=20,
            )
        )
        last = 0
        for it in all_of(told, order_of):
            last = max(last, int(self._names.learn(it).venue_order_id))
        return str(last + 1) if len(told) == _PAGE else None

    def _learn_one(self, code: str, name: str) -> None:
        answer = self._clients.questions.call(
            lambda client: client.fetch_order(name, code), weight=4
        )
        for it in all_of([self._clients.told(answer)], order_of):
            self._names.learn(it)


def all_of(told: Iterable[Any], read: Callable[[Any], Any]) -> Iterator[Any]:
    """Read each. Raises VenueUnavailableError at the first that cannot be read."""
    for it in told:
        try:
            yield read(it)
        except UnreadableError as error:
            raise VenueUnavailableError(str(error)) from error


def _is_row(told: object) -> bool:
    return (
        isinstance(told, dict)
        and all(isinstance(told.get(it), str) and told[it].isdigit() for it in ("id", "order"))
        and type(told.get("timestamp")) is int
    )


def _number(told: Row) -> int:
    return int(told["id"])


def _millis(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)
