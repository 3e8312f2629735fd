from __future__ import annotations

from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.risk.sizing.fixed_fractional import fixed_fractional
from traderbot.domain.risk.sizing.sized_quantity import SizedQuantity
from traderbot.domain.shared.errors import CurrencyMismatchError, InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, symbol

IBM = default_instrument(symbol("IBM"))
BTC = default_instrument(symbol("BTC/USDT"))


def _sized(
    *,
    instrument: Instrument = IBM,
    equity: str = "100000 USD",
    entry: str = "100",
    stop: str = "95",
    risk: str = "0.01",
    fee_bps: str = "0",
    most: str | None = None,
) -> SizedQuantity:
    return fixed_fractional(
        instrument,
        equity=Money.parse(equity),
        entry=Price(entry),
        stop=Price(stop),
        risk_fraction=Decimal(risk),
        fee_bps=Decimal(fee_bps),
        notional_max=None if most is None else Money.parse(most),
    )


def test_being_stopped_out_costs_the_share_that_was_asked_for() -> None:
    assert _sized().quantity == Quantity("200")  # 200 * 5 is 1 % of 100000


def test_a_stop_above_the_entry_is_a_short_trade_of_the_same_size() -> None:
    assert _sized(stop="105").quantity == Quantity("200")


def test_fees_of_both_ways_are_part_of_the_risk() -> None:
    assert _sized(fee_bps="10").quantity == Quantity("192")  # 1000 / (5 + 0.1 + 0.095)


def test_a_tight_stop_is_held_back_by_the_largest_notional() -> None:
    sized = _sized(stop="99.99", most="20000 USD")
    assert sized.quantity == Quantity("200")
    assert sized.arithmetic["quantity_by_risk"] == "100000"
    assert sized.arithmetic["notional_max"] == "20000"


def test_a_coin_is_sized_in_hundred_millionths() -> None:
    sized = _sized(instrument=BTC, equity="1000 USDT", entry="64000", stop="60000")
    assert sized.quantity == Quantity("0.0025")


def test_the_arithmetic_lets_anybody_do_the_sum_again() -> None:
    assert dict(_sized(equity="12345.67 USD", stop="93", fee_bps="10").arithmetic) == {
        "equity": "12345.67",
        "risk_fraction": "0.01",
        "risk_budget": "123.4567",
        "entry": "100",
        "stop": "93",
        "fee_bps": "10",
        "risk_per_unit": "7.193",
        "quantity_by_risk": "17.163450576949812317",
        "lot_size": "1",
        "quantity": "17",
    }


@pytest.mark.parametrize("equity", ["499 USD", "0 USD", "-100 USD"])
def test_less_than_one_lot_is_blocked(equity: str) -> None:
    sized = _sized(equity=equity)
    assert (sized.quantity, sized.blocking_code) == (Quantity(0), "BUDGET_BELOW_ONE_LOT")


def test_the_last_decimal_decides_about_a_lot() -> None:
    assert _sized(equity="500 USD").quantity == Quantity("1")
    assert not _sized(equity="499.999999999999999999 USD").quantity


def test_a_stop_at_the_entry_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidValueError, match="below to go long, above to go short"):
        _sized(stop="100")


@pytest.mark.parametrize(("risk", "fee"), [("0", "0"), ("1.1", "0"), ("-1", "0"), ("0.1", "-1")])
def test_numbers_out_of_bounds_are_refused(risk: str, fee: str) -> None:
    with pytest.raises(InvalidValueError):
        _sized(risk=risk, fee_bps=fee)


def test_a_float_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="never float"):
        fixed_fractional(
            IBM,
            equity=Money("1", "USD"),
            entry=Price("2"),
            stop=Price("1"),
            risk_fraction=0.01,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(("equity", "most"), [("1 EUR", None), ("1 USD", "1 EUR")])
def test_another_currency_is_refused(equity: str, most: str | None) -> None:
    with pytest.raises(CurrencyMismatchError, match="convert it first"):
        _sized(equity=equity, most=most)


_cents = st.integers(1, 10**8).map(lambda cents: Decimal(cents) / 100)


@given(
    equity=st.integers(0, 10**14).map(lambda n: Decimal(n) / 10**4),
    entry=_cents,
    stop=_cents,
    risk=st.integers(1, 1000).map(lambda n: Decimal(n) / 1000),
    fee_bps=st.sampled_from([Decimal(0), Decimal("7.5"), Decimal(100)]),
    lot=st.sampled_from(["1", "0.001", "0.00000001", "100"]),
    most=st.none() | st.integers(0, 10**9).map(Decimal),
)
def test_the_risk_never_passes_its_budget_and_one_more_lot_would(
    *,
    equity: Decimal,
    entry: Decimal,
    stop: Decimal,
    risk: Decimal,
    fee_bps: Decimal,
    lot: str,
    most: Decimal | None,
) -> None:
    if entry == stop:
        return
    instrument = Instrument(symbol=symbol("IBM"), tick_size=Price("0.01"), lot_size=Quantity(lot))
    with localcontext() as ambient:
        ambient.prec, ambient.rounding = 3, ROUND_UP
        sized = fixed_fractional(
            instrument,
            equity=Money(equity, "USD"),
            entry=Price(entry),
            stop=Price(stop),
            risk_fraction=risk,
            fee_bps=fee_bps,
            notional_max=None if most is None else Money(most, "USD"),
        )
    unit = abs(Fraction(entry) - Fraction(stop)) + Fraction(fee_bps) / 10_000 * (
        Fraction(entry) + Fraction(stop)
    )
    budget = Fraction(equity) * Fraction(risk)
    quantity, one_more = (
        Fraction(sized.quantity.value),
        Fraction(sized.quantity.value) + Fraction(lot),
    )
    assert quantity * unit <= budget
    assert (quantity / Fraction(lot)).denominator == 1
    too_much = one_more * unit > budget
    if most is not None:
        assert quantity * Fraction(entry) <= Fraction(most)
        too_much |= one_more * Fraction(entry) > Fraction(most)
    assert too_much
    assert (sized.blocking_code is None) is bool(quantity)
