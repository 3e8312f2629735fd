"""What can be known of a market's data: which bars were taken in, from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsRecorded:
    """An import of bars is stored.

    `count` and `digest` are of all bars that were then stored from `first_at` to `last_at`, the
    instants at which the first and the last of them open, both included; see `digest_of`.
    `source` says where the import came from, such as `file:ibm.csv` or `sample:IBM`.
    """

    symbol: Symbol
    timeframe: Timeframe
    at: datetime
    first_at: datetime
    last_at: datetime
    count: int
    digest: str  # 64 hex digits
    source: str


MarketEvent = BarsRecorded
