"""Bars as charts want them."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from traderbot.application.views import Page
from traderbot.domain.market.bars import Bar
from traderbot.presentation.api.schemas.portfolios import PageQuery
from traderbot.presentation.api.schemas.values import Amount, Instant, InstantText, Out, SymbolText

_CANDLE: JsonDict = {
    "at": "2025-01-02T12:00:00.000000Z",
    "closes_at": "2025-01-02T13:00:00.000000Z",
    "open": "100",
    "high": "110",
    "low": "90",
    "close": "105",
    "volume": "1000",
}


class CandleQuery(PageQuery):
    """Which bars, oldest first."""

    symbol: SymbolText
    timeframe: Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"] = Field(
        description="how long each bar lasts", examples=["1h"]
    )
    start: InstantText | None = Field(default=None, description="that open at or after this")
    end: InstantText | None = Field(default=None, description="and that open before this")


class CandleOut(Out):
    """What a market did from `at`, when the bar opens, until before `closes_at`."""

    at: Instant
    closes_at: Instant
    open: Amount
    high: Amount
    low: Amount
    close: Amount
    volume: Amount

    @classmethod
    def of(cls, bar: Bar) -> CandleOut:
        """Show a bar."""
        return cls(
            at=bar.at,
            closes_at=bar.closes_at,
            open=str(bar.open),
            high=str(bar.high),
            low=str(bar.low),
            close=str(bar.close),
            volume=str(bar.volume),
        )


class CandlePage(Out):
    """Part of a series of bars."""

    symbol: str
    timeframe: str
    items: list[CandleOut]
    next_cursor: str | None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"symbol": "AAPL", "timeframe": "1h", "items": [_CANDLE], "next_cursor": None}
            ]
        }
    )

    @classmethod
    def of(cls, which: CandleQuery, found: Page[Bar]) -> CandlePage:
        """Show a page."""
        return cls(
            symbol=which.symbol,
            timeframe=which.timeframe,
            items=[CandleOut.of(bar) for bar in found.items],
            next_cursor=found.next_cursor,
        )
