"""What things are worth and what they are called: Money, Currency, Price, Quantity, Symbol.

All are immutable and exact, compare by value, and refuse floats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from traderbot.domain.shared.decimals import (
    ZERO,
    add,
    exact,
    multiply,
    negate,
    plain,
    subtract,
)
from traderbot.domain.shared.errors import CurrencyMismatchError, InvalidValueError

_CURRENCY = re.compile(r"[A-Z0-9]{2,10}", re.ASCII)
_SYMBOL = re.compile(r"[A-Z0-9]{1,10}(?:[.-][A-Z0-9]{1,4})?(?:/[A-Z0-9]{2,10})?", re.ASCII)
_set = object.__setattr__  # the one way into a frozen instance


@dataclass(frozen=True, slots=True, order=True)
class Currency:
    """What an amount is counted in: USD, BTC, USDT."""

    code: str

    def __post_init__(self) -> None:
        """Raise InvalidValueError unless the code is 2 to 10 capital letters or digits."""
        if not isinstance(self.code, str) or _CURRENCY.fullmatch(self.code) is None:
            msg = f"not a currency: {self.code!r:.60} (2 to 10 capital letters or digits)"
            raise InvalidValueError(msg)

    def __str__(self) -> str:
        return self.code

    # The generated ones make tuples first, and these are compared and looked up all the time.
    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Currency) and self.code == other.code)

    def __hash__(self) -> int:
        return hash(self.code)


@lru_cache(maxsize=4096)
def currency(code: str) -> Currency:
    """Return the currency of that code, the same object each time it is asked for."""
    return Currency(code)


USD = currency("USD")


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """What is traded: a share such as `AAPL` or `BRK.B`, or a pair such as `BTC/USDT`."""

    code: str
    # What a price of it is counted in. Shares settle in US dollars.
    quote: Currency = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raise InvalidValueError unless the code looks like a share or a pair."""
        if not isinstance(self.code, str) or _SYMBOL.fullmatch(self.code) is None:
            msg = f"not a symbol: {self.code!r:.60} (a share like AAPL or a pair like BTC/USDT)"
            raise InvalidValueError(msg)
        _set(self, "quote", currency(self.code.partition("/")[2]) if self.is_pair else USD)

    def __str__(self) -> str:
        return self.code

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Symbol) and self.code == other.code)

    def __hash__(self) -> int:
        return hash(self.code)

    @property
    def is_pair(self) -> bool:
        """Whether one currency is traded for another."""
        return "/" in self.code


@lru_cache(maxsize=4096)
def symbol(code: str) -> Symbol:
    """Return the symbol of that code, the same object each time it is asked for."""
    return Symbol(code)


@dataclass(frozen=True, slots=True, order=True, init=False)
class Quantity:
    """How many units of an instrument; never negative."""

    value: Decimal

    def __init__(self, value: Decimal | int | str) -> None:
        """Raise InvalidValueError for floats, negative or inexact values."""
        amount = exact(value)
        if amount < 0:
            msg = f"a quantity is never negative: {plain(amount)}"
            raise InvalidValueError(msg)
        _set(self, "value", amount)

    def __str__(self) -> str:
        return plain(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __add__(self, other: Quantity) -> Quantity:
        return _quantity(add(self.value, other.value))

    def __sub__(self, other: Quantity) -> Quantity:
        """Raise InvalidValueError if less than nothing would remain."""
        rest = subtract(self.value, other.value)
        if rest < 0:
            msg = f"a quantity is never negative: {self} - {other}"
            raise InvalidValueError(msg)
        return _quantity(rest)


@dataclass(frozen=True, slots=True, order=True, init=False)
class Price:
    """What one unit costs, in the symbol's quote currency; always above zero."""

    value: Decimal

    def __init__(self, value: Decimal | int | str) -> None:
        """Raise InvalidValueError for floats, inexact values, zero and below."""
        amount = exact(value)
        if amount <= 0:
            msg = f"a price is above zero: {plain(amount)}"
            raise InvalidValueError(msg)
        _set(self, "value", amount)

    def __str__(self) -> str:
        return plain(self.value)

    def notional(self, quantity: Quantity, of: Symbol) -> Money:
        """Return what `quantity` units cost, rounded half to even at the 18th place."""
        return _money(multiply(self.value, quantity.value), of.quote)


@dataclass(frozen=True, slots=True, init=False)
class Money:
    """An exact amount of one currency; may be negative. Adding two currencies raises."""

    amount: Decimal
    currency: Currency

    def __init__(self, amount: Decimal | int | str, currency_: Currency | str) -> None:
        """Raise InvalidValueError for floats and inexact values."""
        _set(self, "amount", exact(amount))
        if not isinstance(currency_, Currency):
            currency_ = (
                Currency(currency_) if not isinstance(currency_, str) else currency(currency_)
            )
        _set(self, "currency", currency_)

    @staticmethod
    def parse(text: str) -> Money:
        """Return the money a person wrote as `100.50 USD`. Raises InvalidValueError."""
        amount, blank, code = text.partition(" ")
        if not blank:
            msg = f"not an amount of money: {text!r:.60} (write 100.50 USD)"
            raise InvalidValueError(msg)
        return Money(amount, code)

    @staticmethod
    def zero(of: Currency) -> Money:
        """Return nothing, of that currency."""
        return _money(ZERO, of)

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.currency.code}"

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __neg__(self) -> Money:
        return _money(negate(self.amount), self.currency)

    # The check is repeated where sums are made: they are most of what folding a log does, and
    # currencies are interned by `currency()`, so it is nearly always one comparison of identity.
    def __add__(self, other: Money) -> Money:
        if self.currency is not other.currency:
            self._same(other)
        return _money(add(self.amount, other.amount), self.currency)

    def __sub__(self, other: Money) -> Money:
        if self.currency is not other.currency:
            self._same(other)
        return _money(subtract(self.amount, other.amount), self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def __gt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount > other.amount

    def __ge__(self, other: Money) -> bool:
        self._same(other)
        return self.amount >= other.amount

    def times(self, factor: Decimal) -> Money:
        """Return the amount times a bare number, rounded half to even at the 18th place."""
        return _money(multiply(self.amount, factor), self.currency)

    def _same(self, other: Money) -> None:
        if self.currency is not other.currency and self.currency != other.currency:
            msg = f"{self} and {other} are different currencies"
            raise CurrencyMismatchError(msg)


def trusted_quantity(value: Decimal) -> Quantity:
    """Return a quantity from a value already checked once: read back from the log, or computed."""
    return _quantity(value)


def trusted_price(value: Decimal) -> Price:
    """Return a price from a value already checked once: read back from the log, or computed."""
    made = _new(Price)
    _set(made, "value", value)
    return made


def trusted_money(amount: Decimal, of: Currency) -> Money:
    """Return money from a value already checked once: read back from the log, or computed."""
    return _money(amount, of)


_new = object.__new__


# Setting the fields of a frozen instance goes through a guard, which is most of what a sum costs.
# They are set on an open class with the same slots, and the instance is then given its own.
class _OpenQuantity:
    __slots__ = ("value",)
    value: Decimal


class _OpenMoney:
    __slots__ = ("amount", "currency")
    amount: Decimal
    currency: Currency


def _quantity(value: Decimal) -> Quantity:
    made: Any = _new(_OpenQuantity)
    made.value = value
    made.__class__ = Quantity
    return made  # type: ignore[no-any-return]


def _money(amount: Decimal, of: Currency) -> Money:
    made: Any = _new(_OpenMoney)
    made.amount = amount
    made.currency = of
    made.__class__ = Money
    return made  # type: ignore[no-any-return]
