"""Not knowing whether a venue has an order, and what counts as proof that it has not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

PROOFS_OF_ABSENCE = 2  # how often a venue must say that it has no such order
BETWEEN_PROOFS = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Since when nobody knows, and how often the venue said that it has no such order."""

    since: datetime
    not_found: int = 0
    last_asked: datetime | None = None
