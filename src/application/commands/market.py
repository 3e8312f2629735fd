"""What is known of market data: an import of bars becomes a fact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.market.bar_series import BarSeries, series_id
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBars(Command[bool]):
    """Bars are stored. The fields are those of `BarsRecorded`; see `import_bars`."""

    symbol: Symbol
    timeframe: Timeframe
    first_at: datetime
    last_at: datetime
    count: int
    digest: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBarsHandler:
    """Handles `RecordBars`. The same bars, recorded again, change nothing."""

    clock: Clock

    def __call__(self, command: RecordBars, unit: UnitOfWork) -> bool:
        """Return whether it was news. Raises InvalidValueError."""
        id_ = series_id(command.symbol, command.timeframe)
        events = BarSeries.record(
            unit.bar_series.find(id_),
            symbol=command.symbol,
            timeframe=command.timeframe,
            first_at=command.first_at,
            last_at=command.last_at,
            count=command.count,
            digest=command.digest,
            source=command.source,
            at=self.clock.now(),
        )
        if events:
            unit.bar_series.record(id_, events)
        return bool(events)
