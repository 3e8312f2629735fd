from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.backtests import slow_backtest
from traderbot.infrastructure.compute.backtests import running
from traderbot.infrastructure.compute.backtests.outcome import Outcome
from traderbot.infrastructure.compute.backtests.running import settle_signals
from traderbot.infrastructure.compute.backtests.terms import Terms
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.kernels.trading import runs


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[int], list[Decimal], list[Decimal], int]:
    places = draw(st.integers(0, 4))
    bars = draw(st.integers(1, 40))
    steps = st.integers(1, draw(st.sampled_from([50, 100_000])))
    prices = draw(st.lists(st.tuples(steps, steps), min_size=bars, max_size=bars))
    signals = draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=bars, max_size=bars))
    opens, closes = ([Decimal(p[k]).scaleb(-places) for p in prices] for k in (0, 1))
    return signals, opens, closes, places


def amounts(most: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(1, most).map(lambda n: Decimal(n).scaleb(-places))


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    fixed = draw(st.booleans())
    return Terms(
        cash=draw(amounts(10**8, 2)),
        quantity=draw(amounts(10**6, draw(st.integers(0, 4)))) if fixed else None,
        share=None if fixed else draw(amounts(100, 2)),
        lot=draw(st.sampled_from([Decimal(1), Decimal("0.001"), Decimal("0.00000001")])),
        fee_bps=draw(st.sampled_from([Decimal(0), Decimal(10), Decimal("7.5"), Decimal("0.01")])),
        slippage_bps=draw(st.sampled_from([Decimal(0), Decimal(5), Decimal("0.25")])),
        cushion=draw(st.sampled_from([Decimal(0), Decimal("0.05")])),
        reserved_fee_bps=draw(st.sampled_from([Decimal(0), Decimal(10)])),
        order_most=draw(st.sampled_from([None, Decimal(10_000), Decimal("123.45")])),
        order_fraction=draw(st.sampled_from([None, Decimal(1), Decimal("0.1")])),
    )


def columns(opens: list[Decimal], closes: list[Decimal]) -> Columns:
    o, c = np.array([float(x) for x in opens]), np.array([float(x) for x in closes])
    return Columns(np.arange(len(o)), o, np.maximum(o, c), np.minimum(o, c), c, np.ones(len(o)))


def as_told(outcome: Outcome) -> list[tuple[object, ...]]:
    return [
        (str(e.kind), e.bar, e.side, e.quantity, e.price, e.fee, e.cash, e.codes)
        for e in outcome.events()
    ]


@pytest.fixture(params=["python", "compiled"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = request.param == "compiled"
    monkeypatch.setattr(running, "_used", {runs.run_signals} if compiled else set())


@pytest.mark.usefixtures("_way")
def test_the_kernel_agrees_with_the_decimal_arithmetic_to_the_last_digit() -> None:
    seen: set[str] = set()

    @settings(max_examples=200, deadline=None)
    @given(markets(), terms())
    def law(market: Any, given_terms: Terms) -> None:
        signals, opens, closes, places = market
        if places > 2 and given_terms.slippage_bps:
            given_terms = Terms(
                **{**fields(given_terms), "tick": Decimal(1).scaleb(-places)},
            )
        bars = columns(opens, closes)
        found = settle_signals(np.array(signals, np.int8), bars, given_terms)
        slow = slow_backtest(signals, opens, closes, given_terms)
        assert as_told(found) == slow.events
        assert (found.cash, found.held) == (slow.cash, slow.held)
        assert found.final_equity == slow.cash + slow.held * closes[found.last_bar]
        expected = np.array([float(each) for each in slow.equity])
        assert len(found.equity) == len(expected) == found.last_bar + 1
        assert np.allclose(found.equity, expected, rtol=1e-14, atol=1e-9)
        seen.update(code for event in found.events() for code in event.codes or (event.kind,))

    law()
    assert seen == {
        *("placed", "filled", "INSUFFICIENT_FUNDS", "ORDER_NOTIONAL_MAX", "BUDGET_BELOW_ONE_LOT")
    }


def fields(given_terms: Terms) -> dict[str, Any]:
    return {name: getattr(given_terms, name) for name in given_terms.__slots__}


def test_both_ways_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(5)
    close = np.round(100 + np.cumsum(chance.normal(0, 0.3, 3_000)), 2)
    opened = np.roll(close, 1)
    opened[0] = close[0]
    bars = Columns(np.arange(3_000), opened, close, close, close, np.ones(3_000))
    signals = chance.integers(-1, 2, 3_000).astype(np.int8)
    on = Terms(cash=Decimal(5_000), share=Decimal("0.9"), cushion=Decimal(0))

    def made(used: set[object]) -> Outcome:
        monkeypatch.setattr(running, "_used", used)
        return settle_signals(signals, bars, on)

    python, compiled = made(set()), made({runs.run_signals})
    assert python.fills > 500
    for name in ("log", "totals", "equity", "sums"):
        assert getattr(python, name).tobytes() == getattr(compiled, name).tobytes(), name
