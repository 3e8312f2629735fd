"""The short way and the engine are one: the same fills, the same money, to the last digit."""

from __future__ import annotations

import random
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.application.backtesting.test_engine import FREE, TEN, Says, bars, flat, spec
from tests.walks import walk
from traderbot.backtesting import (
    UNLIMITED,
    AtEnd,
    BacktestSpec,
    FillModel,
    Sizing,
    SizingRule,
    Slippage,
    SlippageKind,
    Trader,
    run,
)
from traderbot.domain.shared.values import Money

_BPS = st.decimals("0", "30", places=1)
_SLIPPAGES = st.one_of(
    st.just(Slippage(SlippageKind.NONE)),
    st.builds(Slippage, st.just(SlippageKind.BPS), _BPS),
    st.builds(Slippage, st.just(SlippageKind.RANGE), st.decimals("0", "0.5", places=2)),
    st.builds(Slippage, st.just(SlippageKind.VOLUME), st.decimals("0", "0.5", places=2)),
)
_MODELS = st.builds(
    FillModel, maker_fee_bps=_BPS, taker_fee_bps=_BPS, slippage=_SLIPPAGES, spread_bps=_BPS
)
_SIZINGS = st.one_of(
    st.builds(Sizing, rule=st.just(SizingRule.FIXED), amount=st.decimals("0.5", "60", places=2)),
    st.builds(Sizing, rule=st.just(SizingRule.SHARE), amount=st.decimals("0.01", "1", places=2)),
)


@given(
    seed=st.integers(0, 10_000),
    model=_MODELS,
    sizing=_SIZINGS,
    at_end=st.sampled_from(AtEnd),
    code=st.sampled_from(["WALK", "BTC/USD"]),
)
@settings(max_examples=60)
def test_both_ways_come_to_the_same(
    seed: int, model: FillModel, sizing: Sizing, at_end: AtEnd, code: str
) -> None:
    draw = random.Random(seed)  # noqa: S311 - a script anybody can repeat
    script = {i: draw.choice(["BUY", "SELL"]) for i in range(40) if draw.random() < 0.4}
    trader = Trader(strategy=Says(script), tape=walk(40, seed, code), sizing=sizing)
    cash = (Money("5000", "USD"),)
    result = run(
        BacktestSpec(traders=(trader,), cash=cash, model=model, limits=UNLIMITED, at_end=at_end)
    )
    equity, traded, open_units = list(result.equity_exact), result.traded, result.open_units
    trades, blocked, fees = result.trades, result.blocked, result.fees
    played = result.played  # raises if the engine traded anything else
    whole = type(result)(result.spec, result.run_id, None, lambda _signals: played)
    # A run that ends early has no bars behind its end.
    assert list(whole.equity_exact) == equity[: len(whole.at)]
    assert (whole.traded, whole.trades, whole.fees) == (traded, trades, fees)
    assert whole.open_units == open_units
    assert {code: whole.blocked.get(code) for code in blocked} == blocked
    assert [float(value) for value in equity] == list(result.equity)


def test_an_order_the_cash_does_not_cover_is_the_engines_to_refuse() -> None:
    sizing = Sizing(rule=SizingRule.FIXED, amount=Decimal(1000))
    result = run(spec(bars(flat(5)), Says({1: "BUY"}), sizing))
    assert [it.reasons[0].code for it in result.rejected] == ["INSUFFICIENT_FUNDS"]
    assert not result.traded


def test_a_signal_on_the_last_bar_works_and_trades_nothing() -> None:
    result = run(spec(bars(flat(5)), Says({4: "BUY"})))
    assert not result.traded
    assert [it.status for it in result.orders] == ["accepted"]
    assert result.final_equity == Money("10000", "USD")


def test_reading_the_orders_does_not_change_the_figures() -> None:
    result = run(spec(bars([*flat(3), *flat(3, "110")]), Says({1: "BUY", 4: "SELL"}), TEN))
    before = result.summary()
    assert [it.side for it in result.orders] == ["buy", "sell"]
    assert result.summary() == before
    assert result.spec.model == FREE
