from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from traderbot.infrastructure.compute.kernels.trading.money import (
    LARGEST_AMOUNT,
    MILLION,
    covers,
    dearest,
    lots_of_share,
    parts_of,
    steps_of,
    worse_price,
)

AMOUNTS = st.integers(0, LARGEST_AMOUNT)
MILLIONTHS = st.integers(0, MILLION - 1)
PPM = st.integers(0, MILLION)
LIMIT = 2**63


@given(AMOUNTS, PPM)
def test_a_share_of_an_amount_is_exact(amount: int, ppm: int) -> None:
    units, millionths = parts_of(amount, ppm)
    assert Fraction(units) + Fraction(millionths, MILLION) == Fraction(amount * ppm, MILLION)
    assert 0 <= millionths < MILLION


@given(AMOUNTS, MILLIONTHS, PPM, st.integers(1, 10**12))
def test_the_lots_of_a_share_are_the_whole_ones(
    units: int, rest: int, ppm: int, price: int
) -> None:
    cash = Fraction(units) + Fraction(rest, MILLION)
    assert lots_of_share(units, rest, ppm, price) == math.floor(cash * ppm / MILLION / price)


@given(AMOUNTS, MILLIONTHS, AMOUNTS, st.integers(0, MILLION // 2), st.integers(0, MILLION // 2))
def test_cash_covers_what_the_gate_would_set_aside(
    units: int, rest: int, notional: int, cushion: int, fee: int
) -> None:
    need = notional * Fraction(MILLION + cushion, MILLION) * Fraction(MILLION + fee, MILLION)
    enough = need <= Fraction(units) + Fraction(rest, MILLION)
    assert covers(units, rest, notional, cushion, fee) is enough


@given(st.integers(1, 10**9), st.integers(0, 300_000), st.integers(0, 300_000))
def test_cash_covers_an_order_to_the_last_millionth(notional: int, cushion: int, fee: int) -> None:
    need = notional * Fraction(MILLION + cushion, MILLION) * Fraction(MILLION + fee, MILLION)
    millionths = math.ceil(need * MILLION)
    assert covers(millionths // MILLION, millionths % MILLION, notional, cushion, fee)
    below = millionths - 1
    assert not covers(below // MILLION, below % MILLION, notional, cushion, fee)


@given(st.integers(1, 10**15), PPM, st.integers(1, 1_000), st.sampled_from([1, -1]))
def test_a_price_moves_to_the_next_tick_on_the_wrong_side(
    price: int, ppm: int, tick: int, side: int
) -> None:
    value = price * Fraction(MILLION + side * ppm, MILLION)
    rounded = math.ceil(value / tick) if side > 0 else max(math.floor(value / tick), 1)
    assert worse_price(price, ppm, tick, side) == (rounded * tick if ppm else price)


@given(st.integers(1, 10**13), st.integers(0, 8))
def test_a_price_is_on_the_grid_it_was_written_on(steps: int, places: int) -> None:
    scale = 10**places
    assert steps_of(steps / scale, scale) == steps


def test_what_is_between_two_steps_or_no_price_is_on_no_grid() -> None:
    assert steps_of(0.125, 100) == -1
    for price in (0.0, -1.0, math.nan, math.inf, 1e17):
        assert steps_of(price, 100) == -1


@given(st.integers(0, 10**12))
def test_nothing_dearer_than_the_dearest_price_is_multiplied(lots: int) -> None:
    assert dearest(lots) * lots <= LARGEST_AMOUNT < LIMIT // 2
