from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.risk.sizing.sized_quantity import SizedQuantity
from traderbot.domain.risk.sizing.volatility_target import volatility_target
from traderbot.domain.shared.errors import CurrencyMismatchError, InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, symbol

IBM = default_instrument(symbol("IBM"))


def _sized(
    volatility: str = "0.4", *, equity: str = "100000 USD", target: str = "0.1", most: str = "1"
) -> SizedQuantity:
    return volatility_target(
        IBM,
        equity=Money.parse(equity),
        price=Price("100"),
        volatility=Decimal(volatility),
        target=Decimal(target),
        max_leverage=Decimal(most),
    )


def test_what_moves_four_times_as_much_is_held_for_a_quarter() -> None:
    assert _sized("0.4").quantity == Quantity("250")


def test_what_hardly_moves_is_held_for_no_more_than_the_equity() -> None:
    assert _sized("0.01").quantity == Quantity("1000")
    assert _sized("0.01", most="1.5").quantity == Quantity("1500")


def test_the_arithmetic_tells_both_bounds() -> None:
    assert dict(_sized("0.3").arithmetic) == {
        "equity": "100000",
        "price": "100",
        "volatility": "0.3",
        "target": "0.1",
        "max_leverage": "1",
        "quantity_by_volatility": "333.333333333333333333",
        "quantity_by_leverage": "1000",
        "lot_size": "1",
        "quantity": "333",
    }


@pytest.mark.parametrize("equity", ["399 USD", "0 USD", "-5 USD"])
def test_less_than_one_lot_is_blocked(equity: str) -> None:
    assert _sized(equity=equity).blocking_code == "BUDGET_BELOW_ONE_LOT"


@pytest.mark.parametrize("wrong", ["0", "-0.1", "NaN"])
def test_a_volatility_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidValueError):
        _sized(wrong)
    with pytest.raises(InvalidValueError):
        _sized(target=wrong)
    with pytest.raises(InvalidValueError):
        _sized(most=wrong)


def test_another_currency_is_refused() -> None:
    with pytest.raises(CurrencyMismatchError):
        _sized(equity="1 EUR")


@given(
    equity=st.integers(0, 10**12).map(lambda n: Decimal(n) / 100),
    cents=st.integers(1, 10**7),
    volatility=st.integers(1, 3000).map(lambda n: Decimal(n) / 1000),
    target=st.integers(1, 500).map(lambda n: Decimal(n) / 1000),
    most=st.integers(1, 40).map(lambda n: Decimal(n) / 10),
    lot=st.sampled_from(["1", "0.00000001", "100"]),
)
def test_the_equity_never_moves_more_than_its_target_and_with_one_more_lot_it_would(
    *, equity: Decimal, cents: int, volatility: Decimal, target: Decimal, most: Decimal, lot: str
) -> None:
    given_: dict[str, Any] = {"volatility": volatility, "target": target, "max_leverage": most}
    instrument = Instrument(symbol=symbol("IBM"), tick_size=Price("0.01"), lot_size=Quantity(lot))
    price = Price(Decimal(cents) / 100)
    sized = volatility_target(instrument, equity=Money(equity, "USD"), price=price, **given_)

    def too_much(quantity: Fraction) -> bool:
        notional = quantity * Fraction(price.value)
        moves = notional * Fraction(volatility) > Fraction(equity) * Fraction(target)
        return moves or notional > Fraction(equity) * Fraction(most)

    quantity = Fraction(sized.quantity.value)
    assert not too_much(quantity)
    assert too_much(quantity + Fraction(lot))
