"""Alpaca's bars by way of alpaca-py: US shares, and coins against the dollar.

Amounts are read from the answer's own text, for the library would make floats of them. Alpaca
tells no bar of a stretch of time without a trade, so holes are no oddity here; a day's bar opens,
in its words, at midnight in New York, and in ours at 00:00 UTC of the same date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from zoneinfo import ZoneInfo

from traderbot.application.errors import FeedUnavailableError
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.evidence import Evidence, Witness
from traderbot.infrastructure.brokers.extras import keep_secrets, need
from traderbot.infrastructure.brokers.line import Budget, Failed, Line
from traderbot.infrastructure.brokers.venue_errors import ALPACA, Meaning, by_class
from traderbot.infrastructure.market_data.feeds.series_feed import no_such_series
from traderbot.infrastructure.market_data.feeds.told_bars import Asked, Told

HOST: Final = "data.alpaca.markets"
PAGE: Final = 10_000  # the most it tells at once
_DAY: Final = timedelta(days=1)
_NEW_YORK: Final = ZoneInfo("America/New_York")
_NANOSECONDS: Final = re.compile(r"(\.\d{6})\d+")
_NAMES: Final[Mapping[Timeframe, str]] = {
    Timeframe.M1: "1Min",
    Timeframe.M5: "5Min",
    Timeframe.M15: "15Min",
    Timeframe.M30: "30Min",
    Timeframe.H1: "1Hour",
    Timeframe.H4: "4Hour",
    Timeframe.D1: "1Day",
    Timeframe.W1: "1Week",
}
_BEGINNING: Final = datetime(2015, 12, 1, tzinfo=UTC)  # before the first bar it has


class AlpacaFeed:
    """`BarFeed` of Alpaca's market data. Prices are as they were paid, adjusted for nothing."""

    name = "alpaca"

    def __init__(
        self,
        key: str,
        secret: str,
        *,
        exchange: str = "iex",
        address: str | None = None,
        timeout_seconds: float = 10.0,
        budget: Budget | None = None,
    ) -> None:
        """Build the client; nothing is sent yet. Raises MissingExtraError.

        `exchange` is where prices of shares come from: `iex` is free, `sip` is all of them.
        """
        rest, adapters = need("alpaca.common.rest", "alpaca"), need("requests.adapters", "alpaca")
        keep_secrets()
        base = f"https://{HOST}" if address is None else f"http://{address}"
        hosts = AllowedHosts([HOST if address is None else address])
        self._exchange = exchange

        def make() -> tuple[Any, Witness]:
            witness = Witness(
                adapters.HTTPAdapter(),
                hosts,
                timeout_seconds=timeout_seconds,
                secrets=(secret, key),
            )
            client = rest.RESTClient(base, key, secret, raw_data=True)
            client._retry = 0  # noqa: SLF001 - 0 in its constructor means "as always"
            session = client._session  # noqa: SLF001 - it takes none from outside
            session.trust_env = False
            for scheme in ("https://", "http://"):
                session.mount(scheme, witness)
            return client, witness

        self._line = Line(make, _class_says, timeout_seconds=timeout_seconds, budget=budget)

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def closed(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        after: datetime | None,
        until: datetime,
        limit: int = 1000,
    ) -> Sequence[Bar]:
        """Return at most `limit` bars that open after `after` and have closed by `until`.

        Raises:
            FeedUnavailableError: Alpaca did not answer, or not in words that can be believed.
            NotFoundError: it has no such symbol.
        """
        start = None if after is None else timeframe.next_opening(after)
        asked = Asked(feed=self.name, symbol=symbol, timeframe=timeframe, start=start, until=until)
        if limit < 1 or (start is not None and start + timeframe.duration > until):
            return ()  # the next bar has not closed: nobody has to be asked
        return self._page(asked, min(limit + 1, PAGE))[:limit]

    def _page(self, asked: Asked, limit: int) -> list[Bar]:
        path = "/crypto/us/bars" if asked.symbol.is_pair else "/stocks/bars"
        version = "v1beta3" if asked.symbol.is_pair else "v2"
        query: dict[str, Any] = {
            "symbols": asked.symbol.code,
            "timeframe": _NAMES[asked.timeframe],
            "start": _text(asked.start or _BEGINNING),
            "end": _text(asked.until),
            "limit": limit,
            "sort": "asc",
        }
        if not asked.symbol.is_pair:
            query |= {"adjustment": "raw", "feed": self._exchange}
        answer = self._line.call(lambda client: client.get(path, query, api_version=version))
        if isinstance(answer, Failed):
            if answer.meaning is Meaning.ABSENT or _is_unknown(answer.evidence):
                raise no_such_series(self.name, asked.symbol, asked.timeframe)
            raise FeedUnavailableError(f"{self.name}: {answer.unavailable()}")
        rows = _rows(answer.evidence.json(), asked)
        if len(rows) > limit:
            msg = f"{self.name} told {len(rows)} bars where {limit} were asked for"
            raise FeedUnavailableError(msg)
        asked = asked.answered_with(answer.evidence.headers)
        return asked.closed(_read(row, asked) for row in rows)


def _rows(told: Any, asked: Asked) -> list[Any]:  # noqa: ANN401 - whatever the venue said
    bars = told.get("bars") if isinstance(told, dict) else None
    # Without a bar it says null, or leaves the symbol out.
    if isinstance(told, dict) and "bars" in told and not bars:
        return []
    rows = bars.get(asked.symbol.code, []) if isinstance(bars, dict) else None
    if not isinstance(rows, list):
        msg = f"{asked.feed} did not answer with bars that can be read"
        raise FeedUnavailableError(msg)
    return rows


def _read(row: Any, asked: Asked) -> Told:  # noqa: ANN401
    try:
        at = datetime.fromisoformat(_NANOSECONDS.sub(r"\1", row["t"]))
        if at.tzinfo is None:
            raise ValueError(row["t"])  # noqa: TRY301 - told like every other
        return Told(
            at=_opened(at.astimezone(UTC), asked),
            open=row["o"],
            high=row["h"],
            low=row["l"],
            close=row["c"],
            volume=row["v"],
        )
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{asked.feed} told a bar that cannot be read: {row!r:.200}"
        raise FeedUnavailableError(msg) from error


def _opened(at: datetime, asked: Asked) -> datetime:
    """Return when a bar opens in our words."""
    if asked.symbol.is_pair or asked.timeframe.duration < _DAY:
        return at
    local = at.astimezone(_NEW_YORK)
    if local.hour or local.minute or local.second:
        return at  # and it will be told apart as one that opens at no such time
    return datetime(local.year, local.month, local.day, tzinfo=UTC)


def _is_unknown(evidence: Evidence) -> bool:
    problem = evidence.problem()
    is_refused = evidence.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
    return is_refused and problem is not None and "invalid symbol" in problem[1].lower()


def _class_says(error: BaseException, evidence: Evidence) -> Meaning:
    says = by_class(error, ALPACA)
    absent = says is Meaning.REFUSED and evidence.status == HTTPStatus.NOT_FOUND
    return Meaning.ABSENT if absent else says


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
