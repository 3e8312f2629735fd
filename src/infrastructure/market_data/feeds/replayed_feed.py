"""What was seen once, seen again: each bar when it was known, and in the form it then had."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.sightings import Sighting
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.market_data.feeds.series_feed import no_such_series


class ReplayedFeed:
    """`BarFeed` over sightings. A bar that came late is waited for, as it was then."""

    def __init__(self, name: str, sightings: Iterable[Sighting]) -> None:
        """Tell these again, under a name such as `recording:0192f0c1-…`."""
        self.name = name
        forms: dict[tuple[Symbol, Timeframe], dict[datetime, list[Sighting]]] = {}
        for each in sightings:
            series = forms.setdefault((each.bar.symbol, each.bar.timeframe), {})
            series.setdefault(each.bar.at, []).append(each)
        self._series = {
            key: [sorted(series[at], key=_known) for at in sorted(series)]
            for key, series in forms.items()
        }

    def closed(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        after: datetime | None,
        until: datetime,
        limit: int = 1000,
    ) -> Sequence[Bar]:
        """Return at most `limit` bars that open after `after` and were known at `until`.

        Raises:
            NotFoundError: there is no such series.
        """
        series = self._series.get((symbol, timeframe))
        if series is None:
            raise no_such_series(self.name, symbol, timeframe)
        place = 0 if after is None else bisect_right(series, after, key=_opens)
        found: list[Bar] = []
        for forms in series[place : place + limit]:
            known = bisect_right(forms, until, key=_known)
            if not known:
                break  # what comes after it may be known already, but nothing is left out
            found.append(forms[known - 1].bar)
        return found


def _opens(forms: Sequence[Sighting]) -> datetime:
    return forms[0].bar.at


def _known(sighting: Sighting) -> datetime:
    return sighting.known_at
