from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.infrastructure.compute.arrays import columns, decimals, floats


def test_bars_become_columns() -> None:
    bar = Bar(
        symbol=symbol("IBM"),
        timeframe=Timeframe("1d"),
        at=datetime(2026, 1, 2, tzinfo=UTC),
        open=Price("10.1"),
        high=Price("10.5"),
        low=Price("9.75"),
        close=Price("10"),
        volume=Quantity("1200"),
    )
    found = {name: column.tolist() for name, column in columns([bar, bar]).items()}
    assert found == {
        "open": [10.1] * 2,
        "high": [10.5] * 2,
        "low": [9.75] * 2,
        "close": [10.0] * 2,
        "volume": [1200.0] * 2,
    }


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_a_float_comes_back_from_its_decimal(values: list[float]) -> None:
    assert floats(decimals(np.array(values, dtype=np.float64))).tolist() == values


@given(st.decimals(min_value="0.00000001", max_value="999999", places=8))
def test_a_price_comes_back_from_its_float(amount: Decimal) -> None:
    assert decimals(floats([amount])) == [amount]
