from __future__ import annotations

import copy
import decimal
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from decimal import Decimal
from functools import partial

import pytest

from traderbot.domain.shared.errors import CurrencyMismatchError, InvalidValueError
from traderbot.domain.shared.values import (
    USD,
    Currency,
    Money,
    Price,
    Quantity,
    Symbol,
    currency,
    symbol,
    trusted_money,
    trusted_price,
    trusted_quantity,
)


@pytest.mark.parametrize(
    "make", [Quantity, Price, partial(Money, currency_="USD")], ids=["Quantity", "Price", "Money"]
)
@pytest.mark.parametrize(
    "wrong",
    [0.1, True, None, "NaN", "1e5", "+1", " 1", "1_0", "٣", "1" * 40, "1\x00", Decimal("Infinity")],
    ids=repr,
)
def test_every_amount_refuses_what_is_no_exact_number(
    make: Callable[[object], object], wrong: object
) -> None:
    with pytest.raises(InvalidValueError):
        make(wrong)


# --- quantity ---------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["-1", "-0.000000000000000001", -1, Decimal("-0.5")])
def test_a_quantity_is_never_negative(wrong: Decimal | int | str) -> None:
    with pytest.raises(InvalidValueError, match="never negative"):
        Quantity(wrong)


def test_a_quantity_may_be_nothing() -> None:
    assert not Quantity("0")
    assert str(Quantity("-0.0")) == "0"
    assert Quantity("0.000000000000000001")


def test_quantities_add_and_subtract_exactly() -> None:
    assert Quantity("0.1") + Quantity("0.2") == Quantity("0.3")
    assert Quantity("0.3") - Quantity("0.1") == Quantity("0.2")
    assert Quantity("5") - Quantity("5") == Quantity(0)


def test_no_quantity_is_left_below_nothing() -> None:
    with pytest.raises(InvalidValueError, match=r"1 - 1\.1"):
        Quantity("1") - Quantity("1.1")


def test_quantities_are_ordered_by_value_not_by_text() -> None:
    assert Quantity("9") < Quantity("10")
    assert sorted([Quantity("10"), Quantity("9.5")]) == [Quantity("9.5"), Quantity("10")]


def test_equal_quantities_are_one_key() -> None:
    assert {Quantity("1.50"), Quantity("1.5"), Quantity(Decimal("15E-1"))} == {Quantity("1.5")}
    assert str(Quantity("1.50")) == str(Quantity("1.5")) == "1.5"


# --- price ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["0", "-0", "0.0", "-1", 0, -1])
def test_a_price_is_above_zero(wrong: int | str) -> None:
    with pytest.raises(InvalidValueError, match="above zero"):
        Price(wrong)


def test_a_notional_is_price_times_quantity_in_the_quote_currency() -> None:
    assert Price("0.1").notional(Quantity("3"), symbol("AAPL")) == Money("0.3", "USD")
    assert Price("64000.5").notional(Quantity("0.5"), symbol("BTC/USDT")) == Money(
        "32000.25", "USDT"
    )


def test_a_small_price_is_written_without_an_exponent() -> None:
    assert str(Price("0.00000001")) == "0.00000001"


def test_a_price_is_no_quantity() -> None:
    alike: list[object] = [Price("1"), Quantity("1")]
    assert alike[0] != alike[1]
    with pytest.raises(TypeError):
        _ = Price("1") < Quantity("1")  # type: ignore[operator]


# --- money ------------------------------------------------------------------------------------


def test_money_adds_and_subtracts_in_one_currency() -> None:
    assert Money("0.1", "USD") + Money("0.2", "USD") == Money("0.3", "USD")
    assert Money("1", "USD") - Money("1.01", "USD") == Money("-0.01", "USD")
    assert -Money("1.5", "USD") == Money("-1.5", "USD")
    assert str(-Money("0", "USD")) == "0 USD"


def test_a_currency_made_twice_is_one_currency() -> None:
    assert Money("1", Currency("USD")) + Money("1", "USD") == Money("2", USD)
    assert {Currency("USD"): 1}[USD] == 1
    assert {Symbol("AAPL"): 1}[symbol("AAPL")] == 1


_TWO_CURRENCIES: list[Callable[[Money, Money], object]] = [
    lambda left, right: left + right,
    lambda left, right: left - right,
    lambda left, right: left < right,
    lambda left, right: left <= right,
    lambda left, right: left > right,
    lambda left, right: left >= right,
    min,
]


@pytest.mark.parametrize(
    "meet", _TWO_CURRENCIES, ids=["add", "subtract", "lt", "le", "gt", "ge", "min"]
)
def test_two_currencies_never_meet(meet: Callable[[Money, Money], object]) -> None:
    with pytest.raises(CurrencyMismatchError, match="1 USD"):
        meet(Money("1", "USD"), Money("1", "EUR"))


def test_the_same_amount_of_two_currencies_is_not_equal() -> None:
    assert Money("1", "USD") != Money("1", "USDT")
    assert Money("0", "USD") != Money("0", "EUR")


