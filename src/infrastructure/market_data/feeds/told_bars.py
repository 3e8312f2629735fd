"""What a venue says of bars, read without believing it: only what it was asked for passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from traderbot.application.errors import FeedUnavailableError
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, Symbol

# The last trades of a bar may reach a venue's tables a moment after its close.
_SETTLES = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One bar as a venue told it; amounts are text."""

    at: datetime
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a venue was asked for: bars that open from `start` on, oldest first."""

    feed: str
    symbol: Symbol
    timeframe: Timeframe
    start: datetime | None
    until: datetime

    def answered_with(self, headers: Mapping[str, str]) -> Asked:
        """Return the same, with no bar that is not over by the venue's own clock.

        Ours may be ahead of it, and a bar that is told too early is told wrongly.
        """
        told = next((it for name, it in headers.items() if name.lower() == "date"), None)
        try:
            at = None if told is None else parsedate_to_datetime(told)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            return self
        return replace(self, until=min(self.until, at - _SETTLES))

    def closed(self, told: Iterable[Told]) -> list[Bar]:
        """Return the bars that have closed by `until`; a bar that still grows is left out.

        Raises:
            FeedUnavailableError: a bar cannot be read, contradicts itself, was not asked for, or
                comes twice or in the wrong order. Nothing of such an answer is believed.
        """
        found: list[Bar] = []
        for each in told:
            bar = self._bar(each)
            if self.start is not None and bar.at < self.start:
                raise self._nonsense(f"a bar of {_shown(bar.at)}, before {_shown(self.start)}")
            if found and bar.at <= found[-1].at:
                raise self._nonsense(f"{_shown(bar.at)} after {_shown(found[-1].at)}")
            found.append(bar)
        return [bar for bar in found if bar.closes_at <= self.until]

    def _bar(self, told: Told) -> Bar:
        try:
            bar = Bar(
                symbol=self.symbol,
                timeframe=self.timeframe,
                at=told.at,
                open=Price(_amount(told.open)),
                high=Price(_amount(told.high)),
                low=Price(_amount(told.low)),
                close=Price(_amount(told.close)),
                volume=Quantity(_amount(told.volume)),
            )
        except InvalidValueError as error:
            raise self._nonsense(f"of {_shown(told.at)}: {error}") from error
        if bar.at != self.timeframe.opening(bar.at):
            raise self._nonsense(f"a bar that opens at {bar.at.isoformat()}")
        return bar

    def _nonsense(self, what: str) -> FeedUnavailableError:
        return FeedUnavailableError(
            f"{self.feed} answered about {self.symbol} {self.timeframe.value} with what cannot be "
            f"believed: {what:.300}"
        )


def _amount(told: Any) -> Decimal:  # noqa: ANN401 - whatever the venue said
    """Return an amount from its text; JSON may write small ones with an exponent."""
    if not isinstance(told, str):
        msg = f"not an amount: {told!r:.60}"
        raise InvalidValueError(msg)
    try:
        return exact(Decimal(told))
    except InvalidOperation as error:
        msg = f"not an amount: {told!r:.60}"
        raise InvalidValueError(msg) from error


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
