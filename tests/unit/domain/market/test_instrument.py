from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, symbol

SHARE = default_instrument(symbol("AAPL"))
PAIR = default_instrument(symbol("BTC/USDT"))


def test_shares_trade_in_cents_and_whole_pieces() -> None:
    assert (SHARE.tick_size, SHARE.lot_size) == (Price("0.01"), Quantity(1))


def test_pairs_trade_in_cents_and_hundred_millionths() -> None:
    assert (PAIR.tick_size, PAIR.lot_size) == (Price("0.01"), Quantity("0.00000001"))


def test_a_fraction_of_a_share_is_not_bought() -> None:
    assert SHARE.whole_lots(Decimal("10.999")) == Quantity(10)


def test_less_than_a_lot_is_nothing() -> None:
    assert SHARE.whole_lots(Decimal("0.999")) == Quantity(0)


def test_a_quotient_of_any_length_is_cut_to_whole_lots() -> None:
    assert PAIR.whole_lots(Decimal(1) / Decimal(3)) == Quantity("0.33333333")


@given(st.decimals(0, 10**9, allow_nan=False), st.sampled_from(["1", "0.01", "0.00000001", "25"]))
def test_the_lots_never_exceed_the_wish_and_miss_it_by_less_than_one(
    wish: Decimal, lot: str
) -> None:
    instrument = Instrument(symbol=symbol("AAPL"), tick_size=Price("0.01"), lot_size=Quantity(lot))
    lots = instrument.whole_lots(wish).value
    assert lots <= wish < lots + Decimal(lot)
    assert lots % Decimal(lot) == 0
    assert instrument.whole_lots(lots).value == lots


@pytest.mark.parametrize("bad", [Decimal(-1), Decimal("NaN"), Decimal("Infinity"), Decimal("1e20")])
def test_no_lots_are_made_of_what_is_no_quantity(bad: Decimal) -> None:
    with pytest.raises(InvalidValueError):
        SHARE.whole_lots(bad)


def test_no_lots_are_made_of_a_float() -> None:
    with pytest.raises(InvalidValueError, match="finite Decimal"):
        SHARE.whole_lots(1.5)  # type: ignore[arg-type]


def test_a_lot_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="lot size of AAPL is above zero"):
        Instrument(symbol=symbol("AAPL"), tick_size=Price(1), lot_size=Quantity(0))