def test_money_is_ordered_by_amount() -> None:
    small, large = Money("9", "USD"), Money("10", "USD")
    assert small < large
    assert small <= large
    assert large > small
    assert large >= small
    assert small <= Money("9.0", "USD")
    assert small >= Money("9.0", "USD")
    assert not small < Money("9.0", "USD")
    assert not small > Money("9.0", "USD")


def test_money_is_never_added_to_a_bare_number() -> None:
    with pytest.raises(AttributeError):
        Money("1", "USD") + Decimal(1)  # type: ignore[operator]


def test_money_times_a_number_is_rounded_half_to_even_at_the_18th_place() -> None:
    assert Money("100", "USD").times(Decimal("1.05")) == Money("105", "USD")
    assert Money("0.000000000000000001", "USD").times(Decimal("0.5")) == Money("0", "USD")
    assert Money("0.000000000000000003", "USD").times(Decimal("0.5")) == Money(
        "0.000000000000000002", "USD"
    )


@pytest.mark.parametrize("text", ["100.5 USD", "-1 EUR", "0 USDT", "0.00000001 BTC"])
def test_money_there_and_back_is_identity(text: str) -> None:
    assert str(Money.parse(text)) == text


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "100",
        "USD",
        "100USD",
        "100  USD",
        " 100 USD",
        "100 USD ",
        "100 usd",
        "100 USD USD",
        "USD 100",
        "1e2 USD",
        "100\tUSD",
        "100 U\x00D",
        "100 \ud800",
    ],
)
def test_money_that_is_not_amount_blank_currency_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        Money.parse(wrong)
    assert str(refusal.value).encode("utf-8")


def test_nothing_is_false_and_has_a_currency() -> None:
    assert not Money.zero(USD)
    assert Money("-0.01", "USD")
    assert Money.zero(USD) == Money("0", "USD")


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["USD", "BTC", "USDT", "1INCH", "AB", "ABCDEFGHIJ"])
def test_a_currency_is_2_to_10_capitals_or_digits(code: str) -> None:
    assert str(Currency(code)) == code


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "U",
        "usd",
        "US D",
        "USD\n",
        "ABCDEFGHIJK",
        "ÜSD",
        "ＵＳＤ",
        "U٣",
        "\ud800\ud800",
        "A\x00",
    ],
    ids=ascii,
)
def test_a_currency_of_any_other_form_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        currency(wrong)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("wrong", [None, 1, True, b"USD"])
def test_a_currency_that_is_no_text_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidValueError):
        Currency(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "quote"),
    [
        ("AAPL", "USD"),
        ("BRK.B", "USD"),
        ("BF-B", "USD"),
        ("F", "USD"),
        ("BTC/USDT", "USDT"),
        ("ETH/BTC", "BTC"),
    ],
)
def test_a_symbol_knows_what_its_price_is_counted_in(code: str, quote: str) -> None:
    assert symbol(code).quote == currency(quote)
    assert symbol(code).is_pair is ("/" in code)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "aapl",
        "AAPL ",
        "AAPL\n",
        "BTC/",
        "/USD",
        "BTC/U",
        "BTC/USD/EUR",
        "BTC//USD",
        "..",
        "A" * 11,
        "АAPL",  # its first letter is Cyrillic
        "ＡＡＰＬ",  # full-width letters
        "A\x00",
        "\ud800",
        "A'; DROP TABLE orders",
        "=1+1",
    ],
    ids=ascii,
)
def test_a_symbol_of_any_other_form_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        symbol(wrong)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("wrong", [None, 1, True, b"AAPL"])
def test_a_symbol_that_is_no_text_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidValueError):
        Symbol(wrong)  # type: ignore[arg-type]


# --- all of them ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Quantity("1"), "value"),
        (Price("1"), "value"),
        (Money("1", "USD"), "amount"),
        (Currency("USD"), "code"),
        (Symbol("AAPL"), "code"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_cannot_be_changed_and_is_copied_as_itself(value: object, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, "2")
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - its own bytes


def test_a_trusted_value_is_written_in_the_same_form() -> None:
    assert str(trusted_quantity(Decimal("1.50"))) == "1.5"
    assert str(trusted_price(Decimal("1E+2"))) == "100"
    assert str(trusted_money(Decimal("-0.0"), USD)) == "0 USD"
    assert trusted_quantity(Decimal("1.50")) == Quantity("1.5")
    assert {trusted_price(Decimal("1.50")), Price("1.5")} == {Price("1.5")}


def test_values_do_not_depend_on_the_ambient_decimal_context() -> None:
    def everything() -> list[str]:
        amount = Money("12345678901234567890.123456789012345678", "USD")
        cent = Money("0.010000000000000001", "USD")
        return [
            str(amount + cent),
            str(amount - cent),
            str(-amount),
            str(amount.times(Decimal("1.000000001"))),
            str(Price("64000.12345678").notional(Quantity("0.12345678"), symbol("BTC/USDT"))),
            str(Quantity("12345.678901") + Quantity("0.0000009")),
            str(Quantity("12345.678901") - Quantity("0.0000009")),
            str(amount > cent),
            str(min(amount, amount + cent)),
        ]

    expected = everything()
    with decimal.localcontext() as ambient:
        ambient.prec = 5
        ambient.rounding = decimal.ROUND_UP
        assert everything() == expected
