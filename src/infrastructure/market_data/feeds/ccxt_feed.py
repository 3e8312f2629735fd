"""Binance's bars by way of ccxt, asked for page by page. No key is needed.

Binance tells a bar for every stretch of time, also one without a trade. So a hole is either the
exchange's own, from a day it stood still, or a page that came short: a hole is believed when it is
told twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import pairwise
from typing import Any, Final

from traderbot.application.errors import FeedUnavailableError, VenueUnavailableError
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.brokers.ccxt_client import CcxtClients
from traderbot.infrastructure.brokers.line import Budget, Failed
from traderbot.infrastructure.market_data.feeds.series_feed import no_such_series
from traderbot.infrastructure.market_data.feeds.told_bars import Asked, Told

PAGE: Final = 1000  # the most the exchange tells at once
_WEIGHT: Final = 2


class CcxtFeed:
    """`BarFeed` of one exchange."""

    def __init__(
        self,
        *,
        name: str = "binance",
        sandbox: bool = False,
        address: str | None = None,
        timeout_seconds: float = 10.0,
        budget: Budget | None = None,
    ) -> None:
        """Build the client; nothing is sent yet. Raises MissingExtraError.

        `address` is host and port of a gateway on this machine that speaks for the exchange.
        """
        self.name = name
        self.clients = CcxtClients(
            "",
            "",
            name=name,
            sandbox=sandbox,
            address=address,
            timeout_seconds=timeout_seconds,
            budget=budget,
        )

    def close(self) -> None:
        """Hang up."""
        self.clients.close()

    def closed(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        after: datetime | None,
        until: datetime,
        limit: int = PAGE,
    ) -> Sequence[Bar]:
        """Return at most `limit` bars that open after `after` and have closed by `until`.

        Raises:
            FeedUnavailableError: the exchange did not answer, or not in words that can be believed.
            NotFoundError: the exchange does not trade this.
        """
        self._check_traded(symbol, timeframe)
        start = None if after is None else timeframe.next_opening(after)
        if limit < 1 or (start is not None and start + timeframe.duration > until):
            return ()  # the next bar has not closed: nobody has to be asked
        asked = Asked(feed=self.name, symbol=symbol, timeframe=timeframe, start=start, until=until)
        bars = self._page(asked, limit)
        if start is not None and bars and bars[0].at > start:
            again = self._page(asked, limit)
            if not again or again[0].at != bars[0].at:
                msg = f"{self.name} told of {symbol} a hole after {after}, and then told none"
                raise FeedUnavailableError(msg)
            bars = again
        return _up_to_a_hole(bars)

    def _page(self, asked: Asked, limit: int) -> list[Bar]:
        """Ask for one page. Its last bar may still grow, so one more than `limit` is asked for."""
        since = 0 if asked.start is None else _millis(asked.start)
        most = min(limit + 1, PAGE)
        answer = self.clients.questions.call(
            lambda client: client.fetch_ohlcv(
                asked.symbol.code, asked.timeframe.value, since, most
            ),
            weight=_WEIGHT,
        )
        if isinstance(answer, Failed) and answer.evidence.status == HTTPStatus.BAD_REQUEST:
            self.clients.learn_from(answer)
        try:
            rows = self.clients.listed(answer)
        except VenueUnavailableError as error:
            raise FeedUnavailableError(f"{self.name}: {error}") from error
        if len(rows) > most:
            msg = f"{self.name} told {len(rows)} bars where {most} were asked for"
            raise FeedUnavailableError(msg)
        asked = asked.answered_with(answer.evidence.headers)
        return asked.closed(self._told(row) for row in rows)[:limit]

    def _told(self, row: Any) -> Told:  # noqa: ANN401 - whatever ccxt made of the answer
        try:
            at, open_, high, low, close, volume = row
            opened = datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)
        except (TypeError, ValueError, OverflowError, OSError) as error:
            msg = f"{self.name} told a bar that cannot be read: {row!r:.200}"
            raise FeedUnavailableError(msg) from error
        return Told(at=opened, open=open_, high=high, low=low, close=close, volume=volume)

    def _check_traded(self, symbol: Symbol, timeframe: Timeframe) -> None:
        try:
            self.clients.learn()
        except VenueUnavailableError as error:
            raise FeedUnavailableError(f"{self.name}: {error}") from error
        if not symbol.is_pair or self.clients.market(symbol.code) is None:
            raise no_such_series(self.name, symbol, timeframe)


def _up_to_a_hole(bars: list[Bar]) -> list[Bar]:
    """Return the bars before the first hole; the next question begins there, and asks again."""
    for place, (before, bar) in enumerate(pairwise(bars), start=1):
        if before.closes_at != bar.at:
            return bars[:place]
    return bars


def _millis(at: datetime) -> int:
    return int(at.timestamp()) * 1000 + at.microsecond // 1000
