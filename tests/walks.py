"""The walk every peer was given: `reference/trading-platforms.md` §5, bar for bar."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from traderbot.application.backtesting.tape import Tape
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import symbol

START = datetime(2024, 1, 1, tzinfo=UTC)


def walk(count: int = 3000, seed: int = 7, code: str = "WALK") -> Tape:
    """Return hourly bars of whole cents: each opens where the one before closed."""
    draw = random.Random(seed)  # noqa: S311 - a walk everybody can repeat
    columns: dict[str, list[Decimal]] = {
        name: [] for name in ("open", "high", "low", "close", "volume")
    }
    opened = 10_000
    for _ in range(count):
        close = opened + draw.randint(-120, 120)
        high = max(opened, close) + draw.randint(0, 40)
        low = min(opened, close) - draw.randint(0, 40)
        volume = draw.randint(5, 500)
        for name, cents in (("open", opened), ("high", high), ("low", low), ("close", close)):
            columns[name].append(Decimal(cents).scaleb(-2))
        columns["volume"].append(Decimal(volume))
        opened = close
    at = [START + timedelta(hours=number) for number in range(count)]
    return Tape.of_columns(symbol(code), Timeframe.H1, at, columns)
