"""The trades of an account by ccxt's unified calls, whole, whichever way the venue pages them.

Asked for trades since an instant some venues tell the oldest of them, others the newest. So what
was told is continued at both ends until nothing new comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.venue import ForeignOrder, VenueOrder, VenueTrade
from traderbot.infrastructure.brokers.ccxt_client import CcxtClients
from traderbot.infrastructure.brokers.ccxt_unified_orders import instant_of, trade_of
from traderbot.infrastructure.brokers.line import UnreadableError
from traderbot.infrastructure.brokers.order_names import OrderNames

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SMALLEST_PAGE: Final = 20  # of any venue; fewer rows are all there are
_MOST_PAGES: Final = 200

Row = Mapping[str, Any]


class UnifiedTrades:
    """Asks for trades, page by page."""

    def __init__(
        self,
        clients: CcxtClients,
        names: OrderNames,
        order: Callable[[str, str], VenueOrder | ForeignOrder],
    ) -> None:
        """Ask through the line for questions; `order` asks for one by its id and its symbol."""
        self._clients, self._names, self._order = clients, names, order

    def of(self, code: str, since: datetime | None) -> Sequence[VenueTrade]:
        """Return the trades of a symbol, oldest first. Raises VenueUnavailableError."""
        start = None if since is None else max((since - _EPOCH) // timedelta(milliseconds=1), 0)
        found = {it["id"]: it for it in self._page(code, start, None)}
        if len(found) >= _SMALLEST_PAGE:
            self._continue(code, start, found, later=True)
            self._continue(code, start, found, later=False)
        rows = [it for it in found.values() if start is None or it["timestamp"] >= start]
        rows.sort(key=lambda it: (it["timestamp"], it["id"]))
        return [self._trade(code, it) for it in rows]

    def instant(self, told: object, venue: str) -> datetime:
        """Read the venue's clock. Raises VenueUnavailableError."""
        try:
            return instant_of(told)
        except UnreadableError as error:
            msg = f"{venue} did not tell its time"
            raise VenueUnavailableError(msg) from error

    def _continue(
        self, code: str, start: int | None, found: dict[str, Row], *, later: bool
    ) -> None:
        for _ in range(_MOST_PAGES):
            times = [it["timestamp"] for it in found.values()]
            if later:
                page = self._page(code, max(times), None)
            else:
                page = self._page(code, start, min(times))
            fresh = {it["id"]: it for it in page if it["id"] not in found}
            if not fresh:
                return
            found |= fresh
        msg = f"more trades of {code} were told than can be asked for"
        raise VenueUnavailableError(msg)

    def _page(self, code: str, since: int | None, until: int | None) -> list[Row]:
        asked = {} if until is None else {"until": until}
        answer = self._clients.questions.call(
            lambda client: client.fetch_my_trades(code, since, None, asked)
        )
        told = self._clients.told(answer)
        readable = isinstance(told, list) and isinstance(answer.evidence.json(), dict | list)
        if not readable or not all(_is_row(it) for it in told):
            msg = "the venue did not tell its trades in words that can be read"
            raise VenueUnavailableError(msg)
        return [it for it in told if it.get("symbol") == code]

    def _trade(self, code: str, row: Row) -> VenueTrade:
        name = str(row["order"])
        if not self._names.knows(name):
            self._order(name, code)
        try:
            return trade_of(row, self._names.of(name))
        except UnreadableError as error:
            raise VenueUnavailableError(str(error)) from error


def _is_row(told: object) -> bool:
    return (
        isinstance(told, dict)
        and all(isinstance(told.get(it), str) and told[it] for it in ("id", "order"))
        and type(told.get("timestamp")) is int
    )
