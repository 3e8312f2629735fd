"""Pages of a list, newest first.

A cursor names the last row given out, never a number of rows: rows that arrive while somebody turns
pages shift nothing, so none is seen twice and none is missed.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from traderbot.application.ports.views import PAGE_LIMIT, BadCursorError
from traderbot.application.views import Page
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import uuid_text
from traderbot.domain.shared.instants import instant, instant_text

R = TypeVar("R")
V = TypeVar("V")

_CURSOR_LENGTH = 1_000
_INDEX = 18  # digits: what fits into 64 bits, whatever they are
TradeKey = tuple[datetime, str, str]  # at, order, fill: what trades are ordered by


def page_size(limit: int) -> int:
    """Return how many rows a page has: what was asked for, at most PAGE_LIMIT.

    Raises:
        ValueError: less than one was asked for.
    """
    if limit < 1:
        msg = f"a page has at least one row, not {limit}"
        raise ValueError(msg)
    return min(limit, PAGE_LIMIT)


def page_of(
    rows: Sequence[R], size: int, show: Callable[[R], V], cursor: Callable[[R], str]
) -> Page[V]:
    """Return a page of `size` rows; one row more than that says that there is a next page."""
    shown = rows[:size]
    return Page(
        items=tuple(show(row) for row in shown),
        next_cursor=cursor(shown[-1]) if len(rows) > size else None,
    )


def id_cursor(id_: str) -> str:
    """Return the cursor after a row that is ordered by its id."""
    return _sealed(id_)


def id_after(cursor: str) -> str:
    """Return the id `id_cursor` was made from. Raises BadCursorError."""
    try:
        return uuid_text(_opened(cursor))
    except (ValueError, InvalidValueError) as error:
        raise _bad(cursor) from error


def trade_cursor(key: TradeKey) -> str:
    """Return the cursor after a trade."""
    at, order_id, fill_id = key
    return _sealed(f"{instant_text(at)}|{order_id}|{fill_id}")


def trade_after(cursor: str) -> TradeKey:
    """Return the key `trade_cursor` was made from. Raises BadCursorError."""
    try:
        at, order_id, fill_id = _opened(cursor).split("|", 2)
        key = (instant(at), uuid_text(order_id), fill_id)
        if trade_cursor(key) == cursor and "\x00" not in fill_id:  # PostgreSQL's text has no NUL
            return key
    except (ValueError, OverflowError, InvalidValueError) as error:
        raise _bad(cursor) from error
    raise _bad(cursor)


def place_cursor(name: str, log_index: int) -> str:
    """Return the cursor after a row that is ordered by a name and an index of the log."""
    return _sealed(f"{log_index}|{name}")


def place_after(cursor: str) -> tuple[str, int]:
    """Return the name and the index `place_cursor` was made from. Raises BadCursorError."""
    try:
        index, name = _opened(cursor).split("|", 1)
        if place_cursor(name, int(index)) == cursor and "\x00" not in name and len(index) <= _INDEX:
            return name, int(index)
    except ValueError as error:
        raise _bad(cursor) from error
    raise _bad(cursor)


def _sealed(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    if len(cursor) > _CURSOR_LENGTH:
        raise _bad(cursor)
    text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
    if _sealed(text) != cursor:  # base64 has more than one spelling; we give out one
        raise _bad(cursor)
    return text


def _bad(cursor: str) -> BadCursorError:
    return BadCursorError(f"not a cursor of this program: {cursor!r:.60}")
