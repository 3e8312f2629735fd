from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.unit.infrastructure.compute.backtests.markets import market
from traderbot.backtesting import (
    UNLIMITED,
    BacktestResult,
    FillModel,
    Limits,
    Sizing,
    SizingRule,
    Slippage,
    SlippageKind,
    Tape,
    tape,
)
from traderbot.backtesting import backtest as exact_backtest
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.strategies.rsi_cross import RsiCrossStrategy
from traderbot.infrastructure.compute.backtests.outcome import EventKind, Outcome
from traderbot.infrastructure.compute.backtests.running import backtest
from traderbot.infrastructure.compute.backtests.terms import NotInKernelError, Terms
from traderbot.infrastructure.compute.columns import Columns

BARS = 400
CASH = Decimal(10_000)
TEN = Sizing(rule=SizingRule.FIXED, amount=Decimal(10))
HALF = Sizing(rule=SizingRule.SHARE, amount=Decimal("0.5"))
ALL = Sizing(rule=SizingRule.SHARE, amount=Decimal(1))
FREE = FillModel(taker_fee_bps=Decimal(0), slippage=Slippage(SlippageKind.NONE))


def the_tape(bars: Columns, symbol: str = "IBM") -> Tape:
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    at = [begin + timedelta(hours=k) for k in range(len(bars))]
    names = ("open", "high", "low", "close", "volume")
    columns = {name: [repr(x) for x in getattr(bars, name).tolist()] for name in names}
    return tape(symbol, "1h", at, columns)


def both(
    seed: int, sizing: Sizing, model: FillModel, limits: Limits, symbol: str = "IBM"
) -> tuple[BacktestResult, Outcome]:
    bars, strategy = market(BARS, seed), RsiCrossStrategy(rsi_period=5)
    series = the_tape(bars, symbol)
    cash = f"{CASH} {series.symbol.quote}"
    slow = exact_backtest(strategy, series, cash=cash, sizing=sizing, model=model, limits=limits)
    terms = Terms.of(CASH, sizing, default_instrument(series.symbol), model, limits)
    return slow, backtest(strategy, bars, terms, timeframe="1h")


@pytest.mark.parametrize("limits", [UNLIMITED, Limits()], ids=["unlimited", "limited"])
@pytest.mark.parametrize("model", [FillModel(), FREE], ids=["costs", "free"])
@pytest.mark.parametrize("sizing", [TEN, HALF, ALL], ids=["ten", "half", "all"])
@pytest.mark.parametrize("symbol", ["IBM", "BTC/USDT"])
def test_the_kernel_trades_as_the_exact_engine_does(
    sizing: Sizing, model: FillModel, limits: Limits, symbol: str
) -> None:
    for seed in (1, 2):
        slow, fast = both(seed, sizing, model, limits, symbol)
        filled = [it for it in fast.events() if it.kind is EventKind.FILLED]
        assert filled
        assert [(it.side, it.quantity, it.price, it.fee) for it in filled] == [
            (it.side, it.quantity.value, it.price.value, it.fee.amount) for it in slow.fills
        ]
        assert fast.final_equity == slow.final_equity.amount
        assert (fast.trades, fast.fees) == (len(slow.trades), slow.fees.amount)
        assert fast.refused == sum(
            count for code, count in slow.blocked.items() if code not in SKIPPED
        )
        assert np.allclose(fast.equity, slow.equity, rtol=1e-14, atol=0)
        assert [float(it.profit) for it in slow.trades] == pytest.approx(
            fast.trade_table()["profit"].tolist(), rel=1e-12, abs=1e-9
        )


# What a kernel has no row for: signals that ask for what is there already.
SKIPPED = {"ALREADY_LONG", "NO_POSITION"}


def test_both_end_where_the_cash_is_overdrawn() -> None:
    slow, fast = both(1, ALL, FillModel(), UNLIMITED)
    assert slow.ended.startswith("insolvent")
    assert fast.last_bar == len(slow.equity) - 1 < BARS - 1
    assert fast.cash == slow.portfolio.cash_in(slow.spec.currency).total.amount < 0


@pytest.mark.parametrize(
    ("sizing", "model", "limits", "word"),
    [
        (Sizing(rule=SizingRule.FIXED, amount=Decimal(1), short=True), FREE, UNLIMITED, "short"),
        (
            Sizing(rule=SizingRule.FIXED, amount=Decimal(1), stop_loss=Decimal("0.1")),
            FREE,
            UNLIMITED,
            "exits",
        ),
        (
            Sizing(rule=SizingRule.RISK, amount=Decimal("0.1"), stop_loss=Decimal("0.1")),
            FREE,
            UNLIMITED,
            "sizing by risk",
        ),
        (TEN, FillModel(participation=Decimal("0.1")), UNLIMITED, "volume"),
        (TEN, FillModel(latency=timedelta(seconds=1)), UNLIMITED, "latency"),
        (TEN, FillModel(spread_bps=Decimal(2)), UNLIMITED, "spread"),
        (
            TEN,
            FillModel(slippage=Slippage(SlippageKind.RANGE, Decimal("0.1"))),
            UNLIMITED,
            "slippage by range",
        ),
        (TEN, FREE, Limits(drawdown_max=Decimal("0.2")), "drawdown_max"),
    ],
)
def test_what_the_kernel_does_not_know_is_named(
    sizing: Sizing, model: FillModel, limits: Limits, word: str
) -> None:
    instrument = default_instrument(the_tape(market(3)).symbol)
    with pytest.raises(NotInKernelError, match=word) as refused:
        Terms.of(CASH, sizing, instrument, model, limits)
    assert "run it with the exact engine" in str(refused.value)


def test_side_of_a_row_reads_as_a_side() -> None:
    _, fast = both(1, TEN, FREE, UNLIMITED)
    sides = [it.side for it in fast.events() if it.kind is EventKind.FILLED]
    assert sides[:4] == [Side.BUY, Side.SELL, Side.BUY, Side.SELL]
    assert fast.columns["kind"].tolist() == [
        ("placed", "refused", "filled").index(it.kind) for it in fast.events()
    ]
