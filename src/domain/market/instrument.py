"""What a venue lets us trade of a symbol: in which steps of price and of quantity."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from traderbot.domain.shared.decimals import INTEGER_DIGITS, floor_to
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, Symbol, trusted_quantity

_LIMIT = Decimal(10) ** INTEGER_DIGITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A symbol with the smallest step of its price and the smallest step of its quantity."""

    symbol: Symbol
    tick_size: Price
    lot_size: Quantity

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a lot of nothing."""
        if not self.lot_size:
            msg = f"the lot size of {self.symbol} is above zero"
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
    """Return the steps assumed of a symbol nobody described: cents; whole shares or 1e-8 coins."""
    lot_size = _COIN_LOT if symbol.is_pair else _SHARE_LOT
    return Instrument(symbol=symbol, tick_size=_CENT, lot_size=lot_size)


_CENT = Price("0.01")
_SHARE_LOT = Quantity(1)
_COIN_LOT = Quantity("0.00000001")
