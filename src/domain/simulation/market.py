"""What a market shows between two bars: a quote, or the levels of an order book."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, Symbol


@dataclass(frozen=True, slots=True)
class Level:
    """A price at which somebody stands, and with how much; None where nobody says how much."""

    price: Price
    quantity: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """Both sides of a market at one instant, best level first.

    `sequence`, from 1 on, tells apart what was seen at the same instant.
    """

    symbol: Symbol
    at: datetime
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: int = 1

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a naive instant, levels out of order or a crossed market."""
        if self.at.utcoffset() != timedelta(0):
            msg = f"a market is seen at an aware UTC instant, not {self.at.isoformat()}"
            raise InvalidValueError(msg)
        if self.sequence < 1:
            msg = f"a sequence starts at 1, not {self.sequence}"
            raise InvalidValueError(msg)
        bids = [level.price for level in self.bids]
        asks = [level.price for level in self.asks]
        if bids != sorted(bids, reverse=True) or asks != sorted(asks):
            msg = f"the levels of {self.symbol} at {self.at.isoformat()} are not best first"
            raise InvalidValueError(msg)
        if bids and asks and bids[0] > asks[0]:
            msg = f"the market is crossed: bid {bids[0]} is above ask {asks[0]}"
            raise InvalidValueError(msg)


def quote(
    symbol: Symbol,
    at: datetime,
    *,
    bid: Price,
    ask: Price,
    bid_quantity: Quantity | None = None,
    ask_quantity: Quantity | None = None,
    sequence: int = 1,
) -> Depth:
    """Return a quote: a market of one level on each side. Raises InvalidValueError."""
    return Depth(
        symbol=symbol,
        at=at,
        bids=(Level(bid, bid_quantity),),
        asks=(Level(ask, ask_quantity),),
        sequence=sequence,
    )
