"""What an order's options say, as the domain's own values."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from traderbot.domain.orders.ticket import OrderKind
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price
from traderbot.presentation.cli.plain import instant_of

_BPS = "bps"


def price_of(text: str | None) -> Price | None:
    """Return a price, None if none is said. Raises InvalidValueError."""
    return None if text is None else Price(text)


def end_of(text: str | None) -> datetime | None:
    """Return when an order ends, None if nothing is said. Raises InvalidValueError."""
    if text is None:
        return None
    at = instant_of(text)
    if at is None:
        msg = f"not an instant: {text!r:.60} (like 2026-12-24T18:00:00Z)"
        raise InvalidValueError(msg)
    return at.astimezone(UTC)


def distance(text: str | None) -> tuple[Price | None, Decimal | None]:
    """Return how far a trailing stop stays behind: an amount, or basis points.

    Raises:
        InvalidValueError: it is written in another way than `2.50` or `75bps`.
    """
    if text is None:
        return None, None
    if text.endswith(_BPS):
        return None, exact(text.removesuffix(_BPS).strip())
    return Price(text), None


def kind_of(*, limit: Price | None, stop: Price | None, trails: bool) -> OrderKind:
    """Return the kind of order that has these; whether they fit is the ticket's to say."""
    if trails:
        return OrderKind.TRAILING_STOP
    if stop is not None:
        return OrderKind.STOP if limit is None else OrderKind.STOP_LIMIT
    return OrderKind.MARKET if limit is None else OrderKind.LIMIT
