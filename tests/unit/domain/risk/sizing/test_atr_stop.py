from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.risk.sizing.atr_stop import atr_sizing, atr_stop
from traderbot.domain.risk.sizing.sized_quantity import SizedQuantity
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, symbol

IBM = default_instrument(symbol("IBM"))


def _stop(side: Side, *, entry: str = "100", atr: str = "1.5", multiple: str = "2") -> str:
    stop = atr_stop(
        IBM, side=side, entry=Price(entry), atr=Decimal(atr), multiple=Decimal(multiple)
    )
    return str(stop)


def _sized(side: Side, *, entry: str = "100", atr: str = "1.5") -> SizedQuantity:
    return atr_sizing(
        IBM, side=side, equity=Money("10000", "USD"), entry=Price(entry), atr=Decimal(atr)
    )


def test_a_long_stop_is_below_and_a_short_one_above() -> None:
    assert (_stop(Side.BUY), _stop(Side.SELL)) == ("97", "103")


def test_a_stop_is_put_on_the_tick_that_leaves_more_room() -> None:
    assert (_stop(Side.BUY, atr="1.2345"), _stop(Side.SELL, atr="1.2345")) == ("97.53", "102.47")
    assert (_stop(Side.BUY, atr="1.235"), _stop(Side.SELL, atr="1.235")) == ("97.53", "102.47")


def test_the_quantity_is_measured_with_the_stop_as_it_is_placed() -> None:
    sized = _sized(Side.BUY, atr="1.2345")
    assert sized.quantity == Quantity("40")  # 100 / 2.47
    assert sized.arithmetic["stop"] == "97.53"
    assert (sized.arithmetic["atr"], sized.arithmetic["atr_multiple"]) == ("1.2345", "2")


def test_a_stop_that_would_not_be_above_zero_is_told_apart() -> None:
    with pytest.raises(InvalidValueError, match="use a smaller multiple"):
        _stop(Side.BUY, entry="3", atr="1.5")
    assert _sized(Side.BUY, entry="3").blocking_code == "STOP_NOT_ABOVE_ZERO"
    assert _sized(Side.BUY, entry="3.005").blocking_code == "STOP_NOT_ABOVE_ZERO"
    assert _sized(Side.SELL, entry="3").blocking_code is None


@pytest.mark.parametrize(("atr", "multiple"), [("0", "2"), ("-1", "2"), ("1", "0"), ("NaN", "1")])
def test_ranges_that_are_none_are_refused(atr: str, multiple: str) -> None:
    with pytest.raises(InvalidValueError):
        _stop(Side.BUY, atr=atr, multiple=multiple)


@given(
    side=st.sampled_from(Side),
    cents=st.integers(1, 10**7),
    atr=st.integers(1, 10**6).map(lambda n: Decimal(n) / 1000),
    multiple=st.integers(1, 80).map(lambda n: Decimal(n) / 10),
    tick=st.sampled_from(["0.01", "0.25", "0.00000001", "5"]),
)
def test_a_stop_is_on_a_tick_and_never_nearer_than_asked(
    side: Side, cents: int, atr: Decimal, multiple: Decimal, tick: str
) -> None:
    entry = Decimal(cents) / 100
    instrument = Instrument(symbol=symbol("IBM"), tick_size=Price(tick), lot_size=Quantity(1))
    try:
        stop = atr_stop(instrument, side=side, entry=Price(entry), atr=atr, multiple=multiple)
    except InvalidValueError:
        assert side is Side.BUY
        assert entry - atr * multiple < Decimal(tick)
        return
    away = entry - stop.value if side is Side.BUY else stop.value - entry
    assert atr * multiple <= away < atr * multiple + Decimal(tick)
    assert stop.value % Decimal(tick) == 0
