"""The log that is made afterwards is the log that a bot's runner writes, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.backtesting.live import bodies, run_live
from tests.peers_rsi import PeersRsi
from tests.walks import walk
from traderbot.application.backtesting.tape import Tape
from traderbot.backtesting import (
    PAPER,
    UNLIMITED,
    BacktestSpec,
    FillModel,
    Sizing,
    SizingRule,
    Slippage,
    SlippageKind,
    Trader,
    run,
    write_log,
)
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Money
from traderbot.infrastructure.market_data.sample_bars import sample_bars
from traderbot.strategies import RsiCrossStrategy

TEN = Sizing(rule=SizingRule.FIXED, amount=Decimal(10))
PEERS = FillModel(slippage=Slippage(SlippageKind.NONE))


def one() -> BacktestSpec:
    """One strategy on 500 bars, as the peers were given it."""
    trader = Trader(strategy=PeersRsi(), tape=walk(500), sizing=TEN)
    return BacktestSpec(
        traders=(trader,), cash=(Money("10000", "USD"),), model=PEERS, limits=UNLIMITED
    )


def partly_filled() -> BacktestSpec:
    """Orders take a hundredth of a bar's volume, so most of them work for several bars."""
    model = FillModel(participation=Decimal("0.01"), spread_bps=Decimal(2))
    return replace(one(), model=model)


def within_limits() -> BacktestSpec:
    """The gate's paper limits, and shares of equity that they cut down or refuse."""
    return replace(
        one(),
        traders=(Trader(strategy=PeersRsi(), tape=walk(500), allocation=Decimal(1)),),
        limits=replace(PAPER, strategy_day_max=Decimal(1)),
        model=FillModel(),
    )


def sharing_cash() -> BacktestSpec:
    """Three strategies on two symbols, two of them on the same one."""
    first, second = walk(300), walk(300, seed=8, code="OTHER")
    return replace(
        one(),
        traders=(
            Trader(strategy=PeersRsi(), tape=first, sizing=TEN),
            Trader(strategy=PeersRsi(), tape=second, sizing=TEN),
            Trader(strategy=PeersRsi("first"), tape=first, sizing=TEN),
        ),
    )


def short() -> BacktestSpec:
    """Sell signals open short positions."""
    return replace(
        one(),
        traders=(Trader(strategy=PeersRsi(), tape=walk(500), sizing=replace(TEN, short=True)),),
    )


def two_timeframes() -> BacktestSpec:
    """Hours and days of one symbol, which share its position."""
    hours = walk(24 * 20)
    days = Tape.of_columns(
        hours.symbol,
        Timeframe.D1,
        hours.at[::24],
        {
            "open": hours.amounts["open"][::24],
            "high": [max(hours.amounts["high"][n : n + 24]) for n in range(0, len(hours), 24)],
            "low": [min(hours.amounts["low"][n : n + 24]) for n in range(0, len(hours), 24)],
            "close": hours.amounts["close"][23::24],
            "volume": [sum(hours.amounts["volume"][n : n + 24]) for n in range(0, len(hours), 24)],
        },
    )
    return replace(
        one(),
        traders=(
            Trader(strategy=PeersRsi(), tape=hours, sizing=TEN),
            Trader(strategy=RsiCrossStrategy(rsi_period=3), tape=days, sizing=TEN),
        ),
    )


def shipped() -> BacktestSpec:
    """The document's strategy on bars that come with the program."""
    tape = Tape.of_bars(sample_bars("IBM")[:400])
    return BacktestSpec(traders=(Trader(strategy=RsiCrossStrategy(), tape=tape),))


@pytest.mark.parametrize(
    "spec",
    [one(), partly_filled(), within_limits(), sharing_cash(), short(), two_timeframes(), shipped()],
    ids=[
        "one",
        "partly_filled",
        "within_limits",
        "sharing_cash",
        "short",
        "two_timeframes",
        "shipped",
    ],
)
def test_the_log_made_afterwards_equals_that_of_a_bot(spec: BacktestSpec, tmp_path: Path) -> None:
    result = run(spec)
    write_log(result, tmp_path / "made.db")
    run_live(spec, tmp_path / "live.db")
    made, live = bodies(tmp_path / "made.db"), bodies(tmp_path / "live.db")
    different = next((pair for pair in zip(made, live, strict=False) if pair[0] != pair[1]), None)
    assert different is None
    assert len(made) == len(live)
    assert len(made) > 300
