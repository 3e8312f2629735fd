"""The one text of an instant: UTC, six digits, Z. It sorts as text in the order of time."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def instant_text(at: datetime) -> str:
    """Return `at` as `2026-11-21T12:00:00.000000Z`.

    Raises:
        ValueError: `at` is naive; it could mean any instant of a day.
    """
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            msg = f"a naive datetime is no instant: {at.isoformat()}"
            raise ValueError(msg)
        at = at.astimezone(UTC)
    return _text(at)


def instant(text: str) -> datetime:
    """Return the instant that `instant_text` wrote."""
    return datetime.fromisoformat(text)


@lru_cache(maxsize=1024)  # one command's instant stands in a dozen places
def _text(at: datetime) -> str:
    # Only instants in UTC come here: elsewhere the two readings of a repeated hour are equal keys.
    return at.isoformat(timespec="microseconds")[:-6] + "Z"  # strftime is three times as slow
