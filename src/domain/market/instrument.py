"""What a venue lets us trade of a symbol: in which steps, and from how much on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from traderbot.domain.shared.decimals import INTEGER_DIGITS, floor_to
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol, trusted_quantity

_LIMIT = Decimal(10) ** INTEGER_DIGITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A symbol with the smallest step of its price and the smallest step of its quantity.

    `notional_min` is what an order is worth at least, in the quote currency; None: no such rule.
    """

    symbol: Symbol
    tick_size: Price
    lot_size: Quantity
    notional_min: Money | None = None

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a lot of nothing, or a least notional in other money."""
        if not self.lot_size:
            msg = f"the lot size of {self.symbol} is above zero"
            raise InvalidValueError(msg)
        least = self.notional_min
        if least is not None and (least.currency != self.symbol.quote or least.amount < 0):
            msg = (
                f"the least notional of {self.symbol} is 0 or more {self.symbol.quote}, not {least}"
            )
            raise InvalidValueError(msg)

    def whole_lots(self, quantity: Decimal) -> Quantity:
        """Return the largest tradable quantity that is not above `quantity`.

        `quantity` may have any number of places: it is usually the quotient of two amounts.

        Raises:
            InvalidValueError: a float, NaN, below zero, or more than 20 digits before the point.
        """
        if not isinstance(quantity, Decimal) or not quantity.is_finite():
            msg = f"a quantity is a finite Decimal, not {quantity!r:.60}"
            raise InvalidValueError(msg)
        if not 0 <= quantity < _LIMIT:
            msg = f"a quantity is from 0 to below 1e{INTEGER_DIGITS}, not {quantity!s:.60}"
            raise InvalidValueError(msg)
        return trusted_quantity(floor_to(quantity, self.lot_size.value))


def default_instrument(symbol: Symbol) -> Instrument:
    """Return what is assumed of a symbol nobody described.

    Cents; whole shares or 1e-8 coins; of coins paid for in a currency of that size, one of it.
    """
    lot_size, notional_min = _SHARE_LOT, None
    if symbol.is_pair:
        lot_size = _COIN_LOT
        notional_min = Money(1, symbol.quote) if symbol.quote.code in _LIKE_DOLLARS else None
    return Instrument(symbol=symbol, tick_size=_CENT, lot_size=lot_size, notional_min=notional_min)


_CENT = Price("0.01")
_SHARE_LOT = Quantity(1)
_COIN_LOT = Quantity("0.00000001")
_LIKE_DOLLARS = frozenset({"USD", "USDT", "USDC", "EUR", "GBP", "CHF"})
