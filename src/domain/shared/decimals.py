"""Exact decimal arithmetic: one context, one canonical form, one way to read and write text.

The interpreter's ambient decimal context (28 digits, changeable by any library in the process)
is never used: a result that depends on it would differ between two machines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from traderbot.domain.shared.errors import InvalidValueError

INTEGER_DIGITS = 20
PLACES = 18  # together 38 digits: what NUMERIC(38,18) holds

# 80 digits hold the product of any two values of 38 digits without rounding.
EXACT = Context(
    prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow]
)

ZERO = Decimal(0)
_ONE = Decimal(1)
_QUANTUM = Decimal(1).scaleb(-PLACES)
LIMIT = Decimal(10) ** INTEGER_DIGITS  # no amount reaches it
# Ten ASCII digits and one point. `Decimal()` itself also reads other scripts' digits,
# underscores, blanks and exponents, none of which belong in an order.
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,18})?", re.ASCII)


def exact(value: Decimal | int | str) -> Decimal:
    """Return `value` as a canonical Decimal: at most 20 digits before the point and 18 after.

    Equal values have one form (1.50 becomes 1.5), so equal values have equal bytes in the log.

    Raises:
        InvalidValueError: a float, NaN, an exponent, another script's digits, too many digits.
    """
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) is None:
            msg = (
                f"not a plain decimal number: {value!r:.60} "
                f"(ASCII digits, at most {INTEGER_DIGITS} before and {PLACES} after the point)"
            )
            raise InvalidValueError(msg)
        return canonical(Decimal(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            msg = f"not a finite number: {value}"
            raise InvalidValueError(msg)
        if value and (
            not -PLACES <= value.adjusted() < INTEGER_DIGITS
            or value != value.quantize(_QUANTUM, context=EXACT)
        ):
            msg = f"more than {INTEGER_DIGITS} digits before or {PLACES} after the point"
            raise InvalidValueError(msg)
        return canonical(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(10**INTEGER_DIGITS) < value < 10**INTEGER_DIGITS:
            msg = f"more than {INTEGER_DIGITS} digits before the point"
            raise InvalidValueError(msg)
        return Decimal(value)
    msg = f"amounts are text, int or Decimal, never {type(value).__name__}: {value!r:.60}"
    raise InvalidValueError(msg)


def canonical(value: Decimal) -> Decimal:
    """Return the one form of an exact value: no trailing zeros, no exponent, no negative zero."""
    if value == value.to_integral_value():
        return value.quantize(_ONE, context=EXACT) if value else ZERO
    return value.normalize(EXACT)


def plain(value: Decimal) -> str:
    """Return the one text of an exact value; `str` would write 0.00000001 as 1E-8.

    Sums keep the trailing zeros of their parts, which compare equal and are stripped here.
    """
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


# Exact sum, difference and opposite; the operators would round to the ambient precision.
add = EXACT.add
subtract = EXACT.subtract
negate = EXACT.minus


def sum_of(values: Iterable[Decimal]) -> Decimal:
    """Return the exact sum; 0 of nothing."""
    total = ZERO
    for value in values:
        total = EXACT.add(total, value)
    return total


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """Return the product, rounded half to even at the 18th place (exact when it fits)."""
    return _settle(EXACT.multiply(left, right))


def share(whole: Decimal, part: Decimal, of: Decimal) -> Decimal:
    """Return `whole * part / of` at 18 places, and exactly `whole` when part is all of it.

    Whoever takes shares until nothing is left has taken exactly the whole: the rounding of an
    early share stays in the remainder and leaves with the last one.
    """
    if part == of:
        return whole
    return _settle(EXACT.divide(EXACT.multiply(whole, part), of))


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` that is not above `value`; both positive."""
    return EXACT.multiply(EXACT.divide_int(value, step), step)


def _settle(value: Decimal) -> Decimal:
    rounded = value.quantize(_QUANTUM, context=EXACT)
    return value if value == rounded else rounded
