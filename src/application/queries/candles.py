"""Stored bars, page by page, oldest first."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

from traderbot.application.errors import NotFoundError
from traderbot.application.ports.market_data import BarStore
from traderbot.application.ports.views import PAGE_LIMIT, BadCursorError
from traderbot.application.views import Page
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.domain.shared.values import Symbol

_LONGEST = 100  # characters of a cursor
_INSTANT = timedelta(microseconds=1)
_FIRST = datetime.min.replace(tzinfo=UTC)


def candles(
    store: BarStore,
    symbol: Symbol,
    timeframe: Timeframe,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = PAGE_LIMIT,
    cursor: str | None = None,
) -> Page[Bar]:
    """Return the bars that open at or after `start` and before `end`, at most `limit` of them.

    A cursor names the last bar given out: bars that come in meanwhile shift nothing.

    Raises:
        BadCursorError: the cursor was not given out by this program.
        NotFoundError: nothing of the series is stored.
    """
    size = max(1, min(limit, PAGE_LIMIT))
    after = None if cursor is None else _opened(cursor)
    if after is not None and (start is None or after >= start):
        found = store.following(symbol, timeframe, after, size + 1)
    elif start is not None and start > _FIRST:
        # A store tells what opens later; no bar opens between this instant and `start`.
        found = store.following(symbol, timeframe, start - _INSTANT, size + 1)
    else:
        found = store.following(symbol, timeframe, None, size + 1)
    if not found and not store.following(symbol, timeframe, None, 1):
        raise NotFoundError("series of bars", f"{symbol} {timeframe.value}")
    within = [bar for bar in found if end is None or bar.at < end]
    shown = within[:size]
    more = len(within) > size
    return Page(items=tuple(shown), next_cursor=_sealed(shown[-1].at) if more else None)


def _sealed(at: datetime) -> str:
    return urlsafe_b64encode(instant_text(at).encode()).decode().rstrip("=")


def _opened(cursor: str) -> datetime:
    try:
        if len(cursor) <= _LONGEST:
            text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
            at = instant(text)
            if _sealed(at) == cursor:  # base64 has more than one spelling; we give out one
                return at
    except (ValueError, OverflowError) as error:
        raise _bad(cursor) from error
    raise _bad(cursor)


def _bad(cursor: str) -> BadCursorError:
    return BadCursorError(f"not a cursor of this program: {cursor!r:.60}")
