"""Backtests: what is asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from traderbot.presentation.api.schemas.portfolios import MoneyBody
from traderbot.presentation.api.schemas.values import (
    Amount,
    Body,
    DecimalText,
    InstantText,
    NameText,
    Out,
    SymbolText,
)

_MOST_PARAMETERS: Final = 50
_MOST_SERIES: Final = 10
EXAMPLE_RUN: Final = "a65201291f9a7abf37838119e264eea69016a8ba3faa733d9a6d2df8f4298f2f"
# What is a choice of the engine under the same name.
_TERMS: Final = (
    *("quantity", "share", "risk", "stop_loss", "take_profit", "participation"),
    *("fee_bps", "slippage_bps", "spread_bps", "borrow_bps", "limits", "at_end", "on_gap"),
)
ParameterText = Annotated[str, Field(max_length=200)]


class BacktestBody(Body):
    """A strategy, the stored bars it is to trade on, and the terms."""

    strategy: NameText
    parameters: Mapping[NameText, ParameterText] = Field(
        default_factory=dict, max_length=_MOST_PARAMETERS
    )
    symbols: list[SymbolText] = Field(min_length=1, max_length=_MOST_SERIES)
    timeframe: Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"] = "1d"
    since: InstantText | None = None
    until: InstantText | None = None
    cash: MoneyBody = MoneyBody(amount="100000", currency="USD")
    quantity: DecimalText | None = Field(default=None, description="units an entry takes")
    share: DecimalText | None = Field(default=None, description="or: the share of equity it takes")
    risk: DecimalText | None = Field(
        default=None, description="or: the share of equity that its stop may cost"
    )
    stop_loss: DecimalText | None = None
    take_profit: DecimalText | None = None
    short: bool = False
    fee_bps: DecimalText = "10"
    slippage_bps: DecimalText = "5"
    spread_bps: DecimalText = "0"
    borrow_bps: DecimalText = "0"
    participation: DecimalText | None = None
    limits: Literal["none", "paper"] = "none"
    at_end: Literal["mark", "close"] = "mark"
    on_gap: Literal["flag", "refuse"] = "flag"

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "strategy": "RSI_CROSS",
                    "parameters": {"rsi_period": "5"},
                    "symbols": ["WALK"],
                    "timeframe": "1h",
                    "quantity": "10",
                }
            ]
        }
    )

    def terms(self) -> Mapping[str, str]:
        """Return what was chosen, by the engine's names."""
        given = {name: getattr(self, name) for name in _TERMS}
        found = {name: value for name, value in given.items() if value is not None}
        cash = f"{self.cash.amount} {self.cash.currency}"
        return {**found, "cash": cash, "short": "yes" if self.short else "no"}


class BacktestTraderOut(Out):
    """A strategy on a series."""

    strategy: str
    parameters: Mapping[str, str]
    symbol: str
    timeframe: str


class BacktestStopOut(Out):
    """A strategy that was stopped, and why."""

    strategy: str
    symbol: str
    code: str
    reason: str


class BacktestTradeOut(Out):
    """A closed trade; its profit is after fees."""

    symbol: str
    side: str
    quantity: Amount
    entry_at: str
    exit_at: str
    entry_price: Amount
    exit_price: Amount
    profit: Amount
    fees: Amount


class BacktestOut(Out):
    """What came of a backtest."""

    run_id: str = Field(description="digest of code, parameters, bars and terms")
    bars: int
    first: str
    last: str
    traders: list[BacktestTraderOut]
    model: str = Field(description="how orders were filled")
    cash: list[str]
    equity: str
    profit: Amount
    trade_count: int
    won: int
    fills: int
    fees: str
    borrowed: str
    open: Mapping[str, Amount] = Field(description="units still held, by symbol")
    rejected: int
    blocked: Mapping[str, int] = Field(description="signals without an order, by the reason")
    holes: int = Field(description="places where bars are missing")
    ended: str = Field(description="why it ended before its last bar; empty if it did not")
    stopped: list[BacktestStopOut]


_SHOWN: Final[JsonDict] = {
    "run_id": EXAMPLE_RUN,
    "bars": 400,
    "first": "2024-01-01T00:00:00+00:00",
    "last": "2024-01-17T16:00:00+00:00",
    "traders": [
        {
            "strategy": "RSI_CROSS",
            "parameters": {
                "rsi_period": "5",
                "oversold": "30",
                "overbought": "70",
                "smoothing": "simple",
                "seeding": "mean",
            },
            "symbol": "WALK",
            "timeframe": "1h",
        }
    ],
    "model": "maker 10 taker 10 bps, slippage bps 5",
    "cash": ["100000 USD"],
    "equity": "99803.8807 USD",
    "profit": "-196.1193",
    "trade_count": 12,
    "won": 5,
    "fills": 25,
    "fees": "22.7193 USD",
    "borrowed": "0 USD",
    "open": {"WALK": "10"},
    "rejected": 0,
    "blocked": {"ALREADY_LONG": 21, "NO_POSITION": 15},
    "holes": 0,
    "ended": "",
    "stopped": [],
}
_TRADE: Final[JsonDict] = {
    "symbol": "WALK",
    "side": "buy",
    "quantity": "10",
    "entry_at": "2024-01-01T07:00:00+00:00",
    "exit_at": "2024-01-02T06:00:00+00:00",
    "entry_price": "98.26",
    "exit_price": "98.41",
    "profit": "-0.4667",
    "fees": "1.9667",
}


class WholeBacktestOut(BacktestOut):
    """What came of a backtest, with its statistics and its trades, 10,000 at most."""

    statistics: Mapping[str, float | None] = Field(description="null where one is not defined")
    trades: list[BacktestTradeOut]

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_SHOWN, "statistics": {}, "trades": [_TRADE]}]}
    )

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> WholeBacktestOut:
        """Show one."""
        return cls.model_validate(document)


class BacktestList(Out):
    """One's own backtests, the newest first."""

    items: list[BacktestOut]

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_SHOWN]}]})

    @classmethod
    def of(cls, documents: list[Mapping[str, Any]]) -> BacktestList:
        """Show them."""
        return cls(items=[BacktestOut.model_validate(it) for it in documents])
