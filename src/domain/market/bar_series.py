"""The BarSeries aggregate: what was taken in of one symbol's bars, import after import."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.events import BarsRecorded, MarketEvent
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Symbol

_SOURCE_LENGTH = 200
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class BarSeries:
    """The bars of one symbol and timeframe, as far as their imports are known."""

    symbol: Symbol
    timeframe: Timeframe
    recorded: frozenset[tuple[datetime, datetime, int, str]]  # first, last, count, digest
    updated_at: datetime
    version: int = 1

    @staticmethod
    def record(
        before: BarSeries | None,
        *,
        symbol: Symbol,
        timeframe: Timeframe,
        first_at: datetime,
        last_at: datetime,
        count: int,
        digest: str,
        source: str,
        at: datetime,
    ) -> tuple[MarketEvent, ...]:
        """Note what is stored after an import. The same bars, noted again, are no news.

        Raises:
            InvalidValueError: no bars, a naive instant, an end before the beginning, no SHA-256 in
                hex, or a source that is not 1 to 200 printable characters.
        """
        for instant in (first_at, last_at):
            if instant.utcoffset() != timedelta(0):
                msg = f"a bar opens at an aware UTC instant, not {instant.isoformat()}"
                raise InvalidValueError(msg)
        if count < 1 or first_at > last_at:
            msg = f"{count} bars from {first_at} to {last_at} are no bars"
            raise InvalidValueError(msg)
        if _DIGEST.fullmatch(digest) is None:
            msg = f"a digest is 64 hex digits, not {digest!r:.60}"
            raise InvalidValueError(msg)
        if not 0 < len(source) <= _SOURCE_LENGTH or not source.isprintable():
            msg = f"a source is 1 to {_SOURCE_LENGTH} printable characters"
            raise InvalidValueError(msg)
        if before is not None and (first_at, last_at, count, digest) in before.recorded:
            return ()
        return (
            BarsRecorded(
                symbol=symbol,
                timeframe=timeframe,
                at=at,
                first_at=first_at,
                last_at=last_at,
                count=count,
                digest=digest,
                source=source,
            ),
        )

    @staticmethod
    def begin(event: MarketEvent) -> BarSeries:
        """Return what the first import made."""
        return BarSeries(
            symbol=event.symbol,
            timeframe=event.timeframe,
            recorded=frozenset({_import(event)}),
            updated_at=event.at,
        )

    def apply(self, event: MarketEvent) -> BarSeries:
        """Return what is known after `event`."""
        return evolve(
            self,
            version=self.version + 1,
            updated_at=event.at,
            recorded=self.recorded | {_import(event)},
        )

    @staticmethod
    def from_events(events: Iterable[MarketEvent]) -> BarSeries:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(BarSeries.begin, events)


def series_id(symbol: Symbol, timeframe: Timeframe) -> str:
    """Return the id of a series, fit for a file's name and a URL's path: `BTC_USDT-1h`.

    No symbol has an underscore, so no two series share an id.
    """
    return f"{symbol.code.replace('/', '_')}-{timeframe.value}"


def digest_of(bars: Sequence[Bar]) -> str:
    """Return SHA-256, in hex, over the lines of these bars in their order.

    A line is symbol, timeframe, the instant the bar opens, open, high, low, close and volume,
    separated by blanks and ended by a line feed: `IBM 1d 1962-01-02T00:00:00.000000Z 7.71 …`.
    """
    hashed = sha256()
    for bar in bars:
        hashed.update(
            f"{bar.symbol} {bar.timeframe.value} {instant_text(bar.at)} {bar.open} {bar.high} "
            f"{bar.low} {bar.close} {bar.volume}\n".encode()
        )
    return hashed.hexdigest()


def _import(event: BarsRecorded) -> tuple[datetime, datetime, int, str]:
    return event.first_at, event.last_at, event.count, event.digest
