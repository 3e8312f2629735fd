"""What a sizing rule answers: a quantity in whole lots, and the arithmetic that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, DivisionByZero, InvalidOperation
from decimal import Overflow as TooLarge
from types import MappingProxyType

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.shared.decimals import INTEGER_DIGITS, PLACES, canonical, exact, plain
from traderbot.domain.shared.errors import CurrencyMismatchError, InvalidValueError
from traderbot.domain.shared.values import Money, Quantity, Symbol

_TRAPS = [InvalidOperation, DivisionByZero, TooLarge]
# A budget is rounded down and a risk is rounded up: what rounding leaves is never spent.
DOWN = Context(prec=80, rounding=ROUND_FLOOR, traps=_TRAPS)
UP = Context(prec=80, rounding=ROUND_CEILING, traps=_TRAPS)
_QUANTUM = Decimal(1).scaleb(-PLACES)
_LARGEST = Decimal(10) ** INTEGER_DIGITS - 1
_NOTHING = Quantity(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedQuantity:
    """A quantity in whole lots, or zero and the one reason for it; and the arithmetic of it.

    The arithmetic is text under stable names, fit for a decision record: whoever has it can do
    the sum again.
    """

    quantity: Quantity = _NOTHING
    blocking_code: str | None = None
    arithmetic: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take a copy: the arithmetic does not change with the caller's dictionary."""
        object.__setattr__(self, "arithmetic", MappingProxyType(dict(self.arithmetic)))


def in_whole_lots(
    instrument: Instrument, wanted: Decimal, arithmetic: Mapping[str, str]
) -> SizedQuantity:
    """Round `wanted` units down to whole lots; less than one lot is blocked."""
    quantity = instrument.whole_lots(max(min(wanted, _LARGEST), Decimal(0)))
    told = {**arithmetic, "lot_size": str(instrument.lot_size), "quantity": str(quantity)}
    if not quantity:
        return SizedQuantity(blocking_code="BUDGET_BELOW_ONE_LOT", arithmetic=told)
    return SizedQuantity(quantity=quantity, arithmetic=told)


def fraction(name: str, value: Decimal, *, most: Decimal | None = Decimal(1)) -> Decimal:
    """Return `value` if it is exact, above zero and at most `most`.

    Raises:
        InvalidValueError: it is not; the message names it.
    """
    checked = exact(value)
    if checked <= 0 or (most is not None and checked > most):
        bounds = "above 0" if most is None else f"above 0 and at most {plain(most)}"
        msg = f"{name} is {bounds}, not {plain(checked)}"
        raise InvalidValueError(msg)
    return checked


def not_negative(name: str, value: Decimal) -> Decimal:
    """Return `value` if it is exact and not below zero. Raises InvalidValueError."""
    checked = exact(value)
    if checked < 0:
        msg = f"{name} is never negative: {plain(checked)}"
        raise InvalidValueError(msg)
    return checked


def in_quote(symbol: Symbol, **amounts: Money | None) -> None:
    """Raise CurrencyMismatchError unless every amount is in what the symbol is priced in."""
    for name, amount in amounts.items():
        if amount is not None and amount.currency != symbol.quote:
            msg = f"{name} is {amount}, and {symbol} is priced in {symbol.quote}: convert it first"
            raise CurrencyMismatchError(msg)


def rounded_down(value: Decimal) -> Decimal:
    """Return `value` at 18 places, never above it: what `exact` takes."""
    return canonical(value.quantize(_QUANTUM, context=DOWN))


def rounded_up(value: Decimal) -> Decimal:
    """Return `value` at 18 places, never below it."""
    return canonical(value.quantize(_QUANTUM, context=UP))


def shown(value: Decimal) -> str:
    """Return a computed value as plain text, rounded to 18 places for the record."""
    return plain(rounded_down(value))
