"""Further series for a check, made of the run's own bars where that can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from traderbot.domain.strategies.further import Wanted, lasts
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.signals import FurtherColumns


def further_of(
    wanted: Sequence[Wanted], bars: Columns, symbol: str, timeframe: str
) -> Mapping[str, FurtherColumns]:
    """Return the wanted bars of longer timeframes of the same symbol; the rest has no rows."""
    return {
        each.name: _longer(bars, lasts(each.timeframe))
        if _can_be_made(each, bars, symbol, timeframe)
        else FurtherColumns(
            known_at=np.empty(0, dtype=np.int64),
            columns={column: np.empty(0) for column in each.columns},
        )
        for each in wanted
    }


def _can_be_made(wanted: Wanted, bars: Columns, symbol: str, timeframe: str) -> bool:
    return (
        wanted.kind == "bars"
        and wanted.symbol in {"", symbol}
        and bool(wanted.timeframe)
        and lasts(wanted.timeframe) > lasts(timeframe)
        and len(bars) > 0
    )


def _longer(bars: Columns, length: int) -> FurtherColumns:
    """Return bars of `length` nanoseconds; each is known when its time is over."""
    period = bars.at // length
    firsts = np.flatnonzero(np.r_[True, period[1:] != period[:-1]])
    lasts_at = np.r_[firsts[1:], len(bars)] - 1
    return FurtherColumns(
        known_at=(period[firsts] + 1) * length,
        columns={
            "open": bars.open[firsts],
            "high": np.maximum.reduceat(bars.high, firsts),
            "low": np.minimum.reduceat(bars.low, firsts),
            "close": bars.close[lasts_at],
            "volume": np.add.reduceat(bars.volume, firsts),
        },
    )
