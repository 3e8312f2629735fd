"""Returns by calendar month, in UTC."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from traderbot.infrastructure.compute.statistics.sample import Sample


class Month(NamedTuple):
    """One month's return, as a fraction."""

    year: int
    month: int  # 1 to 12
    gained: float


def monthly_returns(sample: Sample) -> tuple[Month, ...]:
    """Return each month that has a bar, oldest first.

    A month runs from the last close of the month before it, or from the first bar of all. Nothing
    where the run has no returns.
    """
    if sample.returns is None:
        return ()
    months = sample.at.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    lasts = np.append(np.flatnonzero(np.diff(months)), months.size - 1)
    ends = sample.equity[lasts]
    begins = np.append(sample.equity[:1], ends[:-1])
    gained = ends / begins - 1.0
    return tuple(
        Month(1970 + month // 12, month % 12 + 1, gain)
        for month, gain in zip(months[lasts].tolist(), gained.tolist(), strict=True)
    )
